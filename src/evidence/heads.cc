#include "evidence/heads.h"

namespace narrows::evidence {

void PartHeads::add(model::PartNo part, model::Sequence sequence, const Hash& leaf) {
    const std::lock_guard lock(mutex_);
    Growing& growing = parts_[part];
    growing.early.emplace(sequence.value(), leaf);
    while (!growing.early.empty() && growing.early.begin()->first == growing.frontier.size()) {
        growing.last = growing.early.begin()->second;
        growing.frontier.append(growing.last);
        growing.early.erase(growing.early.begin());
    }
}

PartHead PartHeads::head_of(model::PartNo part, const Growing& growing) {
    return {part, growing.frontier.size(), growing.last, growing.frontier.root()};
}

std::vector<PartHead> PartHeads::grown() {
    const std::lock_guard lock(mutex_);
    std::vector<PartHead> heads;
    for (auto& [part, growing] : parts_) {
        if (growing.frontier.size() > growing.told) {
            growing.told = growing.frontier.size();
            heads.push_back(head_of(part, growing));
        }
    }
    return heads;
}

std::optional<PartHead> PartHeads::close(model::PartNo part) {
    const std::lock_guard lock(mutex_);
    const auto at = parts_.find(part);
    if (at == parts_.end()) {
        return std::nullopt;
    }
    const PartHead head = head_of(part, at->second);
    parts_.erase(at);
    return head;
}

}  // namespace narrows::evidence
