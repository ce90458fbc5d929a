#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "codec/value.h"
#include "review/recording.h"

namespace narrows::review {

/// What stood in a session's answers in the clear and opens something: key ids, private keys,
/// signed URLs, session tokens (docs/secrets.md). Feed it every operation, then ask. Keeps the
/// first kFindingsKeptMax; `total` counts them all.
class Findings {
  public:
    static constexpr std::size_t kFindingsKeptMax = 1'000;
    struct Finding {
        model::PartNo part;
        model::Sequence op;
        std::string operation;  ///< "s3:GetObject"; may hold hostile bytes, as all of it
        std::string kind;       ///< "access-key-id"
        std::string key_id;     ///< of an access key id; else empty
        std::int64_t at = 0;    ///< byte of the answer on record
    };
    void add(const OperationView& operation);

    const std::vector<Finding>& kept() const { return kept_; }
    std::uint64_t total() const { return total_; }
    /// Answered operations whose outcome no key opens: what stood in their answers is not known.
    std::uint64_t sealed() const { return sealed_; }

  private:
    std::vector<Finding> kept_;
    std::uint64_t total_ = 0;
    std::uint64_t sealed_ = 0;
};

/// {"type": "findings", "count", "findings": […], "sealed"}.
codec::Value json_of(const Findings& findings);
/// A line each, the number of them first.
std::vector<std::string> lines_of(const Findings& findings);

}  // namespace narrows::review
