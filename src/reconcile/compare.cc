#include "reconcile/compare.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "codec/json.h"
#include "codec/text.h"
#include "protocols/aws/catalogue/catalogue.h"
#include "reconcile/coverage.h"

namespace narrows::reconcile {
namespace {

using codec::Map;
using codec::Value;

constexpr std::size_t kShownMax = 256;
constexpr int kDepthMax = 16;
constexpr int kStatusRedirect = 300;
constexpr int kStatusRefused = 400;

/// Services whose events all stand in one region, whatever region the call was signed for.
constexpr std::array kGlobal = std::to_array<std::string_view>(
    {"iam", "sts", "cloudfront", "route53", "organizations", "account", "globalaccelerator",
     "shield", "waf", "support", "health", "networkmanager", "budgets", "ce", "route53domains",
     "trustedadvisor", "artifact", "savingsplans", "pricing"});

std::string first_label(std::string_view source) {
    return std::string(source.substr(0, source.find('.')));
}

/// Whether CloudTrail's source is some other service's that has an operation of that name.
bool is_of_another_service(const RecordedCall& call, const Event& event) {
    const aws::Catalogue& catalogue = aws::Catalogue::embedded();
    const auto own = catalogue.service(call.service);
    const std::string label = first_label(event.source);
    if (!own || label == call.service || label == own->iam_prefix() ||
        label == own->endpoint_prefix()) {
        return false;
    }
    for (const aws::Text& signing : own->signing_names()) {
        if (label == signing.text()) {
            return false;
        }
    }
    const auto other = catalogue.service(label);
    return other && other->operation(event.name).has_value();
}

/// A value as text where it has one form only.
std::optional<std::string> scalar(const Value& value) {
    if (const auto* text = value.as<std::string>()) {
        return *text;
    }
    if (const auto* number = value.as<std::int64_t>()) {
        return std::to_string(*number);
    }
    if (const auto* truth = value.as<bool>()) {
        return *truth ? "true" : "false";
    }
    return std::nullopt;
}

/// What CloudTrail writes in place of a value, or may have cut or written in another form.
bool is_no_value(std::string_view text) {
    constexpr std::array kWords = std::to_array<std::string_view>(
        {"HIDDEN_DUE_TO", "***", "sensitiveDataRemoved", "requestParameters too large", "omitted",
         "REDACTED", "<sensitive", "truncated", "HIDDEN"});
    return text.empty() || text.ends_with("...") ||
           std::any_of(kWords.begin(), kWords.end(),
                       [&](std::string_view word) { return text.find(word) != text.npos; });
}

/// Times and encoded bytes are written in several forms; AWS gets signed URLs of the gateway's.
bool has_many_forms(std::string_view name) {
    constexpr std::array kEnds = std::to_array<std::string_view>(
        {"time",    "date",       "timestamp", "before",   "after",  "since",  "until",
         "expires", "expiration", "md5",       "checksum", "crc32",  "crc32c", "sha1",
         "sha256",  "body",       "blob",      "document", "policy", "token",  "signedurl"});
    const std::string lower = codec::lower(name);
    return std::any_of(kEnds.begin(), kEnds.end(),
                       [&](std::string_view end) { return lower.ends_with(end); });
}

bool is_equal(const std::string& recorded, const std::string& logged) {
    if (recorded == logged) {
        return true;
    }
    const Result<std::string> decoded = codec::percent_decode(logged);
    return decoded.has_value() && decoded.value() == recorded;
}

/// The member of that name, whatever the case of its letters; S3 says "bucketName".
const Value* same_member(const Map& recorded, std::string_view name) {
    for (const auto& [key, value] : recorded) {
        if (codec::iequals(key, name) || (name == "bucketName" && key == "Bucket")) {
            return &value;
        }
    }
    return nullptr;
}

std::string shown(std::string text) {
    if (text.size() > kShownMax) {
        text.resize(kShownMax);
        text += "…";
    }
    return text;
}

void compare_values(const std::string& path, const Value& recorded, const Value& logged, int depth,
                    std::vector<Difference>& out) {
    const auto* recorded_map = recorded.as<Map>();
    const auto* logged_map = logged.as<Map>();
    if (recorded_map != nullptr && logged_map != nullptr && depth < kDepthMax) {
        for (const auto& [name, value] : *logged_map) {
            const Value* same = same_member(*recorded_map, name);
            if (same != nullptr && !has_many_forms(name)) {
                compare_values(fmt::format("{}.{}", path, name), *same, value, depth + 1, out);
            }
        }
        return;
    }
    const auto* recorded_list = recorded.as<codec::List>();
    const auto* logged_list = logged.as<codec::List>();
    if (recorded_list != nullptr && logged_list != nullptr && depth < kDepthMax &&
        recorded_list->size() == logged_list->size()) {
        for (std::size_t i = 0; i < logged_list->size(); ++i) {
            compare_values(fmt::format("{}[{}]", path, i), (*recorded_list)[i], (*logged_list)[i],
                           depth + 1, out);
        }
        return;
    }
    const auto one = scalar(recorded);
    const auto other = scalar(logged);
    if (one && other && !is_no_value(*other) && !is_equal(*one, *other)) {
        out.push_back({path, shown(*one), shown(*other)});
    }
}

void compare_outcome(const RecordedCall& call, const Event& event, std::vector<Difference>& out) {
    const bool refused = call.status >= kStatusRefused;
    const bool answered = call.status > 0 && call.status < kStatusRedirect;
    if (answered && !event.error.empty()) {
        out.push_back({"outcome", std::to_string(call.status), shown(event.error)});
    } else if (refused && event.error.empty()) {
        out.push_back({"outcome", std::to_string(call.status), "no error"});
    }
}

bool is_other(const std::string& recorded, const std::string& logged) {
    return !recorded.empty() && !logged.empty() && recorded != logged;
}

}  // namespace

std::vector<Difference> compare(const RecordedCall& call, const Event& event) {
    std::vector<Difference> out;
    if (!is_name_of(event.name, call.service, call.name) || is_of_another_service(call, event)) {
        out.push_back({"operation", call.service + ":" + call.name,
                       shown(first_label(event.source) + ":" + event.name)});
        return out;  // other operations have other parameters
    }
    const bool is_global = std::find(kGlobal.begin(), kGlobal.end(), call.service) != kGlobal.end();
    if (is_other(call.account, event.account)) {
        out.push_back({"account", call.account, shown(event.account)});
    }
    if (!is_global && call.region != "*" && is_other(call.region, event.region)) {
        out.push_back({"region", call.region, shown(event.region)});
    }
    if (is_other(call.key_id, event.key_id)) {
        out.push_back({"key", call.key_id, shown(event.key_id)});
    }
    compare_outcome(call, event, out);
    compare_values("parameters", call.parameters, event.parameters, 0, out);
    return out;
}

}  // namespace narrows::reconcile
