#include "evidence/entry.h"

#include <algorithm>
#include <array>

#include "codec/cbor.h"
#include "journal/format.h"

namespace narrows::evidence {
namespace {

using codec::List;
using codec::Map;
using codec::Value;

constexpr std::array<const char*, 3> kClasses = {"operations", "bodies", "secrets"};
constexpr std::size_t kHeadsPerInterval = 600;   // of at most 90 bytes each
constexpr std::size_t kPartsPerSegment = 1'000;  // of at most 46 bytes each

template <class... Ts>
struct Overload : Ts... {
    using Ts::operator()...;
};
template <class... Ts>
Overload(Ts...) -> Overload<Ts...>;

Value hash_value(const Hash& hash) {
    return Bytes(hash.begin(), hash.end());
}

Value root_value(const PartHead& head) {
    return head.root ? hash_value(*head.root) : Value();
}

void put_head(Map& to, const PartHead& head) {
    to["part"] = head.part.value();
    to["size"] = head.size;
    to["last"] = hash_value(head.last);
    to["root"] = root_value(head);
}

Map body_map(const OpenEntry& open) {
    Map keys;
    for (const auto& [key, envelope] : open.keys) {
        List recipients(envelope.recipients.begin(), envelope.recipients.end());
        keys.emplace(key, Map{{"envelope", hash_value(envelope.sha256)},
                              {"recipients", std::move(recipients)}});
    }
    return {{"part", open.part.value()},
            {"session", open.session},
            {"kind", open.part_kind},
            {"leaf", hash_value(open.leaf)},
            {"keys", std::move(keys)}};
}
Map body_map(const CloseEntry& close) {
    Map map;
    put_head(map, close.head);
    Map counts;
    for (const auto& [kind, count] : close.counts) {
        counts[kind] = count;
    }
    map["counts"] = std::move(counts);
    return map;
}
Map body_map(const IntervalEntry& interval) {
    List heads;
    for (const PartHead& head : interval.heads) {
        heads.push_back(
            List{head.part.value(), head.size, hash_value(head.last), root_value(head)});
    }
    return {{"heads", std::move(heads)}};
}
Map body_map(const RecoveryEntry& recovery) {
    return {{"found", recovery.found}};
}
Map body_map(const ConfigEntry& config) {
    return {{"digest", config.digest}, {"boot", config.boot}};
}
Map body_map(const KeyEntry& key) {
    return {{"vkey", key.vkey}};
}
Map body_map(const HeartbeatEntry& heartbeat) {
    if (!heartbeat.clock) {
        return {};
    }
    const ClockState& clock = *heartbeat.clock;
    return {{"clock", Map{{"source", clock.source},
                          {"synchronised", clock.synchronised},
                          {"offset", clock.offset_ns},
                          {"error", clock.error_ns},
                          {"error_max", clock.error_max_ns},
                          {"mono", clock.mono},
                          {"boot", clock.boot_id}}}};
}
Map body_map(const CosignEntry& cosign) {
    return {{"anchor", cosign.anchor},
            {"key", cosign.vkey},
            {"size", cosign.size},
            {"at", cosign.at},
            {"signature", cosign.signature}};
}
Map body_map(const AnchorEntry& anchor) {
    return {{"anchor", anchor.anchor}, {"kind", anchor.anchor_kind}, {"size", anchor.size}};
}
Map body_map(const AlarmEntry& alarm) {
    return {{"what", alarm.what}, {"why", alarm.why}, {"over", alarm.over}};
}

Map body_map(const ShredEntry& shred) {
    return {{"part", shred.part.value()},
            {"session", shred.session},
            {"class", shred.key},
            {"envelope", hash_value(shred.envelope)},
            {"by", shred.by},
            {"why", shred.why}};
}
Map body_map(const HoldEntry& hold) {
    return {{"session", hold.session},
            {"reason", hold.reason},
            {"key", hold.vkey},
            {"at", hold.at},
            {"signature", hold.signature}};
}
Map body_map(const SegmentEntry& segment) {
    List parts;
    for (const SegmentPart& each : segment.parts) {
        parts.push_back(List{each.part.value(), each.first, each.last, each.records, each.lost});
    }
    return {{"name", segment.name},     {"sha256", hash_value(segment.sha256)},
            {"bytes", segment.bytes},   {"store", segment.store},
            {"object", segment.object}, {"version", segment.version},
            {"parts", std::move(parts)}};
}

Map body_map(const ReconciledEntry& reconciled) {
    Map counts;
    for (const auto& [name, count] : reconciled.counts) {
        counts[name] = count;
    }
    return {{"trail", reconciled.trail},
            {"from", reconciled.from},
            {"to", reconciled.to},
            {"by", reconciled.by},
            {"verdict", reconciled.verdict},
            {"counts", std::move(counts)},
            {"report", hash_value(reconciled.report)}};
}

/// Takes members out of a decoded map, remembering the first that is missing or of another type.
class Members {
  public:
    explicit Members(const Value& map) : map_(map) {}

