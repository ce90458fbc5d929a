#pragma once

#include <optional>
#include <string>
#include <vector>

#include "reconcile/digest.h"

/// What a digest is proven by, and how digests hang together. Pure.
namespace narrows::reconcile {

enum class Proof {
    unchecked = 0,
    proven = 1,
    no_keys = 2,       ///< no public keys were given
    no_signature = 3,  ///< its signature is not known: the newest digest of a copy
    unknown_key = 4,   ///< signed by a key that is not among those given
    wrong = 5,         ///< the signature is not that key's
};
const char* words_of(Proof proof);
/// `signatures` in hex, of which some may be empty.
Proof proof_of(const PublicKeys& keys, const std::string& fingerprint, const std::string& text,
               std::vector<std::string> signatures);

/// A digest in its chain.
struct Link {
    std::string key;
    std::string chain;
    std::string previous;
    std::string previous_hash;
    std::string sha256;         ///< of its content
    std::string sha256_packed;  ///< of the file as it is stored
};
struct BrokenLink {
    const char* kind;
    std::string file;
    std::string why;
};
/// What is wrong between two digests that follow each other by time. The first of a chain follows
/// none: where a copy begins nothing can be said.
std::optional<BrokenLink> broken_link(const Link& before, const Link& at);

}  // namespace narrows::reconcile
