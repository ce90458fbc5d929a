#include "reconcile/proof.h"

#include <algorithm>

namespace narrows::reconcile {

const char* words_of(Proof proof) {
    switch (proof) {
        case Proof::proven:
            return "it is signed";
        case Proof::no_keys:
            return "no public keys were given to check its signature with";
        case Proof::no_signature:
            return "its signature is not known";
        case Proof::unknown_key:
            return "it is signed by a key that is not among the public keys given";
        case Proof::wrong:
            return "its signature is not by the key that it names";
        default:
            return "it is not checked";
    }
}

Proof proof_of(const PublicKeys& keys, const std::string& fingerprint, const std::string& text,
               std::vector<std::string> signatures) {
    std::erase_if(signatures, [](const std::string& each) { return each.empty(); });
    if (keys.empty()) {
        return Proof::no_keys;
    }
    if (!keys.knows(fingerprint)) {
        return Proof::unknown_key;
    }
    if (signatures.empty()) {
        return Proof::no_signature;
    }
    return keys.verify(fingerprint, text, signatures) ? Proof::proven : Proof::wrong;
}

std::optional<BrokenLink> broken_link(const Link& before, const Link& at) {
    if (before.chain != at.chain || before.key.empty()) {
        return std::nullopt;
    }
    if (at.previous.empty()) {
        return BrokenLink{"digest-missing", at.key,
                          "the chain begins anew with it: between it and " + before.key +
                              " nothing proves the trail"};
    }
    if (at.previous != before.key) {
        return BrokenLink{"digest-missing", at.previous,
                          at.key + " follows it, and it is not here"};
    }
    // CloudTrail's page does not say of which of the two it takes the hash.
    const bool fits = at.previous_hash.empty() || at.previous_hash == before.sha256 ||
                      at.previous_hash == before.sha256_packed;
    if (!fits) {
        return BrokenLink{"digest", before.key,
                          "its SHA-256 is not the one that " + at.key + " names"};
    }
    return std::nullopt;
}

}  // namespace narrows::reconcile
