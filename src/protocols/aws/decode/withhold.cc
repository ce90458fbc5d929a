#include "protocols/aws/decode/withhold.h"

#include <array>
#include <utility>

#include "codec/cbor.h"
#include "codec/json.h"
#include "codec/text.h"
#include "codec/xml.h"
#include "crypto/hash.h"

namespace narrows::aws {
namespace {

using codec::List;
using codec::Map;
using codec::Value;

constexpr std::string_view kHeaderPath = "@header:";
constexpr std::string_view kBodyPath = "@body";

Bytes bytes_of(const Value& secret) {
    if (const auto* text = secret.as<std::string>()) return to_bytes(*text);
    if (const auto* bytes = secret.as<Bytes>()) return *bytes;
    return codec::cbor_encode(secret);
}

/// One step of a path: "Parameters[]", "Items{}", "Name".
struct Step {
    std::string_view name;
    bool each_element = false;
    bool each_value = false;
};

Step step_of(std::string_view text) {
    Step step{text, text.ends_with("[]"), text.ends_with("{}")};
    if (step.each_element || step.each_value) step.name.remove_suffix(2);
    return step;
}

class Replacer {
  public:
    Replacer(ByteView key, SecretValues& taken) : key_(key), taken_(taken) {}

    /// Replaces what `path` leads to; how many values that were.
    std::size_t run(Value& value, std::string_view path) { return run(value, path, {}); }

  private:
    /// `at` is where `value` stands.
    std::size_t run(Value& value, std::string_view path, const std::string& at) {
        if (path.empty()) return replace(value, at);
        const std::size_t dot = path.find('.');
        const Step step = step_of(path.substr(0, dot));
        const auto rest = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
        Map* map = value.as<Map>();
        const auto found = map == nullptr ? Map::iterator() : map->find(step.name);
        if (map == nullptr || found == map->end()) return 0;
        return inside(found->second, step, rest, below(at, step.name));
    }
    static std::string below(const std::string& at, std::string_view name) {
        return at.empty() ? std::string(name) : at + "." + std::string(name);
    }
    std::size_t replace(Value& value, const std::string& at) {
        const bool done = value.find("$withheld") != nullptr;
        if (value.is_null() || done) return 0;
        Value withheld = commitment(value, key_);
        taken_.insert_or_assign(at, std::exchange(value, std::move(withheld)));
        return 1;
    }

    /// A container of another kind than the table says is withheld whole.
    std::size_t inside(Value& value, const Step& step, std::string_view rest,
                       const std::string& at) {
        std::size_t count = 0;
        if (step.each_element) {
            List* list = value.as<List>();
            if (list == nullptr) return replace(value, at);
            for (std::size_t i = 0; i < list->size(); ++i) {
                count += run((*list)[i], rest, at + "[" + std::to_string(i) + "]");
            }
            return count;
        }
        if (step.each_value) {
            Map* map = value.as<Map>();
            if (map == nullptr) return replace(value, at);
            for (auto& [name, item] : *map) count += run(item, rest, below(at, name));
            return count;
        }
        return run(value, rest, at);
    }

