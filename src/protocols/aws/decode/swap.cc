#include "protocols/aws/decode/swap.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/rfc3339.h"
#include "codec/json.h"
#include "codec/text.h"
#include "codec/xml.h"

namespace narrows::aws {
namespace {

using codec::Value;
using codec::XmlElement;

/// How the members of a set of credentials are called.
struct Names {
    std::string_view id = "AccessKeyId";
    std::string_view secret = "SecretAccessKey";
    std::string_view token = "SessionToken";
    std::string_view expiration = "Expiration";
};
constexpr Names kPascal;
constexpr Names kCamel = {"accessKeyId", "secretAccessKey", "sessionToken", "expiration"};

struct Swap {
    std::string_view service;
    std::string_view operation;
    std::string_view structure;  ///< member of the answer that holds them; empty: the answer itself
    const Names& names = kPascal;
    std::string_view whose = {};  ///< member that says whose they are
    std::string_view user_id = {};
};

/// Signed operations, one set of credentials an answer, with an expiry.
constexpr std::array<Swap, 14> kSwaps = {{
    {"datazone", "GetEnvironmentCredentials", "", kCamel},
    {"deadline", "AssumeFleetRoleForRead", "credentials", kCamel},
    {"deadline", "AssumeFleetRoleForWorker", "credentials", kCamel},
    {"deadline", "AssumeQueueRoleForRead", "credentials", kCamel},
    {"deadline", "AssumeQueueRoleForUser", "credentials", kCamel},
    {"deadline", "AssumeQueueRoleForWorker", "credentials", kCamel},
    {"lakeformation", "GetTemporaryDataLocationCredentials", "Credentials"},
    {"lakeformation", "GetTemporaryGluePartitionCredentials", ""},
    {"lakeformation", "GetTemporaryGlueTableCredentials", ""},
    {"s3", "CreateSession", "Credentials"},
    {"s3control", "GetDataAccess", "Credentials"},
    {"sts", "AssumeRole", "Credentials", kPascal, "AssumedRoleUser", "AssumedRoleId"},
    {"sts", "GetFederationToken", "Credentials", kPascal, "FederatedUser", "FederatedUserId"},
    {"sts", "GetSessionToken", "Credentials"},
}};

const Swap* swap_of(Operation entry) {
    const auto found = std::find_if(kSwaps.begin(), kSwaps.end(), [&](const Swap& each) {
        return each.operation == entry.name() && each.service == entry.service().id();
    });
    return found == kSwaps.end() ? nullptr : &*found;
}

auto unreadable(const std::string& why) {
    return fail(ErrorCode::invalid,
                "AWS's answer is not the one set of credentials that was asked for: " + why);
}

// ---- one way to walk XML and JSON: a node has members of a name, and a text

XmlElement* only(XmlElement& of, std::string_view name) {
    XmlElement* found = nullptr;
    for (XmlElement& child : of.children) {
        if (child.name == name && found != nullptr) return nullptr;
        if (child.name == name) found = &child;
    }
    return found;
}
Value* only(Value& of, std::string_view name) {
    codec::Map* map = of.as<codec::Map>();
    const auto found = map == nullptr ? codec::Map::iterator() : map->find(name);
    return map == nullptr || found == map->end() ? nullptr : &found->second;
}

std::string text_of(const XmlElement& element) {
    return element.children.empty() ? element.text : std::string();
}
std::string text_of(const Value& value) {
    const auto* text = value.as<std::string>();
    return text == nullptr ? std::string() : *text;
}

void replace(XmlElement& element, const Value& by) {
    const auto* text = by.as<std::string>();
    element.text = text == nullptr ? codec::json_encode(by) : *text;
}
void replace(Value& value, const Value& by) {
    value = by;
}

std::optional<WallNs> time_of(const XmlElement& element) {
    return parse_rfc3339(text_of(element));
}
std::optional<WallNs> time_of(const Value& value) {
    constexpr double kSecondsMax = 7'258'118'400;  // the year 2200
    const auto* whole = value.as<std::int64_t>();
    const auto* broken = value.as<double>();
    const double seconds = whole != nullptr    ? static_cast<double>(*whole)
                           : broken != nullptr ? *broken
                                               : -1;
    if (whole == nullptr && broken == nullptr) return parse_rfc3339(text_of(value));
    const bool is_time = seconds > 0 && seconds < kSecondsMax;  // not true of NaN
    return is_time ? std::optional(static_cast<WallNs>(std::floor(seconds)) * kNsPerSecond)
                   : std::nullopt;
}

/// The nodes of one set of credentials.
template <class Node>
struct Found {
    Node* id = nullptr;
    Node* secret = nullptr;
    Node* token = nullptr;
    Node* expiration = nullptr;
    bool whole() const { return id && secret && token && expiration; }
};

template <class Node>
Found<Node> find_in(Node* answer, const Swap& swap) {
    Node* const at =
        answer == nullptr || swap.structure.empty() ? answer : only(*answer, swap.structure);
    if (at == nullptr) return {};
    return {only(*at, swap.names.id), only(*at, swap.names.secret), only(*at, swap.names.token),
            only(*at, swap.names.expiration)};
}

bool is_word(std::string_view text, std::size_t size_max) {
    return !text.empty() && text.size() <= size_max &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}
bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

template <class Node>
Result<GivenCredentials> read(Node* answer, const Swap& swap) {
    constexpr std::size_t kIdMax = 128;
    constexpr std::size_t kSecretMax = 1024;
    constexpr std::size_t kTokenMax = 16 * 1024;
    const Found<Node> found = find_in(answer, swap);
    if (!found.whole()) return unreadable("a member is missing, or stands twice");
    GivenCredentials given;
    given.access_key_id = text_of(*found.id);
    given.secret_access_key = Secret(text_of(*found.secret));
    given.session_token = Secret(text_of(*found.token));
    const std::string& id = given.access_key_id;
    if (!is_word(id, kIdMax) || !std::all_of(id.begin(), id.end(), is_alnum) ||
        !is_word(given.secret_access_key.text(), kSecretMax) ||
        !is_word(given.session_token.text(), kTokenMax)) {
        return unreadable("a member is out of form");
    }
    const auto expires_at = time_of(*found.expiration);
    if (!expires_at) return unreadable("its expiration is no time");
    given.expires_at = *expires_at;
    Node* const whose = swap.whose.empty() ? nullptr : only(*answer, swap.whose);
    Node* const arn = whose == nullptr ? nullptr : only(*whose, "Arn");
    Node* const user = whose == nullptr ? nullptr : only(*whose, swap.user_id);
    given.arn = arn == nullptr ? std::string() : codec::printable(text_of(*arn));
    given.user_id = user == nullptr ? std::string() : codec::printable(text_of(*user));
    return given;
}

template <class Node>
Result<void> put(Node* answer, const Swap& swap, const OtherCredentials& others) {
    const Found<Node> found = find_in(answer, swap);
    if (!found.whole()) return unreadable("a member is missing, or stands twice");
    replace(*found.id, others.access_key_id);
    replace(*found.secret, others.secret_access_key);
    replace(*found.token, others.session_token);
    return ok();
}

bool speaks_json(Protocol protocol) {
    return protocol == Protocol::json || protocol == Protocol::rest_json;
}
bool speaks_xml(Protocol protocol) {
    return protocol == Protocol::query || protocol == Protocol::rest_xml;
}

/// Query answers have a result element within the response element.
XmlElement* answer_in(XmlElement& root, Operation entry, Protocol protocol) {
    return protocol == Protocol::query ? only(root, std::string(entry.name()) + "Result") : &root;
}

}  // namespace

bool swaps_credentials(Operation entry) {
    return swap_of(entry) != nullptr;
}

std::string_view why_never(Operation entry) {
    if (entry.returns_credentials() && swap_of(entry) == nullptr) {
        return "its answer carries credentials, tokens or signed URLs, which never reach an agent";
    }
    return entry.auth() == Auth::bearer ? "it is authorised by a bearer token of AWS's" : "";
}

Result<GivenCredentials> read_given(Operation entry, Protocol protocol, ByteView body) {
    const Swap* const swap = swap_of(entry);
    if (swap != nullptr && speaks_xml(protocol)) {
        auto root = codec::xml_decode(as_text(body));
        if (!root) return unreadable("it is no XML of the accepted form");
        return read(answer_in(root.value(), entry, protocol), *swap);
    }
    if (swap == nullptr || !speaks_json(protocol)) return unreadable("no such answer is known");
    auto document = codec::json_decode(as_text(body));
    if (!document) return unreadable("it is no JSON");
    return read(&document.value(), *swap);
}

Result<Bytes> with_other_credentials(Operation entry, Protocol protocol, ByteView body,
                                     const OtherCredentials& others) {
    const Swap* const swap = swap_of(entry);
    if (swap != nullptr && speaks_xml(protocol)) {
        auto root = codec::xml_decode(as_text(body));
        if (!root) return unreadable("it is no XML of the accepted form");
        NARROWS_TRY(put(answer_in(root.value(), entry, protocol), *swap, others));
        return to_bytes(codec::xml_encode(root.value()));
    }
    if (swap == nullptr || !speaks_json(protocol)) return unreadable("no such answer is known");
    auto document = codec::json_decode(as_text(body));
    if (!document) return unreadable("it is no JSON");
    NARROWS_TRY(put(&document.value(), *swap, others));
    return to_bytes(codec::json_encode(document.value()));
}

bool takes_session_policy(Operation entry) {
    return swap_of(entry) != nullptr && entry.service().id() == "sts" &&
           entry.name() != "GetSessionToken";
}

std::optional<std::string> why_not_as_asked(Operation entry, const Value& parameters,
                                            bool adds_policy) {
    if (!takes_session_policy(entry)) return std::nullopt;
    const bool has_policy =
        parameters.find("Policy") != nullptr || parameters.find("PolicyArns") != nullptr;
    if (adds_policy && has_policy) {
        return "it names a session policy, and the gateway gives it the connection's; leave out "
               "Policy and PolicyArns";
    }
    if (parameters.find("SourceIdentity") != nullptr) {
        return "it names a SourceIdentity, by which the trail knows the session; leave it out";
    }
    const Value* tags = parameters.find("Tags");
    const auto* list = tags == nullptr ? nullptr : tags->as<codec::List>();
    for (const Value& tag : list == nullptr ? codec::List() : *list) {
        if (codec::lower(tag.text("Key")).starts_with("narrows-")) {
            return "it names a tag that begins with narrows-, by which the trail knows the "
                   "session; leave it out";
        }
    }
    return std::nullopt;
}

Bytes with_session_policy(ByteView form, std::string_view policy) {
    std::string out = to_string(form) + "&Policy=";
    for (const char c : policy) {
        // A blank is '+' in this media type, as SDKs write it.
        out += c == ' ' ? "+" : codec::percent_encode(std::string_view(&c, 1));
    }
    return to_bytes(out);
}

}  // namespace narrows::aws
