#include "evidence/merkle.h"

#include <bit>

namespace narrows::evidence {
namespace {

/// The largest power of two smaller than `count` (RFC 6962's k); count >= 2.
std::uint64_t split_of(std::uint64_t count) {
    return std::bit_floor(count - 1);
}

Result<Hash> range_root(std::uint64_t first, std::uint64_t count, const NodeReader& read) {
    if (std::has_single_bit(count)) {
        const auto level = static_cast<unsigned>(std::countr_zero(count));
        return read(level, first >> level);
    }
    const std::uint64_t left_count = split_of(count);
    NARROWS_TRY(const Hash left, range_root(first, left_count, read));
    NARROWS_TRY(const Hash right, range_root(first + left_count, count - left_count, read));
    return node_hash(left, right);
}

/// A range of leaves, walked down towards a leaf or a split.
struct Range {
    std::uint64_t first;
    std::uint64_t count;

    Range left() const { return {first, split_of(count)}; }
    Range right() const { return {first + split_of(count), count - split_of(count)}; }
};

Result<std::vector<Hash>> roots_of(const std::vector<Range>& ranges, const NodeReader& read) {
    std::vector<Hash> proof;
    for (auto at = ranges.rbegin(); at != ranges.rend(); ++at) {
        NARROWS_TRY(const Hash root, range_root(at->first, at->count, read));
        proof.push_back(root);
    }
    return proof;
}

}  // namespace

Hash leaf_hash(ByteView entry) {
    constexpr std::uint8_t kPrefix = 0x00;
    return crypto::sha256({ByteView(&kPrefix, 1), entry});
}
Hash node_hash(const Hash& left, const Hash& right) {
    constexpr std::uint8_t kPrefix = 0x01;
    return crypto::sha256({ByteView(&kPrefix, 1), left, right});
}
Hash empty_root() {
    return crypto::sha256(ByteView{});
}

void Frontier::append(const Hash& leaf) {
    Hash hash = leaf;
    for (std::uint64_t rest = size_; (rest & 1) != 0; rest >>= 1) {
        hash = node_hash(subtrees_.back(), hash);
        subtrees_.pop_back();
    }
    subtrees_.push_back(hash);
    ++size_;
}

Hash Frontier::root() const {
    if (subtrees_.empty()) {
        return empty_root();
    }
    Hash hash = subtrees_.back();
    for (auto at = subtrees_.rbegin() + 1; at != subtrees_.rend(); ++at) {
        hash = node_hash(*at, hash);
    }
    return hash;
}

Result<Frontier> frontier_at(std::uint64_t size, const NodeReader& read) {
    Frontier frontier;
    std::uint64_t first = 0;
    for (unsigned level = 64; level-- > 0;) {
        if ((size >> level & 1) != 0) {
            NARROWS_TRY(const Hash hash, read(level, first >> level));
            frontier.subtrees_.push_back(hash);
            first += std::uint64_t{1} << level;
        }
    }
    frontier.size_ = size;
    return frontier;
}

Result<Hash> tree_root(std::uint64_t size, const NodeReader& read) {
    if (size == 0) {
        return empty_root();
    }
    return range_root(0, size, read);
}

Result<std::vector<Hash>> inclusion_proof(std::uint64_t index, std::uint64_t size,
                                          const NodeReader& read) {
    if (index >= size) {
        return fail(ErrorCode::invalid, "the leaf lies outside the tree: no proof exists");
    }
    std::vector<Range> siblings;
    Range range{0, size};
    while (range.count > 1) {
        const bool goes_left = index < range.right().first;
        siblings.push_back(goes_left ? range.right() : range.left());
        range = goes_left ? range.left() : range.right();
    }
    return roots_of(siblings, read);
}

Result<std::vector<Hash>> consistency_proof(std::uint64_t old_size, std::uint64_t size,
                                            const NodeReader& read) {
    if (old_size > size) {
        return fail(ErrorCode::invalid, "the older tree is larger than the newer: no proof exists");
    }
    std::vector<Range> parts;
    if (old_size == 0 || old_size == size) {
        return std::vector<Hash>{};
    }
    Range range{0, size};
    while (old_size != range.first + range.count) {
        const bool goes_left = old_size <= range.right().first;
        parts.push_back(goes_left ? range.right() : range.left());
        range = goes_left ? range.left() : range.right();
    }
    if (range.first != 0) {  // else it is the old root itself, which the verifier has
        parts.push_back(range);
    }
    return roots_of(parts, read);
}

bool verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const Hash> proof, const Hash& root) {
    if (index >= size) {
        return false;
    }
    std::uint64_t node = index;
    std::uint64_t last = size - 1;
    Hash hash = leaf;
    for (const Hash& sibling : proof) {
        if (last == 0) {
            return false;
        }
        if ((node & 1) != 0 || node == last) {
            hash = node_hash(sibling, hash);
            while ((node & 1) == 0 && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    return last == 0 && hash == root;
}

bool verify_consistency(std::uint64_t old_size, const Hash& old_root, std::uint64_t size,
                        const Hash& root, std::span<const Hash> proof) {
    if (old_size > size) {
        return false;
    }
    if (old_size == 0 || old_size == size) {
        return proof.empty() && (old_size == 0 ? old_root == empty_root() : old_root == root);
    }
    const bool old_is_complete = std::has_single_bit(old_size);
    if (!old_is_complete && proof.empty()) {
        return false;
    }
    std::uint64_t node = old_size - 1;
    std::uint64_t last = size - 1;
    while ((node & 1) != 0) {
        node >>= 1;
        last >>= 1;
    }
    Hash old_hash = old_is_complete ? old_root : proof.front();
    Hash hash = old_hash;
    for (const Hash& part : proof.subspan(old_is_complete ? 0 : 1)) {
        if (last == 0) {
            return false;
        }
        if ((node & 1) != 0 || node == last) {
            old_hash = node_hash(part, old_hash);
            hash = node_hash(part, hash);
            while ((node & 1) == 0 && node != 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(hash, part);
        }
        node >>= 1;
        last >>= 1;
    }
    return last == 0 && old_hash == old_root && hash == root;
}

}  // namespace narrows::evidence
