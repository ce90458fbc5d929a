#include "identity/replay.h"

namespace narrows::identity {

Result<void> ReplayMemory::use(const crypto::Digest& proof, WallNs expires, WallNs now) {
    const std::lock_guard lock(mutex_);
    while (!by_expiry_.empty() && by_expiry_.begin()->first < now) {
        known_.erase(by_expiry_.begin()->second);
        by_expiry_.erase(by_expiry_.begin());
    }
    if (known_.contains(proof)) {
        return fail(ErrorCode::conflict,
                    "the proof has opened a session before; get a new token for each session");
    }
    if (known_.size() >= entries_max_) {
        return fail(ErrorCode::exhausted,
                    "too many unexpired proofs are remembered to accept another; try again when "
                    "some have expired");
    }
    known_.insert(proof);
    by_expiry_.emplace(expires, proof);
    return ok();
}

std::size_t ReplayMemory::size() const {
    const std::lock_guard lock(mutex_);
    return known_.size();
}

}  // namespace narrows::identity
