#include "evidence/witnessed.h"

#include <algorithm>

#include "evidence/checkpoint.h"

namespace narrows::evidence {
namespace {

/// Signatures kept of one tree.
constexpr std::size_t kClaimsMax = 256;

}  // namespace

std::size_t CosignatureCount::quorum() const {
    return std::max<std::size_t>(1, trust_ ? trust_->quorum : 0);
}

std::size_t CosignatureCount::signers(const Claims& claims) const {
    const auto names = [&](const VerifierKey& key) {
        return std::any_of(claims.begin(), claims.end(),
                           [&](const NoteSignature& each) { return is_by(each, key); });
    };
    return static_cast<std::size_t>(
        std::count_if(trust_->witnesses.begin(), trust_->witnesses.end(), names));
}

void CosignatureCount::add(std::uint64_t size, const NoteSignature& signature) {
    const bool counts =
        trust_ && std::any_of(trust_->witnesses.begin(), trust_->witnesses.end(),
                              [&](const VerifierKey& key) { return is_by(signature, key); });
    if (!counts) {
        return;
    }
    Claims& claims = claims_[size];
    if (claims.size() < kClaimsMax) {
        claims.push_back(signature);
    }
    if (claims_.size() <= kSizesMax) {
        return;
    }
    // The oldest goes, unless it is the one tree below the others that has enough signers.
    const auto oldest = claims_.begin();
    const auto next = std::next(oldest);
    const bool keep = signers(oldest->second) >= quorum() && signers(next->second) < quorum();
    claims_.erase(keep ? next : oldest);
}

Witnessed CosignatureCount::check(const std::string& origin, std::uint64_t size,
                                  const Claims& claims, const RootOf& root_of) const {
    Witnessed witnessed{size, {}, 0};
    const std::optional<Hash> root = root_of(size);
    if (!root) {
        return witnessed;
    }
    const std::string text = checkpoint_text({origin, size, *root, {}});
    for (const VerifierKey& key : trust_->witnesses) {
        std::optional<std::int64_t> newest;
        for (const NoteSignature& each : claims) {
            newest = std::max(newest, signed_at(key, each, text));
        }
        if (newest) {
            witnessed.keys.push_back(key);
            witnessed.at = std::max(witnessed.at, *newest);
        }
    }
    return witnessed;
}

Witnessed CosignatureCount::settle(const std::string& origin, const RootOf& root_of) const {
    Witnessed best;
    for (auto at = claims_.rbegin(); at != claims_.rend(); ++at) {
        if (!best.keys.empty() && signers(at->second) < quorum()) {
            continue;
        }
        Witnessed found = check(origin, at->first, at->second, root_of);
        if (found.keys.size() >= quorum()) {
            return found;
        }
        if (found.keys.size() > best.keys.size()) {
            best = std::move(found);
        }
    }
    return best.keys.empty() ? Witnessed{} : best;
}

}  // namespace narrows::evidence
