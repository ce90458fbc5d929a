#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "evidence/disclosure.h"
#include "journal/format.h"
#include "model/ids.h"

/// The files of an evidence bundle: one session's records with proofs that a log vouches for them
/// (docs/format.md section 13). Pure functions; the decoders take hostile bytes.
namespace narrows::evidence {

inline constexpr std::string_view kManifestName = "manifest.json";
inline constexpr std::string_view kBundleCheckpoint = "log/checkpoint";
inline constexpr std::string_view kBundleCosigned = "log/cosigned";
inline constexpr std::string_view kBundleExcerpt = "log/excerpt";
inline constexpr std::size_t kManifestMax = 1 << 20;
inline constexpr std::size_t kExcerptMax = 64 << 20;
inline constexpr std::size_t kBundleRecordMax = 16 << 20;  ///< without the length before it

/// What the bundle has of the session's keys.
enum class BundleKeys {
    original,  ///< the envelopes that the log names
    to,        ///< the same keys in envelopes to one named recipient
    open,      ///< the keys themselves
    none,      ///< and fields instead of payloads
};

struct BundleManifest {
    std::string origin;
    std::string session;
    std::vector<model::PartNo> parts;  ///< ascending
    BundleKeys keys = BundleKeys::original;
    std::string recipient;              ///< "age1…" with BundleKeys::to
    std::vector<std::string> redacted;  ///< as asked for
    friend bool operator==(const BundleManifest&, const BundleManifest&) = default;
};
std::string encode_manifest(const BundleManifest& manifest);
Result<BundleManifest> decode_manifest(ByteView bytes);

/// An entry of the log with its proof, leaf side first, in the tree of the bundle's checkpoint.
struct ProvenEntry {
    std::uint64_t index = 0;
    Bytes entry;
    std::vector<Hash> proof;
    friend bool operator==(const ProvenEntry&, const ProvenEntry&) = default;
};
struct LogExcerpt {
    std::vector<ProvenEntry> entries;  ///< by index, each once
    std::vector<Hash> consistency;     ///< from log/cosigned to log/checkpoint
    friend bool operator==(const LogExcerpt&, const LogExcerpt&) = default;
};
Bytes encode_excerpt(const LogExcerpt& excerpt);
Result<LogExcerpt> decode_excerpt(ByteView bytes);

/// One record: its frame's header, and its payload as stored, its fields, or nothing of it.
struct BundleRecord {
    Bytes header;  ///< journal::kFrameHeaderSize bytes
    std::variant<std::monostate, Bytes, Disclosure> content;
    friend bool operator==(const BundleRecord&, const BundleRecord&) = default;
};
/// With its length, four bytes, in front.
Bytes encode_record(const BundleRecord& record);
/// Without the length.
Result<BundleRecord> decode_record(ByteView bytes);
/// What such a header says; its payload's size is a claim.
Result<journal::FrameHeader> decode_record_header(ByteView header);

/// "parts/00000007"
std::string part_file(model::PartNo part);
/// "keys/00000007.bodies.age", or ".key" for an open one.
std::string key_file(model::PartNo part, journal::KeyClass key, bool open);

}  // namespace narrows::evidence
