#pragma once

#include <mutex>
#include <set>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/hash.h"

namespace narrows::identity {

/// Remembers proofs until they expire, so that each opens one session. Thread-safe. Bounded: when
/// `entries_max` unexpired proofs are remembered, new ones are refused (`exhausted`), since
/// forgetting one early would let it be used again. Memory of this process only: the gateway feeds
/// back the proofs of the recordings' OPEN records after a restart.
class ReplayMemory {
  public:
    explicit ReplayMemory(std::size_t entries_max = 100'000) : entries_max_(entries_max) {}

    /// `conflict` if the proof was used before. `expires` is the last moment it could be accepted.
    Result<void> use(const crypto::Digest& proof, WallNs expires, WallNs now);
    std::size_t size() const;

  private:
    std::size_t entries_max_;
    mutable std::mutex mutex_;
    std::set<crypto::Digest> known_;
    std::set<std::pair<WallNs, crypto::Digest>> by_expiry_;
};

}  // namespace narrows::identity
