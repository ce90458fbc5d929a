#include "protocols/aws/upstream/sts.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/rfc3339.h"
#include "codec/text.h"
#include "codec/xml.h"
#include "crypto/hash.h"

namespace narrows::upstream {
namespace {

constexpr std::size_t kNameMax = 64;
constexpr std::size_t kTagValueMax = 256;
constexpr std::size_t kTagsMax = 50;
constexpr std::size_t kRoleArnMax = 2048;

bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_name_char(char c) {
    return is_alnum(c) || std::string_view("_+=,.@-").find(c) != std::string_view::npos;
}

/// `text` with each character (a UTF-8 sequence is one) that `keep` refuses made into `other`.
template <class Keep>
std::string replace_others(std::string_view text, std::size_t size_max, char other, Keep keep) {
    std::string out;
    for (const char c : text) {
        if (out.size() == size_max) break;
        const bool continues = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
        if (!continues) out.push_back(keep(c) ? c : other);
    }
    return out;
}

bool is_session_name(std::string_view text) {
    return text.size() >= 2 && text.size() <= kNameMax && std::ranges::all_of(text, is_name_char);
}

auto breaks(std::string what) {
    return fail(ErrorCode::invalid, "STS would refuse the role session: " + std::move(what));
}

/// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html, request parameters.
Result<void> check_limits(const AssumeRole& ask) {
    if (ask.role_arn.size() < 20 || ask.role_arn.size() > kRoleArnMax ||
        !ask.role_arn.starts_with("arn:")) {
        return breaks("role_arn is no ARN of 20 to 2048 characters");
    }
    if (!is_session_name(ask.role_session_name)) {
        return breaks("RoleSessionName must be 2 to 64 characters of A-Z a-z 0-9 _+=,.@-");
    }
    if (!ask.source_identity.empty() && !is_session_name(ask.source_identity)) {
        return breaks("SourceIdentity must be 2 to 64 characters of A-Z a-z 0-9 _+=,.@-");
    }
    if (ask.policy.size() > kSessionPolicyMax) {
        return breaks("the session policy has " + std::to_string(ask.policy.size()) +
                      " characters, and 2048 is the limit; give the connection a smaller scope");
    }
    if (ask.duration_s < kDurationMin_s || ask.duration_s > kDurationMax_s) {
        return breaks("the duration must be 900 to 43200 seconds");
    }
    if (!ask.external_id.empty() && (ask.external_id.size() < 2 || ask.external_id.size() > 1224)) {
        return breaks("external_id must be 2 to 1224 characters");
    }
    if (ask.tags.size() > kTagsMax) return breaks("there are more than 50 session tags");
    for (const Tag& tag : ask.tags) {
        if (tag.key.empty() || tag.key.size() > 128 || tag.value != tag_value(tag.value)) {
            return breaks("the session tag " + tag.key + " is too long or has other characters");
        }
    }
    return ok();
}

class Form {
  public:
    void add(std::string_view name, std::string_view value) {
        if (value.empty()) return;
        text_.append(text_.empty() ? "" : "&").append(name).append("=");
        // A blank is '+' in this media type; emulators that decode and encode again before they
        // check the signature rely on it.
        for (const char c : value) {
            text_.append(c == ' ' ? "+" : codec::percent_encode(std::string_view(&c, 1)));
        }
    }
    std::string take() { return std::move(text_); }

