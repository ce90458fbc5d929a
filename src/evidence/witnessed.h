#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "evidence/merkle.h"
#include "evidence/trust.h"

namespace narrows::evidence {

/// How far trusted witnesses vouch for a log.
struct Witnessed {
    std::uint64_t size = 0;         ///< entries; of the newest tree that most of them signed
    std::vector<VerifierKey> keys;  ///< who signed it
    std::int64_t at = 0;            ///< the newest of their times, seconds since 1970
};

/// Collects cosignatures, of notes and of the log's own COSIGN entries, and finds the newest tree
/// that a quorum of trusted witnesses signed. Bounded: keeps the newest kSizesMax trees that
/// trusted witnesses are said to have signed, and the newest older one that enough of them are.
class CosignatureCount {
  public:
    static constexpr std::size_t kSizesMax = 1'024;
    /// The first so many entries' root; nothing if it cannot be had.
    using RootOf = std::function<std::optional<Hash>(std::uint64_t size)>;

    /// Without trust nothing counts.
    explicit CosignatureCount(const std::optional<Trust>& trust) : trust_(trust) {}

    void add(std::uint64_t size, const NoteSignature& signature);
    /// The newest tree with a quorum (of one, if the trust file asks for none); else the one that
    /// most have signed; else size 0. Checks signatures here, newest tree first.
    Witnessed settle(const std::string& origin, const RootOf& root_of) const;

  private:
    using Claims = std::vector<NoteSignature>;
    std::size_t quorum() const;
    std::size_t signers(const Claims& claims) const;
    Witnessed check(const std::string& origin, std::uint64_t size, const Claims& claims,
                    const RootOf& root_of) const;

    const std::optional<Trust>& trust_;
    std::map<std::uint64_t, Claims> claims_;  ///< by tree size
};

}  // namespace narrows::evidence
