#include "protocols/aws/sigv4/post_policy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include "codec/json.h"
#include "protocols/aws/sigv4/proof_parts.h"

namespace narrows::sigv4 {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

auto malformed(std::string what) {
    return fail(ErrorCode::invalid, "the form's policy " + std::move(what));
}

auto refused(std::string what) {
    return fail(ErrorCode::denied,
                "the form's policy does not allow this upload: " + std::move(what));
}

bool needs_no_condition(std::string_view name) {
    static constexpr std::array<std::string_view, 4> kFree = {"x-amz-signature", "signature",
                                                              "awsaccesskeyid", "policy"};
    return name.starts_with("x-ignore-") || std::ranges::find(kFree, name) != kFree.end();
}

/// "2015-12-30T12:00:00.000Z", milliseconds or none.
std::optional<WallNs> expiration_of(std::string text) {
    const std::size_t dot = text.find('.');
    if (dot != std::string::npos && text.ends_with('Z')) text = text.substr(0, dot) + "Z";
    if (text.size() != 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' ||
        text[16] != ':') {
        return std::nullopt;
    }
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return parse_iso_basic(text);
}

/// A policy on its way to being held against a form.
class Policy {
  public:
    Policy(const FormFields& fields, std::string_view bucket) : fields_(fields), bucket_(bucket) {}
    Result<void> take(const codec::Value& condition);
    Result<void> check_all_covered() const;
    FileBounds bounds() const { return bounds_; }

  private:
    Result<void> take_exact(const codec::Map& pairs);
    Result<void> take_matching(const codec::List& parts);
    Result<void> take_range(const codec::List& parts);
    std::string_view value_of(const std::string& name) const;

    const FormFields& fields_;
    const std::string_view bucket_;
    std::set<std::string, std::less<>> covered_;
    FileBounds bounds_;
};

std::string_view Policy::value_of(const std::string& name) const {
    return name == "bucket" ? bucket_ : form_field(fields_, name);
}

Result<void> Policy::take_exact(const codec::Map& pairs) {
    for (const auto& [given, wanted] : pairs) {
        const std::string name = codec::lower(given);
        const std::string* text = wanted.as<std::string>();
        if (text == nullptr) return malformed("has a condition that is no text: " + name);
        if (value_of(name) != *text) return refused(codec::printable(name) + " is another");
        covered_.insert(name);
    }
    return ok();
}

Result<void> Policy::take_matching(const codec::List& parts) {
    const std::string* how = parts[0].as<std::string>();
    const std::string* field = parts[1].as<std::string>();
    const std::string* text = parts[2].as<std::string>();
    if (how == nullptr || field == nullptr || text == nullptr || !field->starts_with('$') ||
        (*how != "eq" && *how != "starts-with")) {
        return malformed("has a condition that is none of eq, starts-with, content-length-range");
    }
    const std::string name = codec::lower(field->substr(1));
    const std::string_view value = value_of(name);
    const bool holds = *how == "eq" ? value == *text : value.starts_with(*text);
    if (!holds) return refused(codec::printable(name) + " is another");
    covered_.insert(name);
    return ok();
}

/// A number, or one in quotes.
std::optional<std::uint64_t> size_of(const codec::Value& value) {
    std::uint64_t size = 0;
    if (const auto* number = value.as<std::int64_t>()) {
        return *number < 0 ? std::nullopt : std::optional<std::uint64_t>(*number);
    }
    const std::string* text = value.as<std::string>();
    if (text == nullptr || text->empty()) return std::nullopt;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), size);
    return error == std::errc() && end == text->data() + text->size() ? std::optional(size)
                                                                      : std::nullopt;
}

Result<void> Policy::take_range(const codec::List& parts) {
    const auto low = size_of(parts[1]);
    const auto high = size_of(parts[2]);
    if (!low || !high) return malformed("has a content-length-range that is no two sizes");
    bounds_.bytes_min = std::max(bounds_.bytes_min, *low);
    bounds_.bytes_max = std::min(bounds_.bytes_max, *high);
    return ok();
}

Result<void> Policy::take(const codec::Value& condition) {
    if (const auto* pairs = condition.as<codec::Map>()) return take_exact(*pairs);
    const auto* parts = condition.as<codec::List>();
    if (parts == nullptr || parts->size() != 3) {
        return malformed("has a condition that is no object and no list of three");
    }
    const std::string* how = (*parts)[0].as<std::string>();
    return how != nullptr && *how == "content-length-range" ? take_range(*parts)
                                                            : take_matching(*parts);
}

Result<void> Policy::check_all_covered() const {
    for (const codec::Pair& field : fields_) {
        if (!needs_no_condition(field.name) && !covered_.contains(field.name)) {
            return refused("it has no condition for the field " + codec::printable(field.name));
        }
    }
    return ok();
}

auto wrong_signature() {
    return fail(ErrorCode::unauthenticated,
                "the signature of the form's policy is not one that its credential makes");
}