    std::uint64_t count(std::string_view name) { return count_of(map_.find(name)); }
    std::string text(std::string_view name) {
        return take<std::string>(map_.find(name)).value_or(std::string());
    }
    Hash hash(std::string_view name) { return hash_of(map_.find(name)); }
    std::int64_t number(std::string_view name) {
        return take<std::int64_t>(map_.find(name)).value_or(0);
    }
    bool flag(std::string_view name) { return take<bool>(map_.find(name)).value_or(false); }
    Bytes bytes(std::string_view name) { return take<Bytes>(map_.find(name)).value_or(Bytes()); }
    Map map(std::string_view name) { return take<Map>(map_.find(name)).value_or(Map()); }
    List list(std::string_view name) { return take<List>(map_.find(name)).value_or(List()); }

    std::uint64_t count_of(const Value* value) {
        const auto number = take<std::int64_t>(value);
        good_ = good_ && number && *number >= 0;
        return good_ ? static_cast<std::uint64_t>(*number) : 0;
    }
    Hash hash_of(const Value* value) {
        Hash hash{};
        const auto bytes = take<Bytes>(value);
        good_ = good_ && bytes && bytes->size() == hash.size();
        if (good_) {
            std::copy(bytes->begin(), bytes->end(), hash.begin());
        }
        return hash;
    }
    PartHead head() {
        return {model::PartNo(count("part")), count("size"), hash("last"),
                root_of(map_.find("root"))};
    }
    PartHead head_of(const Value& value) {
        const List* list = value.as<List>();
        good_ = good_ && list != nullptr && list->size() == 4;
        if (!good_) {
            return {};
        }
        return {model::PartNo(count_of(&(*list)[0])), count_of(&(*list)[1]), hash_of(&(*list)[2]),
                root_of(&(*list)[3])};
    }
    SegmentPart segment_part_of(const Value& value) {
        const List* list = value.as<List>();
        good_ = good_ && list != nullptr && list->size() == 5;
        if (!good_) {
            return {};
        }
        const SegmentPart part{model::PartNo(count_of(&(*list)[0])), count_of(&(*list)[1]),
                               count_of(&(*list)[2]), count_of(&(*list)[3]), count_of(&(*list)[4])};
        good_ = good_ && part.first <= part.last;
        return part;
    }
    const Value* find(std::string_view name) const { return map_.find(name); }
    bool good() const { return good_; }
    void refuse() { good_ = false; }

  private:
    std::optional<Hash> root_of(const Value* value) {
        good_ = good_ && value != nullptr;
        return good_ && !value->is_null() ? std::optional(hash_of(value)) : std::nullopt;
    }
    template <class T>
    std::optional<T> take(const Value* value) {
        const T* found = value == nullptr ? nullptr : value->as<T>();
        good_ = good_ && found != nullptr;
        return found == nullptr ? std::nullopt : std::optional<T>(*found);
    }

