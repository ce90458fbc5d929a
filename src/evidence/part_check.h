#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "evidence/checked.h"
#include "evidence/entry.h"
#include "evidence/merkle.h"
#include "evidence/operation_check.h"
#include "evidence/reporter.h"
#include "journal/frame.h"

namespace narrows::evidence {

/// The rules that the records of one part keep (docs/format.md "What must follow what"): from
/// OPEN to CLOSE, holes declared, counts that are right, operations
/// as OperationCheck has them. Takes records in the order of their sequence,
/// each once; their hashes are journal::verify_chain's business. Not thread-safe.
class PartCheck {
  public:
    PartCheck(model::PartNo part, Findings& findings, Checked& checked)
        : reporter_(part, findings), checked_(checked), operations_(reporter_, checked) {}
    PartCheck(const PartCheck&) = delete;
    PartCheck& operator=(const PartCheck&) = delete;

    /// `leaf` is computed from the record's bytes; `plain` is its payload, or why there is none
    /// (KeyRing::open). A sequence beyond the next is a hole.
    void add(const journal::Frame& frame, const Hash& leaf, const Result<ByteView>& plain,
             const std::string& file);
    /// No more records come: holes that no GAP declared become findings, with all suspicions. A
    /// hole behind the first `vouched` records, of which a log knows, is worth a note only: a copy
    /// of a running gateway has such holes, and nobody claims that the records were ever there.
    void finish(std::optional<std::uint64_t> vouched = std::nullopt);

    std::uint64_t size() const { return next_; }  ///< one past the last sequence seen
    bool closed() const { return closed_; }
    /// Nothing if OPEN could not be read.
    const std::optional<std::string>& session() const { return session_; }
    /// Whether each key that its records are sealed under is one of these.
    bool sealed_under(const PartEnvelopes& keys) const;
    /// Whether the kinds of its records but CLOSE are as the log counts them. True if it cannot be
    /// told: some are missing, or the log says nothing.
    bool has_counts(const std::map<std::string, std::uint64_t>& stated) const;
    const Hash& open_leaf() const { return open_leaf_; }
    const Hash& last_leaf() const { return last_leaf_; }
    /// The root over all leaves so far; nothing if some are missing.
    std::optional<Hash> root() const;
    bool is_declared(std::uint64_t sequence) const { return reporter_.is_declared(sequence); }
    PartReporter& reporter() { return reporter_; }

  private:
    void take_place(const journal::Frame& frame, const Hash& leaf);
    std::optional<Payload> payload_of(const journal::Frame& frame, const Result<ByteView>& plain);
    void check_seal(const journal::Frame& frame);
    void compare_header(const journal::Frame& frame, const Payload* payload);
    void judge(Stretch hole, bool not_yet);
    void dispatch(const journal::Frame& frame, const Payload* payload);
    void gap(const Payload& payload);
    void close(const Payload* payload);

    PartReporter reporter_;
    Checked& checked_;
    OperationCheck operations_;
    std::uint64_t next_ = 0;
    bool closed_ = false;
    bool ended_ = false;  ///< closed, and not as interrupted
    std::array<std::optional<std::uint32_t>, journal::kKeyClasses.size()> epochs_;  ///< newest
    std::set<journal::KeyClass> faulty_keys_;                                       ///< as reported
    std::optional<std::string> session_;
    Hash open_leaf_{};
    Hash last_leaf_{};
    Frontier frontier_;
    std::vector<Stretch> holes_;
    std::map<std::string, std::uint64_t, std::less<>> counts_;
};

}  // namespace narrows::evidence