  private:
    std::string text_;
};

Result<std::string_view> member(const codec::XmlElement& parent, std::string_view name) {
    const codec::XmlElement* found = nullptr;
    for (const codec::XmlElement& child : parent.children) {
        if (child.name != name) continue;
        if (found != nullptr) {
            return fail(ErrorCode::invalid, "STS answered with two " + std::string(name));
        }
        found = &child;
    }
    if (found == nullptr || found->text.empty()) {
        return fail(ErrorCode::invalid, "STS answered without " + std::string(name));
    }
    return std::string_view(found->text);
}

Result<const codec::XmlElement*> element(const codec::XmlElement& parent, std::string_view name) {
    const codec::XmlElement* found = parent.child(name);
    if (found == nullptr) {
        return fail(ErrorCode::invalid, "STS answered without " + std::string(name));
    }
    return found;
}

bool is_header_token(std::string_view text) {
    return text.size() <= 16 * 1024 &&
           std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

Result<sigv4::Credentials> read_credentials(const codec::XmlElement& element) {
    NARROWS_TRY(const std::string_view id, member(element, "AccessKeyId"));
    NARROWS_TRY(const std::string_view secret, member(element, "SecretAccessKey"));
    NARROWS_TRY(const std::string_view token, member(element, "SessionToken"));
    if (id.size() > 128 || !std::ranges::all_of(id, is_alnum) || !is_header_token(token)) {
        return fail(ErrorCode::invalid, "STS answered with an access key id or token out of form");
    }
    return sigv4::Credentials{std::string(id), Secret(secret), Secret(token)};
}

std::string clean_request_id(std::string_view text) {
    const bool good = text.size() <= 128 && std::ranges::all_of(text, is_name_char);
    return good ? std::string(text) : std::string();
}

Result<AssumedRole> exchange(HttpFetch& fetch, const Target& sts, http::RequestHead head,
                             Secret body, const std::string& role_arn) {
    FetchRequest request{sts, std::move(head), std::move(body)};
    auto answer = fetch.fetch(request);
    if (!answer) {
        return fail(answer.error().code, "STS at " + sts.authority() + " could not be asked for " +
                                             role_arn + ": " + answer.error().what);
    }
    const FetchResponse& response = answer.value();
    if (response.head.status == 200) return parse_assume_role(response.body.text());
    const ServiceError error = parse_service_error(response.body.text());
    const int status = response.head.status;
    // Throttling and expired base credentials are 4xx and yet pass.
    const bool passes = status >= 500 || status == 429 || error.code.starts_with("Throttl") ||
                        error.code.starts_with("Expired");
    return fail(passes ? ErrorCode::unavailable : ErrorCode::denied,
                "STS at " + sts.authority() + " answered " + std::to_string(status) + " " +
                    (error.code.empty() ? "(no error code)" : error.code) + " for " + role_arn +
                    "; check the role's trust policy and the gateway's own permissions "
                    "(narrows connection iam prints what is needed)");
}

http::RequestHead post_head(const Target& sts) {
    return {"POST",
            "/",
            {{"Host", sts.authority()},
             {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}}};
}

}  // namespace

std::string session_name_value(std::string_view text) {
    std::string out = replace_others(text, kNameMax, '-', is_name_char);
    if (out.empty() && !text.empty()) out = "-";
    if (out.size() == 1) out.push_back('-');
    return out;
}

std::string tag_value(std::string_view text) {
    std::string out = replace_others(text, kTagValueMax, '_', [](char c) {
        return is_alnum(c) || std::string_view(" _.:/=+-@").find(c) != std::string_view::npos;
    });
    return out.empty() && !text.empty() ? "_" : out;
}

std::string random_role_session_name() {
    return "narrows-" + codec::lower(codec::base32(crypto::random_bytes(20)));
}

std::vector<Tag> session_tags(std::string_view session, std::string_view agent,
                              std::string_view principal, std::string_view task) {
    std::vector<Tag> tags;
    const auto add = [&](const char* key, std::string_view value) {
        if (!value.empty()) tags.push_back({key, tag_value(value)});
    };
    add("narrows-session", session);
    add("narrows-agent", agent);
    add("narrows-principal", principal);
    add("narrows-task", task);
    return tags;
}

Result<std::string> assume_role_form(const AssumeRole& ask) {
    NARROWS_TRY(check_limits(ask));
    Form form;
    form.add("Action", "AssumeRole");
    form.add("Version", "2011-06-15");
    form.add("RoleArn", ask.role_arn);
    form.add("RoleSessionName", ask.role_session_name);
    form.add("DurationSeconds", std::to_string(ask.duration_s));
    form.add("Policy", ask.policy);
    form.add("ExternalId", ask.external_id);
    form.add("SourceIdentity", ask.source_identity);
    for (std::size_t i = 0; i < ask.tags.size(); ++i) {
        const std::string prefix = "Tags.member." + std::to_string(i + 1);
        form.add(prefix + ".Key", ask.tags[i].key);
        form.add(prefix + ".Value", ask.tags[i].value);
    }
    return form.take();
}

Result<AssumedRole> parse_assume_role(std::string_view xml) {
    auto document = codec::xml_decode(xml);
    if (!document) {
        return fail(ErrorCode::invalid, "STS answered with a document that is not XML of its form");
    }
    const codec::XmlElement& root = document.value();
    const bool web = root.name == "AssumeRoleWithWebIdentityResponse";
    if (!web && root.name != "AssumeRoleResponse") {
        return fail(ErrorCode::invalid, "STS answered with another document than was asked for");
    }
    NARROWS_TRY(const codec::XmlElement* result,
                element(root, web ? "AssumeRoleWithWebIdentityResult" : "AssumeRoleResult"));
    NARROWS_TRY(const codec::XmlElement* credentials, element(*result, "Credentials"));
    NARROWS_TRY(const codec::XmlElement* user, element(*result, "AssumedRoleUser"));
    NARROWS_TRY(const std::string_view expiration, member(*credentials, "Expiration"));
    NARROWS_TRY(const std::string_view arn, member(*user, "Arn"));
    const auto expires_at = parse_rfc3339(expiration);
    if (!expires_at) return fail(ErrorCode::invalid, "STS answered with an Expiration out of form");

    AssumedRole out;
    NARROWS_TRY(out.credentials, read_credentials(*credentials));
    out.expires_at = *expires_at;
    out.assumed_role_arn = codec::printable(arn.substr(0, kRoleArnMax));
    if (const auto* metadata = root.child("ResponseMetadata")) {
        if (const auto* id = metadata->child("RequestId")) {
            out.request_id = clean_request_id(id->text);
        }
    }
    if (const auto* packed = result->child("PackedPolicySize")) {
        std::from_chars(packed->text.data(), packed->text.data() + packed->text.size(),
                        out.packed_policy_percent);
    }
    return out;
}

ServiceError parse_service_error(std::string_view xml) {
    ServiceError out;
    const auto document = codec::xml_decode(xml);
    if (!document) return out;
    const codec::XmlElement& root = document.value();
    // <ErrorResponse><Error>, EC2's and emulators' <…><Errors><Error>, S3's <Error>.
    const codec::XmlElement* list = root.child("Errors");
    const codec::XmlElement* error =
        root.name == "Error" ? &root : (list != nullptr ? list : &root)->child("Error");
    if (const auto* code = error != nullptr ? error->child("Code") : nullptr) {
        const bool good = code->text.size() <= 64 && std::ranges::all_of(code->text, [](char c) {
                              return is_alnum(c) || c == '.';
                          });
        if (good) out.code = code->text;
    }
    if (const auto* id = root.child("RequestId")) out.request_id = clean_request_id(id->text);
    return out;
}

Result<AssumedRole> assume_role(HttpFetch& fetch, const Target& sts, std::string_view region,
                                const sigv4::Credentials& base, const AssumeRole& ask, WallNs now) {
    NARROWS_TRY(const std::string form, assume_role_form(ask));
    http::RequestHead head = post_head(sts);
    sigv4::KeyCache keys;
    NARROWS_TRY(sigv4::Signed made, sigv4::sign(head, codec::hex(crypto::sha256(form)), base,
                                                region, "sts", now, keys));
    std::ranges::move(made.headers, std::back_inserter(head.headers));
    return exchange(fetch, sts, std::move(head), Secret(form), ask.role_arn);
}

Result<AssumedRole> assume_role_with_web_identity(HttpFetch& fetch, const Target& sts,
                                                  const Secret& token, const AssumeRole& ask) {
    NARROWS_TRY(check_limits(ask));
    Form form;
    form.add("Action", "AssumeRoleWithWebIdentity");
    form.add("Version", "2011-06-15");
    form.add("RoleArn", ask.role_arn);
    form.add("RoleSessionName", ask.role_session_name);
    form.add("DurationSeconds", std::to_string(ask.duration_s));
    form.add("Policy", ask.policy);
    form.add("WebIdentityToken", token.text());
    std::string text = form.take();
    Secret body{std::string_view(text)};
    wipe(text.data(), text.size());
    return exchange(fetch, sts, post_head(sts), std::move(body), ask.role_arn);
}

}  // namespace narrows::upstream