Result<void> read_v4(const FormFields& fields, Authorization& out) {
    out.scheme = Scheme::sigv4_post;
    if (form_field(fields, "x-amz-algorithm") != kAlgorithm) {
        return malformed("is not signed by AWS4-HMAC-SHA256");
    }
    NARROWS_TRY(read_credential(form_field(fields, "x-amz-credential"), out));
    NARROWS_TRY(read_signature(form_field(fields, "x-amz-signature"), out));
    out.date = form_field(fields, "x-amz-date");
    const auto time = parse_iso_basic(out.date);
    if (!time || out.scope.date != out.date.substr(0, 8)) {
        return malformed("has an x-amz-date that is no date or not that of its credential");
    }
    out.time = *time;
    return ok();
}

Result<void> read_v2(const FormFields& fields, Authorization& out) {
    out.scheme = Scheme::sigv2_post;
    out.key_id = form_field(fields, "awsaccesskeyid");
    out.signature = form_field(fields, "signature");
    return is_key_id(out.key_id) && !out.signature.empty()
               ? Result<void>(ok())
               : malformed("comes without AWSAccessKeyId or signature");
}

}  // namespace

std::string_view form_field(const FormFields& fields, std::string_view lower_name) {
    const auto found = std::ranges::find(fields, lower_name, &codec::Pair::name);
    return found == fields.end() ? std::string_view() : std::string_view(found->value);
}

Presented classify_form(const FormFields& fields, ByteView digest_key) {
    Presented presented;
    const auto authorization = read_form(fields);
    if (authorization) {
        presented.scheme = authorization.value().scheme;
        presented.key_id = authorization.value().key_id;
        const bool v4 = presented.scheme == Scheme::sigv4_post;
        presented.scope = v4 ? authorization.value().scope.text() : std::string();
    }
    Bytes message;
    for (const std::string_view name : {"x-amz-credential", "x-amz-signature", "awsaccesskeyid",
                                        "signature", "x-amz-security-token", "policy"}) {
        append(message, form_field(fields, name));
        append(message, std::string_view("\n"));
    }
    const Secret wiped(std::move(message));
    presented.fingerprint = codec::hex(crypto::hmac_sha256(digest_key, wiped.view()));
    return presented;
}

Result<Authorization> read_form(const FormFields& fields) {
    Authorization out;
    const bool v4 = !form_field(fields, "x-amz-signature").empty();
    const bool v2 =
        !form_field(fields, "signature").empty() || !form_field(fields, "awsaccesskeyid").empty();
    if (v4 == v2 || form_field(fields, "policy").empty()) {
        return malformed("is missing, or comes with no signature or with two kinds of them");
    }
    NARROWS_TRY(v4 ? read_v4(fields, out) : read_v2(fields, out));
    const std::string_view token = form_field(fields, "x-amz-security-token");
    if (token.size() > kTokenMax) return malformed("comes with a token of more than 16 KiB");
    out.session_token = Secret(token);
    return out;
}

Result<void> verify_form(const FormFields& fields, const Authorization& authorization,
                         const SigningKey& key) {
    const std::string expected = key.sign(form_field(fields, "policy"));
    return crypto::equal_constant_time(expected, authorization.signature) ? Result<void>(ok())
                                                                          : wrong_signature();
}

Result<void> verify_form_v2(const FormFields& fields, const Authorization& authorization,
                            const Secret& secret_access_key) {
    const Bytes expected =
        crypto::hmac_sha1(secret_access_key.view(), as_bytes(form_field(fields, "policy")));
    return crypto::equal_constant_time(codec::base64(expected), authorization.signature)
               ? Result<void>(ok())
               : wrong_signature();
}

Result<FileBounds> check_policy(const FormFields& fields, std::string_view bucket, WallNs now) {
    const auto document = codec::unbase64(form_field(fields, "policy"));
    if (!document) return malformed("is not base64");
    const auto policy = codec::json_decode(as_text(document.value()));
    if (!policy) return malformed("is no JSON: " + policy.error().what);
    const auto expiration = expiration_of(policy.value().text("expiration"));
    const codec::Value* conditions = policy.value().find("conditions");
    const auto* list = conditions == nullptr ? nullptr : conditions->as<codec::List>();
    if (!expiration || list == nullptr || policy.value().as<codec::Map>()->size() != 2) {
        return malformed("must have an expiration, conditions and nothing else");
    }
    if (now >= *expiration) {
        return fail(ErrorCode::timeout, "the form's policy was good until " + rfc3339(*expiration));
    }
    const std::string_view stated = form_field(fields, "bucket");
    if (!stated.empty() && stated != bucket) return refused("bucket is another");
    Policy held(fields, bucket);
    for (const codec::Value& condition : *list) {
        NARROWS_TRY(held.take(condition));
    }
    NARROWS_TRY(held.check_all_covered());
    return held.bounds();
}

}  // namespace narrows::sigv4
