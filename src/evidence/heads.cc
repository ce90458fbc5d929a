#include "evidence/heads.h"

#include <iterator>

namespace narrows::evidence {

void Grown::add(Grown more) {
    std::move(more.opens.begin(), more.opens.end(), std::back_inserter(opens));
    std::move(more.heads.begin(), more.heads.end(), std::back_inserter(heads));
    std::move(more.closes.begin(), more.closes.end(), std::back_inserter(closes));
}

void PartHeads::placed(const journal::PartInfo& info, const journal::FrameHeader& header,
                       const Hash& leaf) {
    const auto kind = *model::record_kind(header.kind);
    const model::PartNo part(header.part);
    const std::lock_guard lock(mutex_);
    const auto [at, is_new] = parts_.try_emplace(part);
    Growing& growing = at->second;
    if (is_new && header.sequence == 0) {
        growing.frontier.emplace();
        ended_.opens.push_back({part, info.session, info.kind, leaf, {}});
    }
    growing.size = header.sequence + 1;
    growing.last = leaf;
    growing.told = false;
    if (growing.frontier) {
        growing.frontier->append(leaf);
    }
    if (kind != model::RecordKind::close) {
        growing.counts[model::name_of(kind)] += growing.frontier ? 1 : 0;
        return;
    }
    CloseEntry close{head_of(part, growing), {}};
    if (growing.frontier) {
        close.counts = std::move(growing.counts);
    }
    ended_.closes.push_back(std::move(close));
    parts_.erase(at);
}

PartHead PartHeads::head_of(model::PartNo part, const Growing& growing) {
    const auto root = growing.frontier ? std::optional(growing.frontier->root()) : std::nullopt;
    return {part, growing.size, growing.last, root};
}

Grown PartHeads::take() {
    const std::lock_guard lock(mutex_);
    Grown grown = std::move(ended_);
    ended_ = {};
    for (auto& [part, growing] : parts_) {
        if (!growing.told) {
            growing.told = true;
            grown.heads.push_back(head_of(part, growing));
        }
    }
    return grown;
}

}  // namespace narrows::evidence
