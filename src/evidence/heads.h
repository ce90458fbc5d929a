#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "evidence/entry.h"
#include "evidence/merkle.h"
#include "journal/journal.h"

namespace narrows::evidence {

/// What the journal took since it was asked last, as the log will say it. Nothing of it may be
/// logged before a barrier that began after `PartHeads::take` is durable: else a power cut would
/// look like tampering.
struct Grown {
    std::vector<OpenEntry> opens;  ///< without keys
    std::vector<PartHead> heads;   ///< of parts that are still open
    std::vector<CloseEntry> closes;

    bool empty() const { return opens.empty() && heads.empty() && closes.empty(); }
    /// What came later.
    void add(Grown more);
};

/// How far each part has come, from the journal's own word on every record
/// (journal::Options::on_placed). Thread-safe.
class PartHeads {
  public:
    void placed(const journal::PartInfo& info, const journal::FrameHeader& header,
                const Hash& leaf);
    Grown take();

  private:
    struct Growing {
        std::optional<Frontier> frontier;  ///< nothing for what an earlier start began
        std::uint64_t size = 0;
        Hash last{};
        std::map<std::string, std::uint64_t> counts;
        bool told = false;
    };
    static PartHead head_of(model::PartNo part, const Growing& growing);

    std::mutex mutex_;
    std::map<model::PartNo, Growing> parts_;
    Grown ended_;  ///< opens and closes that nobody took yet
};

}  // namespace narrows::evidence
