#include <cstdlib>

#include "crypto/age.h"

namespace {

using namespace narrows;

// Of the published vectors, from which most of the corpus is.
constexpr std::string_view kIdentity =
    "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0";

/// What opens can be sealed and opened again.
void decrypt(ByteView file) {
    static const auto* const identity =
        new crypto::AgeIdentity(crypto::parse_identity(kIdentity).value());
    const std::span identities(identity, 1);
    const auto plain = crypto::age_decrypt(identities, file);
    if (!plain) return;
    const std::span recipients(&identity->recipient(), 1);
    const auto again = crypto::age_encrypt(recipients, plain.value().view());
    const auto same = crypto::age_decrypt(identities, again.value());
    if (same.value().text() != plain.value().text()) std::abort();
}

}  // namespace

/// A key that parses is written as it was read. The corpus has files behind a head of text and an
/// empty line, as the vectors are published.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = as_text({data, size});
    const auto recipient = crypto::parse_recipient(text);
    if (recipient && recipient.value().text() != text) std::abort();
    const auto identity = crypto::parse_identity(text);
    if (identity && identity.value().text().text() != text) std::abort();
    (void)crypto::parse_identities(text);
    const std::size_t head = text.find("\n\n");
    decrypt(as_bytes(head == std::string_view::npos ? text : text.substr(head + 2)));
    return 0;
}
