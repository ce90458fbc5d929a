#include "evidence/bundle.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "codec/cbor.h"
#include "codec/json.h"
#include "evidence/key_ring.h"

namespace narrows::evidence {
namespace {

using codec::List;
using codec::Map;
using codec::Value;

constexpr std::string_view kBundleFormat = "narrows-bundle-v1";
constexpr std::size_t kBundlePartsMax = 100'000;
constexpr std::size_t kProofMax = 64;
constexpr std::array<std::string_view, 4> kKeysWords = {"original", "to", "open", "none"};

auto refuse_bundle(const char* what) {
    return fail(ErrorCode::invalid,
                fmt::format("{} of the bundle is not as the format says", what));
}

/// A list of texts; nothing else is one.
Result<std::vector<std::string>> texts_of(const Value* value) {
    const auto* list = value == nullptr ? nullptr : value->as<List>();
    std::vector<std::string> texts;
    for (const Value& each : list == nullptr ? List{} : *list) {
        const auto* text = each.as<std::string>();
        if (text == nullptr) {
            return refuse_bundle("the manifest");
        }
        texts.push_back(*text);
    }
    return texts;
}

Result<std::vector<model::PartNo>> part_numbers_of(const Value* value) {
    const auto* list = value == nullptr ? nullptr : value->as<List>();
    if (list == nullptr || list->empty() || list->size() > kBundlePartsMax) {
        return refuse_bundle("the manifest");
    }
    std::vector<model::PartNo> parts;
    for (const Value& each : *list) {
        const auto* number = each.as<std::int64_t>();
        const std::int64_t before =
            parts.empty() ? 0 : static_cast<std::int64_t>(parts.back().value());
        if (number == nullptr || *number <= before) {
            return refuse_bundle("the manifest");
        }
        parts.emplace_back(static_cast<std::uint64_t>(*number));
    }
    return parts;
}

Value value_of_proof(const std::vector<Hash>& hashes) {
    List list;
    for (const Hash& each : hashes) {
        list.push_back(to_bytes(ByteView(each)));
    }
    return list;
}

Result<std::vector<Hash>> proof_of(const Value* value) {
    const auto* list = value == nullptr ? nullptr : value->as<List>();
    if (list == nullptr || list->size() > 2 * kProofMax) {
        return refuse_bundle("a proof");
    }
    std::vector<Hash> hashes;
    for (const Value& each : *list) {
        const Bytes* bytes = each.as<Bytes>();
        if (bytes == nullptr || bytes->size() != Hash().size()) {
            return refuse_bundle("a proof");
        }
        std::copy(bytes->begin(), bytes->end(), hashes.emplace_back().begin());
    }
    return hashes;
}

Result<ProvenEntry> proven_of(const Value& value, const std::vector<ProvenEntry>& before) {
    const auto* list = value.as<List>();
    if (list == nullptr || list->size() != 3) {
        return refuse_bundle("an entry");
    }
    const auto* index = (*list)[0].as<std::int64_t>();
    const Bytes* entry = (*list)[1].as<Bytes>();
    const bool ascends =
        index != nullptr && *index >= 0 &&
        (before.empty() || before.back().index < static_cast<std::uint64_t>(*index));
    if (!ascends || entry == nullptr) {
        return refuse_bundle("an entry");
    }
    NARROWS_TRY(std::vector<Hash> proof, proof_of(&(*list)[2]));
    return ProvenEntry{static_cast<std::uint64_t>(*index), *entry, std::move(proof)};
}

}  // namespace

std::string encode_manifest(const BundleManifest& manifest) {
    List parts;
    for (const model::PartNo part : manifest.parts) {
        parts.emplace_back(part.value());
    }
    Map map{{"format", kBundleFormat},
            {"origin", manifest.origin},
            {"session", manifest.session},
            {"parts", std::move(parts)},
            {"keys", kKeysWords[static_cast<std::size_t>(manifest.keys)]}};
    if (!manifest.recipient.empty()) {
        map["recipient"] = manifest.recipient;
    }
    if (!manifest.redacted.empty()) {
        map["redacted"] = List(manifest.redacted.begin(), manifest.redacted.end());
    }
    return codec::json_encode(Value(std::move(map))) + "\n";
}

Result<BundleManifest> decode_manifest(ByteView bytes) {
    NARROWS_TRY(const Value value, codec::json_decode(as_text(bytes)));
    const std::string words = value.text("keys");
    const auto keys = std::find(kKeysWords.begin(), kKeysWords.end(), words);
    if (value.text("format") != kBundleFormat) {
        return fail(ErrorCode::unsupported, "this is no bundle of a format that is known here");
    }
    BundleManifest manifest{.origin = value.text("origin"),
                            .session = value.text("session"),
                            .parts = {},
                            .keys = BundleKeys::original,
                            .recipient = value.text("recipient"),
                            .redacted = {}};
    if (keys == kKeysWords.end() || manifest.origin.empty() ||
        manifest.origin.size() > journal::kOriginMax || manifest.session.empty()) {
        return refuse_bundle("the manifest");
    }
    manifest.keys = static_cast<BundleKeys>(keys - kKeysWords.begin());
    NARROWS_TRY(manifest.parts, part_numbers_of(value.find("parts")));
    NARROWS_TRY(manifest.redacted, texts_of(value.find("redacted")));
    return manifest;
}

Bytes encode_excerpt(const LogExcerpt& excerpt) {
    List entries;
    for (const ProvenEntry& each : excerpt.entries) {
        entries.push_back(List{each.index, each.entry, value_of_proof(each.proof)});
    }
    return codec::cbor_encode(Value(Map{{"entries", std::move(entries)},
                                        {"consistency", value_of_proof(excerpt.consistency)}}));
}

Result<LogExcerpt> decode_excerpt(ByteView bytes) {
    NARROWS_TRY(const Value value, codec::cbor_decode(bytes));
    const Value* found = value.find("entries");
    const auto* entries = found == nullptr ? nullptr : found->as<List>();
    if (entries == nullptr) {
        return refuse_bundle("the log's excerpt");
    }
    LogExcerpt excerpt;
    for (const Value& each : *entries) {
        NARROWS_TRY(ProvenEntry entry, proven_of(each, excerpt.entries));
        excerpt.entries.push_back(std::move(entry));
    }
    NARROWS_TRY(excerpt.consistency, proof_of(value.find("consistency")));
    return excerpt;
}

Bytes encode_record(const BundleRecord& record) {
    Value content;
    if (const Bytes* stored = std::get_if<Bytes>(&record.content)) {
        content = *stored;
    } else if (const auto* fields = std::get_if<Disclosure>(&record.content)) {
        content = value_of(*fields);
    }
    const Bytes body = codec::cbor_encode(Value(List{record.header, std::move(content)}));
    Bytes bytes;
    append_le(bytes, static_cast<std::uint32_t>(body.size()));
    append(bytes, body);
    return bytes;
}

Result<BundleRecord> decode_record(ByteView bytes) {
    NARROWS_TRY(const Value value, codec::cbor_decode(bytes));
    const auto* pair = value.as<List>();
    const Bytes* header = pair == nullptr || pair->size() != 2 ? nullptr : (*pair)[0].as<Bytes>();
    if (header == nullptr || header->size() != journal::kFrameHeaderSize) {
        return refuse_bundle("a record");
    }
    BundleRecord record{*header, {}};
    const Value& content = (*pair)[1];
    if (const Bytes* stored = content.as<Bytes>()) {
        record.content = *stored;
    } else if (!content.is_null()) {
        NARROWS_TRY(record.content, disclosure_of(content));
    }
    return record;
}

Result<journal::FrameHeader> decode_record_header(ByteView header) {
    // The journal's decoder wants the payload to be there; how long it was, the header says.
    Bytes frame = to_bytes(header);
    frame.resize(journal::kFrameHeaderSize + journal::kPayloadMax + journal::kSealMax);
    return journal::decode_frame_header(frame);
}

std::string part_file(model::PartNo part) {
    return fmt::format("parts/{:08}", part.value());
}

std::string key_file(model::PartNo part, journal::KeyClass key, bool open) {
    const std::string name = envelope_name(part, key);
    return "keys/" + (open ? name.substr(0, name.size() - 3) + "key" : name);
}

}  // namespace narrows::evidence
