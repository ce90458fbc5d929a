#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/hash.h"

/// Merkle trees of RFC 6962 section 2.1 (SHA-256): the only structure that counts as proof here.
/// Pure functions; sizes and indices are any uint64.
namespace narrows::evidence {

using Hash = crypto::Digest;

Hash leaf_hash(ByteView entry);                       ///< SHA-256(0x00 ‖ entry)
Hash node_hash(const Hash& left, const Hash& right);  ///< SHA-256(0x01 ‖ left ‖ right)
Hash empty_root();                                    ///< SHA-256 of nothing

/// The hash of the complete subtree number `index` of 2^level leaves.
using NodeReader = std::function<Result<Hash>(unsigned level, std::uint64_t index)>;

/// The right edge of a growing tree: at most 64 hashes however many leaves. Not thread-safe.
class Frontier {
  public:
    void append(const Hash& leaf);
    Hash root() const;
    std::uint64_t size() const { return size_; }

  private:
    friend Result<Frontier> frontier_at(std::uint64_t size, const NodeReader& read);
    std::uint64_t size_ = 0;
    std::vector<Hash> subtrees_;  // complete ones, widest first
};

/// The edge of the tree of the first `size` leaves, to go on from.
Result<Frontier> frontier_at(std::uint64_t size, const NodeReader& read);
/// The root of the first `size` leaves. Fails only where the reader fails.
Result<Hash> tree_root(std::uint64_t size, const NodeReader& read);
/// Audit path of leaf `index` in the tree of `size` leaves, leaf side first; index < size.
Result<std::vector<Hash>> inclusion_proof(std::uint64_t index, std::uint64_t size,
                                          const NodeReader& read);
/// Proof that the tree of `size` leaves begins with the tree of `old_size`; old_size <= size.
Result<std::vector<Hash>> consistency_proof(std::uint64_t old_size, std::uint64_t size,
                                            const NodeReader& read);

/// RFC 9162 section 2.1.3.2 (the same proofs as RFC 6962). Total: any input is answered.
bool verify_inclusion(const Hash& leaf, std::uint64_t index, std::uint64_t size,
                      std::span<const Hash> proof, const Hash& root);
/// RFC 9162 section 2.1.4.2. A tree is consistent with the empty one and with itself.
bool verify_consistency(std::uint64_t old_size, const Hash& old_root, std::uint64_t size,
                        const Hash& root, std::span<const Hash> proof);

}  // namespace narrows::evidence
