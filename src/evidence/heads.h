#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "evidence/entry.h"
#include "evidence/merkle.h"
#include "model/ids.h"

/// How far each part has come, with its root, for the log's INTERVAL and CLOSE entries. The tests'
/// stores are made with it; the gateway's heads have no root yet (gateway/evidence_keeper.h).
///
/// A head must not be logged before its records are durable, or a power cut would look like
/// tampering: take `grown()`, then append one record in each lane with Await::durable (the lanes
/// are first in, first out), and log the heads when both are told.
/// Thread-safe: `add` may come from several threads in any order.
namespace narrows::evidence {

class PartHeads {
  public:
    /// The leaf of one record. Every record of a part must be added once.
    void add(model::PartNo part, model::Sequence sequence, const Hash& leaf);
    /// The parts whose first records, without a hole, have become more since the last call.
    std::vector<PartHead> grown();
    /// The head of one part, and forgets it; nothing if it was never added to.
    std::optional<PartHead> close(model::PartNo part);

  private:
    struct Growing {
        Frontier frontier;
        Hash last{};
        std::uint64_t told = 0;               ///< size at the last grown()
        std::map<std::uint64_t, Hash> early;  ///< leaves whose predecessors are still to come
    };
    static PartHead head_of(model::PartNo part, const Growing& growing);

    std::mutex mutex_;
    std::map<model::PartNo, Growing> parts_;
};

}  // namespace narrows::evidence
