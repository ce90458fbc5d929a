#include "protocols/aws/adapter/post_object.h"

#include <algorithm>
#include <array>

#include "codec/text.h"
#include "codec/xml.h"

namespace narrows::aws {
namespace {

constexpr std::string_view kFileName = "${filename}";

/// Of the proof and of the form itself: these are no part of the object.
constexpr std::array<std::string_view, 14> kOfForm = {"key",
                                                      "bucket",
                                                      "policy",
                                                      "x-amz-algorithm",
                                                      "x-amz-credential",
                                                      "x-amz-date",
                                                      "x-amz-signature",
                                                      "x-amz-security-token",
                                                      "awsaccesskeyid",
                                                      "signature",
                                                      "success_action_status",
                                                      "success_action_redirect",
                                                      "redirect",
                                                      "submit"};
constexpr std::array<std::string_view, 5> kHeaders = {
    "cache-control", "content-disposition", "content-encoding", "content-type", "expires"};
/// Of the POST's own head; everything else there is the form's.
constexpr std::array<std::string_view, 4> kKept = {"host", "user-agent", "expect", "traceparent"};

template <std::size_t N>
bool has(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

auto no_object(std::string what) {
    return fail(ErrorCode::invalid, "the form " + std::move(what));
}

/// The header that a field stands for; empty: none.
std::string header_of(const std::string& field) {
    if (field == "acl") {
        return "x-amz-acl";
    }
    return has(kHeaders, field) || field.starts_with("x-amz-") ? field : std::string();
}

Result<void> add_field(const codec::Pair& field, http::Headers& headers) {
    if (has(kOfForm, field.name) || field.name.starts_with("x-ignore-")) {
        return ok();
    }
    const std::string name = header_of(field.name);
    const bool writable = std::none_of(field.value.begin(), field.value.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    });
    if (name.empty() || !writable) {
        return no_object(
            "has a field that stands for no header of an object, or whose value no "
            "header can hold: " +
            codec::printable(field.name));
    }
    if (!field.value.empty()) {
        headers.push_back({name, std::string(codec::trim(field.value))});
    }
    return ok();
}

/// "/bucket" of "/bucket" and "/bucket/", nothing of "/".
Result<std::string> base_of(std::string_view target) {
    if (target.ends_with('/')) {
        target.remove_suffix(1);
    }
    const bool whole = target.empty() || (target.starts_with('/') && target.size() > 1);
    if (!whole || target.find('/', 1) != std::string_view::npos ||
        target.find('?') != std::string_view::npos) {
        return no_object("is sent to something else than a bucket");
    }
    return std::string(target);
}

std::string element(std::string_view name, std::string_view text) {
    return "<" + std::string(name) + ">" + codec::xml_escape(text) + "</" + std::string(name) + ">";
}

std::string redirect_of(const sigv4::FormFields& fields) {
    std::string url(sigv4::form_field(fields, "success_action_redirect"));
    if (url.empty()) {
        url = sigv4::form_field(fields, "redirect");
    }
    const bool good = url.starts_with("http://") || url.starts_with("https://");
    const bool writable =
        std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    return good && writable ? url : std::string();
}

}  // namespace

bool is_form_post(const http::RequestHead& head) {
    return head.method == "POST" && http::count(head.headers, "authorization") == 0 &&
           head.target.find('?') == std::string::npos &&
           codec::lower(http::header(head.headers, "content-type"))
               .starts_with("multipart/form-data");
}

sigv4::FormFields fields_of(const codec::FormUpload& form) {
    const std::string& whole = form.file_name();
    const std::string name = whole.substr(whole.find_last_of("/\\") + 1);
    sigv4::FormFields fields = form.fields();
    for (codec::Pair& field : fields) {
        if (field.name == "policy") {
            continue;
        }
        for (std::size_t at = field.value.find(kFileName); at != std::string::npos;
             at = field.value.find(kFileName, at + name.size())) {
            field.value.replace(at, kFileName.size(), name);
        }
    }
    return fields;
}

Result<http::RequestHead> put_of_form(const http::RequestHead& post,
                                      const sigv4::FormFields& fields) {
    NARROWS_TRY(const std::string base, base_of(post.target));
    const std::string_view key = sigv4::form_field(fields, "key");
    if (key.empty()) {
        return no_object("has no key");
    }
    http::RequestHead put{"PUT", base + "/" + codec::percent_encode(key, "/"), {}};
    for (const codec::Pair& field : post.headers) {
        if (has(kKept, codec::lower(field.name))) {
            put.headers.push_back(field);
        }
    }
    for (const codec::Pair& field : fields) {
        NARROWS_TRY(add_field(field, put.headers));
    }
    http::set(put.headers, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    return put;
}

Result<std::string> bucket_of_form(const http::RequestHead& post, std::string_view host_bucket) {
    NARROWS_TRY(const std::string base, base_of(post.target));
    if (base.empty() == host_bucket.empty()) {
        return no_object("names no bucket, or one in the host and one in the path");
    }
    return base.empty() ? std::string(host_bucket) : base.substr(1);
}

Answer answer_form(const sigv4::FormFields& fields, const std::string& bucket,
                   const std::string& url, const http::ResponseHead& stored) {
    const std::string key(sigv4::form_field(fields, "key"));
    const std::string etag(http::header(stored.headers, "etag"));
    const std::string_view wanted = sigv4::form_field(fields, "success_action_status");
    const std::string redirect = redirect_of(fields);
    Answer answer;
    answer.headers = stored.headers;
    http::set(answer.headers, "Location", url);
    if (!redirect.empty()) {
        answer.status = 303;
        http::set(answer.headers, "Location",
                  redirect + (redirect.find('?') == std::string::npos ? "?" : "&") + "bucket=" +
                      codec::percent_encode(bucket) + "&key=" + codec::percent_encode(key) +
                      "&etag=" + codec::percent_encode(etag));
    } else if (wanted == "201") {
        answer.status = 201;
        http::set(answer.headers, "Content-Type", "application/xml");
        answer.body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse>" +
                      element("Location", url) + element("Bucket", bucket) + element("Key", key) +
                      element("ETag", etag) + "</PostResponse>";
    } else {
        answer.status = wanted == "200" ? 200 : 204;
    }
    return answer;
}

}  // namespace narrows::aws
