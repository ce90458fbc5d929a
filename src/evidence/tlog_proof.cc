#include "evidence/tlog_proof.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/cbor.h"
#include "codec/text.h"
#include "evidence/checkpoint.h"

namespace narrows::evidence {
namespace {

using codec::List;
using codec::Map;
using codec::Value;

constexpr std::string_view kTlogProofLine = "c2sp.org/tlog-proof@v1";
constexpr std::size_t kTlogPathMax = 64;

auto refuse_proof() {
    return fail(ErrorCode::invalid, "the proof is not as C2SP tlog-proof and the format say");
}

/// The line up to the next newline, taken from `rest`; nothing if there is none.
std::optional<std::string_view> take_line(std::string_view& rest) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return line;
}

std::optional<std::string_view> after(std::optional<std::string_view> line, std::string_view word) {
    if (!line || !line->starts_with(word)) {
        return std::nullopt;
    }
    return line->substr(word.size());
}

}  // namespace

std::string encode_tlog_proof(const TlogProof& proof) {
    std::string text = std::string(kTlogProofLine) + "\n";
    if (!proof.extra.empty()) {
        text += "extra " + codec::base64(proof.extra) + "\n";
    }
    text += fmt::format("index {}\n", proof.index);
    for (const Hash& each : proof.proof) {
        text += codec::base64(each) + "\n";
    }
    return text + "\n" + proof.checkpoint;
}

Result<TlogProof> decode_tlog_proof(ByteView bytes) {
    std::string_view rest = as_text(bytes);
    if (take_line(rest) != kTlogProofLine) {
        return fail(ErrorCode::unsupported, "this is no tlog-proof of version 1");
    }
    TlogProof proof;
    auto line = take_line(rest);
    if (const auto extra = after(line, "extra ")) {
        NARROWS_TRY(proof.extra, codec::unbase64(*extra));
        line = take_line(rest);
    }
    const auto index = after(line, "index ");
    if (!index) {
        return refuse_proof();
    }
    NARROWS_TRY(proof.index, parse_tree_size(*index));
    for (line = take_line(rest); line && !line->empty(); line = take_line(rest)) {
        NARROWS_TRY(const Hash hash, parse_hash(*line));
        proof.proof.push_back(hash);
    }
    if (!line || proof.proof.size() > kTlogPathMax) {
        return refuse_proof();
    }
    proof.checkpoint = rest;
    return proof;
}

Bytes encode_record_proof(const RecordProof& proof) {
    List path;
    for (const Hash& each : proof.path) {
        path.push_back(to_bytes(ByteView(each)));
    }
    const Bytes record = encode_record(proof.record);
    return codec::cbor_encode(
        Value(Map{{"entry", proof.entry},
                  {"record", to_bytes(ByteView(record).subspan(sizeof(std::uint32_t)))},
                  {"path", std::move(path)}}));
}

Result<RecordProof> decode_record_proof(ByteView bytes) {
    NARROWS_TRY(const Value value, codec::cbor_decode(bytes));
    const auto member = [&](const char* name) {
        const Value* found = value.find(name);
        return found == nullptr ? nullptr : found->as<Bytes>();
    };
    const Value* path = value.find("path");
    const auto* hashes = path == nullptr ? nullptr : path->as<List>();
    const Bytes* entry = member("entry");
    const Bytes* record = member("record");
    if (hashes == nullptr || hashes->size() > kTlogPathMax || !entry || !record) {
        return refuse_proof();
    }
    RecordProof proof{*entry, {}, {}};
    NARROWS_TRY(proof.record, decode_record(*record));
    for (const Value& each : *hashes) {
        const Bytes* hash = each.as<Bytes>();
        if (hash == nullptr || hash->size() != Hash().size()) {
            return refuse_proof();
        }
        std::copy(hash->begin(), hash->end(), proof.path.emplace_back().begin());
    }
    return proof;
}

}  // namespace narrows::evidence