    const Value& map_;
    bool good_ = true;
};

CloseEntry close_of(Members& members) {
    CloseEntry close{members.head(), {}};
    for (const auto& [kind, count] : members.map("counts")) {
        close.counts[kind] = members.count_of(&count);
    }
    return close;
}

IntervalEntry interval_of(Members& members) {
    IntervalEntry interval;
    for (const Value& head : members.list("heads")) {
        interval.heads.push_back(members.head_of(head));
    }
    return interval;
}

SegmentEntry segment_of(Members& members) {
    SegmentEntry segment{members.text("name"),
                         members.hash("sha256"),
                         members.count("bytes"),
                         members.text("store"),
                         members.text("object"),
                         members.text("version"),
                         {}};
    if (!journal::parse_segment_name(segment.name)) {
        members.refuse();
    }
    for (const Value& part : members.list("parts")) {
        segment.parts.push_back(members.segment_part_of(part));
    }
    return segment;
}

HeartbeatEntry heartbeat_of(Members& members) {
    const Value* clock = members.find("clock");
    if (clock == nullptr) {
        return {};
    }
    Members of(*clock);
    HeartbeatEntry heartbeat{
        ClockState{of.text("source"), of.flag("synchronised"), of.number("offset"),
                   of.number("error"), of.number("error_max"), of.number("mono"), of.text("boot")}};
    if (!of.good()) {
        members.refuse();
    }
    return heartbeat;
}

PartEnvelopes envelopes_of(Members& members) {
    PartEnvelopes envelopes;
    for (const auto& [key, value] : members.map("keys")) {
        Members of(value);
        Envelope& envelope = envelopes[key];
        envelope.sha256 = of.hash("envelope");
        for (const Value& recipient : of.list("recipients")) {
            const std::string* text = recipient.as<std::string>();
            envelope.recipients.push_back(text == nullptr ? std::string() : *text);
        }
        const bool known = std::any_of(kClasses.begin(), kClasses.end(),
                                       [&](const char* name) { return key == name; });
        if (!of.good() || !known) {
            members.refuse();
        }
    }
    return envelopes;
}

HoldEntry hold_of(bool released, Members& members) {
    return {released,
            members.text("session"),
            members.text("reason"),
            members.text("key"),
            members.number("at"),
            members.bytes("signature")};
}

ReconciledEntry reconciled_of(Members& members) {
    ReconciledEntry reconciled{members.text("trail"), members.number("from"),  members.number("to"),
                               members.text("by"),    members.text("verdict"), {},
                               members.hash("report")};
    for (const auto& [name, count] : members.map("counts")) {
        reconciled.counts[name] = members.count_of(&count);
    }
    const std::string& verdict = reconciled.verdict;
    const bool known = verdict == "agreed" || verdict == "wanting" || verdict == "unknown";
    if (!known || reconciled.from > reconciled.to) {
        members.refuse();
    }
    return reconciled;
}

EntryBody body_of(std::string_view type, Members& members) {
    if (type == "OPEN") {
        return OpenEntry{model::PartNo(members.count("part")), members.text("session"),
                         members.text("kind"), members.hash("leaf"), envelopes_of(members)};
    }
    if (type == "CLOSE") return close_of(members);
    if (type == "INTERVAL") return interval_of(members);
    if (type == "RECOVERY") return RecoveryEntry{members.map("found")};
    if (type == "CONFIG") return ConfigEntry{members.text("digest"), members.text("boot")};
    if (type == "KEY") return KeyEntry{members.text("vkey")};
    if (type == "SEGMENT") return segment_of(members);
    if (type == "COSIGN") {
        return CosignEntry{members.text("anchor"), members.text("key"), members.count("size"),
                           members.number("at"), members.bytes("signature")};
    }
    if (type == "ANCHOR") {
        return AnchorEntry{members.text("anchor"), members.text("kind"), members.count("size")};
    }
    if (type == "ALARM") {
        return AlarmEntry{members.text("what"), members.text("why"), members.flag("over")};
    }
    if (type == "SHRED") {
        return ShredEntry{model::PartNo(members.count("part")),
                          members.text("session"),
                          members.text("class"),
                          members.hash("envelope"),
                          members.text("by"),
                          members.text("why")};
    }
    if (type == "RECONCILED") return reconciled_of(members);
    if (type == "HOLD" || type == "RELEASE") return hold_of(type == "RELEASE", members);
    if (type != "HEARTBEAT") members.refuse();
    return heartbeat_of(members);
}

}  // namespace

const char* name_of(const EntryBody& body) {
    return std::visit(
        Overload{[](const OpenEntry&) { return "OPEN"; }, [](const CloseEntry&) { return "CLOSE"; },
                 [](const IntervalEntry&) { return "INTERVAL"; },
                 [](const RecoveryEntry&) { return "RECOVERY"; },
                 [](const ConfigEntry&) { return "CONFIG"; }, [](const KeyEntry&) { return "KEY"; },
                 [](const HeartbeatEntry&) { return "HEARTBEAT"; },
                 [](const CosignEntry&) { return "COSIGN"; },
                 [](const AnchorEntry&) { return "ANCHOR"; },
                 [](const AlarmEntry&) { return "ALARM"; },
                 [](const ShredEntry&) { return "SHRED"; },
                 [](const HoldEntry& hold) { return hold.released ? "RELEASE" : "HOLD"; },
                 [](const SegmentEntry&) { return "SEGMENT"; },
                 [](const ReconciledEntry&) { return "RECONCILED"; }},
        body);
}

std::string hold_text(std::string_view origin, const HoldEntry& hold) {
    return std::string(hold.released ? "narrows-release-v1" : "narrows-hold-v1") + "\n" +
           std::string(origin) + "\n" + hold.session + "\n" + std::to_string(hold.at) + "\n" +
           hold.reason;
}

Result<Bytes> encode_entry(const Entry& entry) {
    Map map = std::visit([](const auto& body) { return body_map(body); }, entry.body);
    map["type"] = name_of(entry.body);
    map["time"] = entry.time;
    Bytes bytes = codec::cbor_encode(Value(std::move(map)));
    if (bytes.size() > kEntryBytesMax) {
        return fail(ErrorCode::invalid, "a log entry is larger than 65535 bytes");
    }
    return bytes;
}

Result<Entry> decode_entry(ByteView bytes) {
    if (bytes.size() > kEntryBytesMax) {
        return fail(ErrorCode::invalid, "a log entry is larger than 65535 bytes");
    }
    NARROWS_TRY(const Value value, codec::cbor_decode(bytes));
    const Value* time = value.find("time");
    Members members(value);
    Entry entry;
    entry.body = body_of(members.text("type"), members);
    if (!members.good() || time == nullptr || time->as<std::int64_t>() == nullptr) {
        return fail(ErrorCode::invalid,
                    "a log entry is of no known type, or a field is missing or of another type");
    }
    entry.time = *time->as<std::int64_t>();
    return entry;
}

std::vector<Entry> split_interval(WallNs time, std::vector<PartHead> heads) {
    std::vector<Entry> entries;
    for (std::size_t first = 0; first < heads.size(); first += kHeadsPerInterval) {
        const std::size_t count = std::min(kHeadsPerInterval, heads.size() - first);
        const auto begin = heads.begin() + static_cast<std::ptrdiff_t>(first);
        entries.push_back({time, IntervalEntry{std::vector<PartHead>(
                                     begin, begin + static_cast<std::ptrdiff_t>(count))}});
    }
    return entries;
}

std::vector<SegmentEntry> split_segment(SegmentEntry segment) {
    std::vector<SegmentEntry> split;
    const std::vector<SegmentPart> parts = std::exchange(segment.parts, {});
    for (std::size_t at = 0; at == 0 || at < parts.size(); at += kPartsPerSegment) {
        split.push_back(segment);
        const std::size_t end = std::min(parts.size(), at + kPartsPerSegment);
        split.back().parts.assign(parts.begin() + static_cast<std::ptrdiff_t>(at),
                                  parts.begin() + static_cast<std::ptrdiff_t>(end));
    }
    return split;
}

}  // namespace narrows::evidence
