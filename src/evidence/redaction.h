#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "evidence/bundle.h"
#include "evidence/key_ring.h"
#include "journal/frame.h"

namespace narrows::evidence {

/// Turns records into fields with salts and withholds what was asked for (docs/format.md section
/// 12). Needs the session's key. Not thread-safe; what it refers to must live longer.
class Redaction {
  public:
    /// `wanted`: paths as leads_to takes them, or "bodies". None: everything is shown but SECRETS.
    Redaction(KeyRing& keys, std::vector<std::string> wanted)
        : keys_(keys), wanted_(std::move(wanted)) {}

    /// ErrorCode::not_found: no key opens it; ErrorCode::unsupported: it is not sealed, so none of
    /// its fields can be withheld, and some should be.
    Result<BundleRecord> record(std::string_view origin, const journal::Frame& frame);
    /// The same, or without its payload if that is sealed and not to be shown.
    Result<BundleRecord> record_or_header(std::string_view origin, const journal::Frame& frame,
                                          bool show);
    /// A path that no record had; empty: none.
    std::string unmatched() const;
    std::uint64_t withheld() const { return withheld_; }  ///< fields, and records as a whole

  private:
    Result<Disclosure> fields(std::string_view origin, const journal::Frame& frame, ByteView plain);
    bool withholds(model::RecordKind kind, const codec::List& path);
    Result<void> check_unsealed(const journal::Frame& frame);

    KeyRing& keys_;
    const std::vector<std::string> wanted_;
    std::set<std::string> met_;
    std::uint64_t withheld_ = 0;
};

/// The record with its payload as it is stored.
BundleRecord stored_record(const journal::Frame& frame);

}  // namespace narrows::evidence
