#include "review/export.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"
#include "evidence/payload.h"
#include "review/words.h"

namespace narrows::review {
namespace {

using codec::Value;
using model::RecordKind;

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// The list inside `map`, or an empty one.
const codec::List& list_in(const Value& map, std::string_view name) {
    static const codec::List none;
    const codec::List* found = member(map, name).as<codec::List>();
    return found == nullptr ? none : *found;
}

void add_once(std::vector<std::string>& to, std::string text) {
    if (!text.empty() && std::find(to.begin(), to.end(), text) == to.end()) {
        to.push_back(std::move(text));
    }
}

/// A GAP, or a record that cannot be read.
std::optional<LossView> loss_of(const EventView& event) {
    if (event.payload.is_null() && !event.sealed) {
        return LossView{event.part, journal::Range{event.sequence, event.sequence}, event.time,
                        false, fmt::format("a {} record that cannot be read", name_of(event.kind))};
    }
    if (event.kind != RecordKind::gap) {
        return std::nullopt;
    }
    const Value& observed = member(event.payload, "observed");
    const auto at = [&](const char* name) {
        return model::Sequence(evidence::count_member(observed, name).value_or(0));
    };
    return LossView{event.part, journal::Range{at("first"), at("last")}, event.time, true,
                    observed.text("why")};
}

/// Paths of the values below `value` that stand there as commitments (docs/format.md).
void add_withheld(std::vector<std::string>& to, const Value& value, const std::string& path) {
    if (value.find("$withheld") != nullptr) {
        add_once(to, path);
        return;
    }
    if (const codec::Map* map = value.as<codec::Map>()) {
        for (const auto& [name, below] : *map) {
            add_withheld(to, below, path.empty() ? name : fmt::format("{}.{}", path, name));
        }
    }
    if (const codec::List* list = value.as<codec::List>()) {
        for (const Value& below : *list) {
            add_withheld(to, below, path);
        }
    }
}

std::size_t sequence_size(std::string_view text, std::size_t at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    return codec::is_utf8(text.substr(at, size)) ? size : 0;
}

}  // namespace

void Exporter::event(const EventView& event) {
    if (event.kind == RecordKind::open && !event.payload.is_null()) {
        const Value& observed = member(event.payload, "observed");
        Opening& opening = openings_[event.part];
        opening.session = observed.text("session");
        opening.kind = observed.text("kind");
        opening.gateway = member(observed, "gateway").text("name");
        opening.version = member(observed, "gateway").text("version");
        opening.started = observed.number("started_at", event.time);
        opening.agent = claim_of(event.payload, "agent");
        opening.principal = claim_of(event.payload, "principal");
        opening.task = claim_of(event.payload, "task");
        for (const Value& each : list_in(observed, "connections")) {
            opening.connections[each.text("name")] =
                codec::Map{{"account", each.text("account")},
                           {"partition", each.text("partition")},
                           {"role_arn", each.text("role_arn")}};
        }
    }
    if (const auto loss = loss_of(event)) {
        lost(*loss);
    }
}

void Exporter::operation(const OperationView& operation) {
    ++counts_.operations;
    put(operation);
}

void Exporter::lost(const LossView& loss) {
    ++counts_.losses;
    put(loss);
}

const Exporter::Opening& Exporter::opening(model::PartNo part) const {
    static const Opening none;
    const auto at = openings_.find(part);
    return at == openings_.end() ? none : at->second;
}

std::string Exporter::uid_of(const OperationView& operation) const {
    const Opening& opened = opening(operation.part);
    return fmt::format("{}/{}/{}", opened.session.empty() ? opened.gateway : opened.session,
                       operation.part.value(), operation.op.value());
}

std::vector<ResourceView> resources_of(const Value& intent) {
    std::vector<ResourceView> all;
    for (const Value& access : list_in(member(intent, "derived"), "access")) {
        for (const Value& each : list_in(access, "resources")) {
            const std::string arn = each.text("arn");
            const bool known = std::any_of(all.begin(), all.end(),
                                           [&](const auto& other) { return other.arn == arn; });
            if (!known && !arn.empty()) {
                all.push_back({arn, each.truth("exact", true)});
            }
        }
    }
    return all;
}

std::vector<std::string> actions_of(const Value& intent) {
    std::vector<std::string> all;
    for (const Value& access : list_in(member(intent, "derived"), "access")) {
        add_once(all, access.text("action"));
    }
    return all;
}

std::vector<std::string> withheld_of(const OperationView& operation) {
    std::vector<std::string> all;
    const Value& request = member(member(operation.intent, "observed"), "request");
    if (member(request, "body").truth("withheld")) {
        all.emplace_back("request body");
    }
    add_withheld(all, member(member(operation.intent, "derived"), "parameters"), "");
    for (const Value& each : list_in(member(operation.outcome, "observed"), "withheld")) {
        all.push_back(text_of(each));
    }
    return all;
}

std::string text_of(const Value& value) {
    if (const Bytes* bytes = value.as<Bytes>()) {
        return to_string(*bytes);
    }
    const std::string* text = value.as<std::string>();
    return text == nullptr ? std::string() : *text;
}

std::string header(const Value& head, std::string_view name) {
    std::string joined;
    for (const Value& each : list_in(head, "headers")) {
        const codec::List* pair = each.as<codec::List>();
        const bool whole = pair != nullptr && pair->size() == 2;
        if (whole && codec::iequals(text_of((*pair)[0]), name)) {
            joined += (joined.empty() ? "" : ", ") + text_of((*pair)[1]);
        }
    }
    return joined;
}

std::string aws_request_id(const OperationView& operation) {
    const std::string id = member(operation.outcome, "observed").text("aws_request_id");
    return id.empty() ? member(operation.head, "observed").text("aws_request_id") : id;
}

std::string outcome_word(const OperationView& operation) {
    if (!operation.outcome_kind) {
        return operation.allowed() ? "none" : "denied";
    }
    switch (*operation.outcome_kind) {
        case RecordKind::not_sent:
            return "not sent";
        case RecordKind::unknown:
            return "unknown";
        default:
            return member(operation.outcome, "observed").text("outcome", "answered");
    }
}

std::string utf8(std::string_view text, bool& lossy) {
    if (codec::is_utf8(text)) {
        return std::string(text);
    }
    lossy = true;
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t size = sequence_size(text, at);
        out += size == 0 ? kReplacement : text.substr(at, size);
        at += std::max<std::size_t>(size, 1);
    }
    return out;
}

Value utf8(const Value& value, bool& lossy) {
    if (const auto* text = value.as<std::string>()) {
        return utf8(std::string_view(*text), lossy);
    }
    if (const auto* list = value.as<codec::List>()) {
        codec::List all;
        all.reserve(list->size());
        for (const Value& each : *list) {
            all.push_back(utf8(each, lossy));
        }
        return all;
    }
    if (const auto* map = value.as<codec::Map>()) {
        codec::Map all;
        for (const auto& [name, each] : *map) {
            std::string key = utf8(std::string_view(name), lossy);
            while (all.contains(key)) {
                key += "'";
            }
            all.emplace(std::move(key), utf8(each, lossy));
        }
        return all;
    }
    return value;
}

}  // namespace narrows::review
