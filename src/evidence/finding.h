#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"

/// What a verification found, as data: what, where, and what it means.
namespace narrows::evidence {

enum class FindingKind {
    tampering,    ///< bytes or hashes that do not fit each other
    truncation,   ///< something that was committed to is not there (any more)
    disorder,     ///< records that must not follow each other so, or are missing undeclared
    loss,         ///< a loss that the recording itself declares
    missing_key,  ///< no key was given that could tell
    unreadable,   ///< could not be read here and now
    note,         ///< worth knowing, nothing wrong
};
const char* name_of(FindingKind kind);
/// Whether it makes the recording "found wanting".
bool is_wanting(FindingKind kind);

struct Place {
    std::string file;  ///< relative to the data directory; empty if not in one file
    std::uint64_t offset = 0;
    std::optional<model::PartNo> part;
    std::optional<model::Sequence> sequence;
};

struct Finding {
    FindingKind kind = FindingKind::note;
    std::string what;   ///< a sentence: what is so
    std::string means;  ///< a sentence: what it means for whoever relies on the recording
    Place place;
};

/// Collects findings: the first kFindingsMax are kept, all are counted.
class Findings {
  public:
    static constexpr std::size_t kFindingsMax = 1'000;

    void add(Finding finding);
    const std::vector<Finding>& kept() const { return kept_; }
    std::uint64_t count() const { return count_; }
    std::uint64_t wanting() const { return wanting_; }
    bool has(FindingKind kind) const;

  private:
    std::vector<Finding> kept_;
    std::uint64_t count_ = 0;
    std::uint64_t wanting_ = 0;
    std::uint32_t kinds_ = 0;
};

}  // namespace narrows::evidence