    ByteView key_;
    SecretValues& taken_;
};

// ---- XML

std::string_view last_name(std::string_view path) {
    return step_of(path.substr(path.rfind('.') + 1)).name;
}

std::string text_inside(const codec::XmlElement& element) {
    std::string text = element.text;
    for (const codec::XmlElement& child : element.children) text += text_inside(child);
    return text;
}

/// The texts of all elements of the name, which are replaced.
void withhold_named(codec::XmlElement& element, std::string_view name, ByteView key,
                    std::vector<std::string>& taken) {
    if (element.name == name) {
        taken.push_back(text_inside(element));
        element.text = codec::json_encode(commitment(taken.back(), key));
        element.children.clear();
        return;
    }
    for (codec::XmlElement& child : element.children) withhold_named(child, name, key, taken);
}

// ---- answers

bool in_document(std::string_view path) {
    return path != kBodyPath && !path.starts_with(kHeaderPath);
}

void withhold_body(Recordable& record, ByteView body, ByteView key) {
    record.body = to_bytes(codec::json_encode(commitment(to_bytes(body), key)));
    record.withheld.emplace_back(kBodyPath);
    record.secrets.insert_or_assign(std::string(kBodyPath), to_bytes(body));
}

void withhold_in_xml(Operation entry, codec::XmlElement root, ByteView key, Recordable& record) {
    for (const Text path : entry.secret_outputs()) {
        if (!in_document(path.text())) continue;
        std::vector<std::string> taken;
        withhold_named(root, last_name(path.text()), key, taken);
        if (taken.empty()) continue;
        record.withheld.emplace_back(path.text());
        for (std::size_t i = 0; i < taken.size(); ++i) {
            // An XML answer's elements are found by name: which of them it was is all that is
            // known.
            const std::string at = std::string(path.text()) + "#" + std::to_string(i);
            record.secrets.insert_or_assign(at, std::move(taken[i]));
        }
    }
    record.body = to_bytes(codec::xml_encode(root));
}

void withhold_in_value(Operation entry, Protocol protocol, Value document, ByteView key,
                       Recordable& record) {
    for (const Text path : entry.secret_outputs()) {
        if (!in_document(path.text())) continue;
        if (Replacer(key, record.secrets).run(document, path.text()) > 0) {
            record.withheld.emplace_back(path.text());
        }
    }
    record.body = protocol == Protocol::rpc_v2_cbor ? codec::cbor_encode(document)
                                                    : to_bytes(codec::json_encode(document));
}

void withhold_in_document(Operation entry, Protocol protocol, ByteView body, ByteView key,
                          Recordable& record) {
    const bool xml =
        protocol == Protocol::query || protocol == Protocol::ec2 || protocol == Protocol::rest_xml;
    if (body.empty()) return;
    if (xml) {
        auto root = codec::xml_decode(as_text(body));
        if (!root) return withhold_body(record, body, key);
        return withhold_in_xml(entry, std::move(root.value()), key, record);
    }
    auto document = protocol == Protocol::rpc_v2_cbor ? codec::cbor_decode(body, codec::Form::any)
                                                      : codec::json_decode(as_text(body));
    if (!document) return withhold_body(record, body, key);
    withhold_in_value(entry, protocol, std::move(document.value()), key, record);
}

}  // namespace

Value commitment(const Value& secret, ByteView key) {
    const Bytes bytes = bytes_of(secret);
    const auto hmac = crypto::hmac_sha256(key, ByteView(bytes));
    return Map{{"$withheld", Map{{"size", static_cast<std::uint64_t>(bytes.size())},
                                 {"hmac", codec::hex(hmac)}}}};
}

Value withhold_inputs(Operation entry, Value parameters, ByteView key) {
    SecretValues taken;
    for (const Text path : entry.secret_inputs()) Replacer(key, taken).run(parameters, path.text());
    return parameters;
}

SecretValues secret_inputs_of(Operation entry, Value parameters) {
    SecretValues taken;
    for (const Text path : entry.secret_inputs()) Replacer({}, taken).run(parameters, path.text());
    return taken;
}

bool has_secret_outputs(Operation entry) {
    return !entry.secret_outputs().empty();
}

Recordable withhold_outputs(Operation entry, Protocol protocol, const http::ResponseHead& answer,
                            ByteView body, ByteView key) {
    Recordable record{answer.headers, {}, {}};
    if (!has_secret_outputs(entry)) {
        record.body = to_bytes(body);
        return record;
    }
    bool whole_body = false;
    for (const Text each : entry.secret_outputs()) {
        const std::string_view path = each.text();
        if (path == kBodyPath) whole_body = true;
        if (!path.starts_with(kHeaderPath)) continue;
        for (codec::Pair& field : record.headers) {
            if (!codec::iequals(field.name, path.substr(kHeaderPath.size()))) continue;
            record.secrets.insert_or_assign(std::string(path), field.value);
            field.value = codec::json_encode(commitment(field.value, key));
            record.withheld.emplace_back(path);
        }
    }
    if (whole_body && !body.empty()) {
        withhold_body(record, body, key);
    } else {
        withhold_in_document(entry, protocol, body, key, record);
    }
    return record;
}

std::string aws_request_id(const http::Headers& headers) {
    constexpr std::array<std::string_view, 3> kNames = {"x-amzn-requestid", "x-amz-request-id",
                                                        "x-amzn-request-id"};
    for (const std::string_view name : kNames) {
        const std::string_view value = http::header(headers, name);
        if (!value.empty()) return std::string(value);
    }
    return {};
}

}  // namespace narrows::aws
