#include "evidence/merkle.h"

#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "codec/text.h"

// Leaves and roots are the test data of the Certificate Transparency project (RFC 6962's own
// reference implementation); proofs and the larger roots were computed with
// golang.org/x/mod/sumdb/tlog v0.22.0.

namespace narrows::evidence {
namespace {

const std::vector<std::string> kLeaves = {"",
                                          "00",
                                          "10",
                                          "2021",
                                          "3031",
                                          "40414243",
                                          "5051525354555657",
                                          "606162636465666768696a6b6c6d6e6f"};
const std::vector<std::string> kRoots = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

Hash hash_of(std::string_view hex) {
    const Bytes bytes = codec::unhex(hex).value();
    Hash hash;
    std::copy(bytes.begin(), bytes.end(), hash.begin());
    return hash;
}

Hash leaf(std::size_t index) {
    return leaf_hash(codec::unhex(kLeaves[index]).value());
}

/// Complete subtrees of the published leaves.
Result<Hash> node(unsigned level, std::uint64_t index) {
    if (level == 0) {
        return leaf(index);
    }
    return node_hash(node(level - 1, 2 * index).value(), node(level - 1, 2 * index + 1).value());
}

std::vector<std::string> hex_of(const std::vector<Hash>& hashes) {
    std::vector<std::string> texts;
    for (const Hash& hash : hashes) texts.push_back(codec::hex(hash));
    return texts;
}

using Hexes = std::vector<std::string>;

TEST(Merkle, frontier_gives_the_published_roots) {
    Frontier frontier;
    EXPECT_EQ(codec::hex(frontier.root()), kRoots[0]);
    for (std::size_t i = 0; i < kLeaves.size(); ++i) {
        frontier.append(leaf(i));
        EXPECT_EQ(codec::hex(frontier.root()), kRoots[i + 1]) << i;
        EXPECT_EQ(frontier.size(), i + 1);
    }
}

TEST(Merkle, tree_root_gives_the_published_roots) {
    for (std::size_t size = 0; size <= kLeaves.size(); ++size) {
        EXPECT_EQ(codec::hex(tree_root(size, node).value()), kRoots[size]) << size;
    }
}

TEST(Merkle, frontier_gives_the_roots_of_another_implementation_for_large_trees) {
    const std::map<std::uint64_t, std::string> roots = {
        {255, "cf66793e6329dff242eb3cee0a6f36ad3e3a196dcc573a1ec775e102be863f1c"},
        {256, "da6596d95369f5fef322ab8e4e0da3b0b50236aa9c8a3b1d246f7411c9e2e32e"},
        {257, "5c1fdfe835358022f2392de478dbe053fc130cfe1d3a082879a90cf6bf14bf7e"},
        {1000, "346c6b9cb89c4b76fac9dcb20cda86e3a01c0a57417c139028eacd4538fde95b"},
        {65536, "07b1a377960a4e12e3348d6e9329ae6316a95b02fb1c22e909231b3aa44861a7"},
        {65537, "b99c570aaf13b96e026383e8e252e69c7142b3ad7e6e0264f3dc10dfd884d8c5"},
        {70000, "a3920fba7f239a071a9bd10721f1341addefbaededb41c7e24437a9d16bdf00a"}};
    Frontier frontier;
    for (std::uint64_t i = 0; i < 70000; ++i) {
        frontier.append(leaf_hash(as_bytes(fmt::format("entry {}", i))));
        if (const auto at = roots.find(i + 1); at != roots.end()) {
            EXPECT_EQ(codec::hex(frontier.root()), at->second) << at->first;
        }
    }
}

TEST(Merkle, inclusion_proofs_are_those_of_another_implementation) {
    EXPECT_EQ(hex_of(inclusion_proof(0, 1, node).value()), Hexes{});
    EXPECT_EQ(hex_of(inclusion_proof(0, 8, node).value()),
              (Hexes{"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                     "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                     "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
    EXPECT_EQ(hex_of(inclusion_proof(5, 8, node).value()),
              (Hexes{"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                     "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                     "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
    EXPECT_EQ(hex_of(inclusion_proof(2, 3, node).value()),
              (Hexes{"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}));
    EXPECT_EQ(hex_of(inclusion_proof(1, 5, node).value()),
              (Hexes{"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                     "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                     "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}));
    EXPECT_FALSE(inclusion_proof(8, 8, node));
}

TEST(Merkle, consistency_proofs_are_those_of_another_implementation) {
    EXPECT_EQ(hex_of(consistency_proof(1, 8, node).value()),
              (Hexes{"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                     "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                     "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
    EXPECT_EQ(hex_of(consistency_proof(6, 8, node).value()),
              (Hexes{"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                     "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                     "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
    EXPECT_EQ(hex_of(consistency_proof(3, 7, node).value()),
              (Hexes{"0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7",
                     "07506a85fd9dd2f120eb694f86011e5bb4662e5c415a62917033d4a9624487e7",
                     "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                     "837dbb152e9b079010717e84e865da4ebc0fa198a806d59d31bf15accef22d0e"}));
    EXPECT_EQ(hex_of(consistency_proof(4, 8, node).value()),
              (Hexes{"6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
    EXPECT_FALSE(consistency_proof(9, 8, node));
}

TEST(Merkle, every_inclusion_proof_holds_and_no_changed_one_does) {
    for (std::uint64_t size = 1; size <= 8; ++size) {
        const Hash root = hash_of(kRoots[size]);
        for (std::uint64_t index = 0; index < size; ++index) {
            std::vector<Hash> proof = inclusion_proof(index, size, node).value();
            EXPECT_TRUE(verify_inclusion(leaf(index), index, size, proof, root));
            EXPECT_FALSE(verify_inclusion(leaf((index + 1) % 8), index, size, proof, root));
            EXPECT_FALSE(verify_inclusion(leaf(index), index, size, proof, hash_of(kRoots[0])));
            EXPECT_FALSE(verify_inclusion(leaf(index), size, size, proof, root));
            proof.push_back(root);
            EXPECT_FALSE(verify_inclusion(leaf(index), index, size, proof, root));
            proof.pop_back();
            if (!proof.empty()) {
                proof.back()[0] ^= 1;
                EXPECT_FALSE(verify_inclusion(leaf(index), index, size, proof, root));
                proof.pop_back();
                EXPECT_FALSE(verify_inclusion(leaf(index), index, size, proof, root));
            }
        }
    }
}

TEST(Merkle, every_consistency_proof_holds_and_no_changed_one_does) {
    for (std::uint64_t size = 1; size <= 8; ++size) {
        for (std::uint64_t old = 0; old <= size; ++old) {
            const Hash root = hash_of(kRoots[size]);
            const Hash old_root = hash_of(kRoots[old]);
            std::vector<Hash> proof = consistency_proof(old, size, node).value();
            EXPECT_TRUE(verify_consistency(old, old_root, size, root, proof)) << old << "," << size;
            EXPECT_FALSE(
                verify_consistency(old, hash_of(kRoots[(old + 1) % 9]), size, root, proof));
            EXPECT_FALSE(verify_consistency(size + 1, old_root, size, root, proof));
            proof.push_back(root);
            EXPECT_FALSE(verify_consistency(old, old_root, size, root, proof));
            proof.pop_back();
            if (!proof.empty()) {
                proof.front()[31] ^= 0x80;
                EXPECT_FALSE(verify_consistency(old, old_root, size, root, proof));
                proof.pop_back();
                EXPECT_FALSE(verify_consistency(old, old_root, size, root, proof));
            }
        }
    }
}

}  // namespace
}  // namespace narrows::evidence
