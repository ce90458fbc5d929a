#include "crypto/seal.h"

#include <memory>

#include "base/check.h"
#include "crypto/hash.h"
#include "crypto/openssl.h"

namespace narrows::crypto {
namespace {

constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

Context new_context() {
    return {EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
}

}  // namespace

Bytes seal(ByteView key, ByteView plain, std::string_view context) {
    NARROWS_CHECK(key.size() == 32, "AES-256 takes a 32-byte key");
    Bytes out = random_bytes(kNonce);
    out.resize(kNonce + plain.size() + kTag);
    const Context cipher = new_context();
    int size = 0;
    bool good =
        EVP_EncryptInit_ex(cipher.get(), aes_256_gcm(), nullptr, key.data(), out.data()) == 1;
    good = good && EVP_EncryptUpdate(cipher.get(), nullptr, &size, as_bytes(context).data(),
                                     static_cast<int>(context.size())) == 1;
    good = good && EVP_EncryptUpdate(cipher.get(), out.data() + kNonce, &size, plain.data(),
                                     static_cast<int>(plain.size())) == 1;
    good = good && EVP_EncryptFinal_ex(cipher.get(), out.data() + kNonce + size, &size) == 1;
    good = good && EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTag,
                                       out.data() + kNonce + plain.size()) == 1;
    NARROWS_CHECK(good, "AES-256-GCM failed to seal");
    return out;
}

Result<Secret> unseal(ByteView key, ByteView sealed, std::string_view context) {
    NARROWS_CHECK(key.size() == 32, "AES-256 takes a 32-byte key");
    if (sealed.size() < kNonce + kTag) {
        return fail(ErrorCode::invalid, "sealed bytes are too short");
    }
    const std::size_t size_plain = sealed.size() - kNonce - kTag;
    Bytes plain(size_plain);
    Bytes tag = to_bytes(sealed.last(kTag));
    const Context cipher = new_context();
    int size = 0;
    bool good =
        EVP_DecryptInit_ex(cipher.get(), aes_256_gcm(), nullptr, key.data(), sealed.data()) == 1;
    good = good && EVP_DecryptUpdate(cipher.get(), nullptr, &size, as_bytes(context).data(),
                                     static_cast<int>(context.size())) == 1;
    good = good && EVP_DecryptUpdate(cipher.get(), plain.data(), &size, sealed.data() + kNonce,
                                     static_cast<int>(size_plain)) == 1;
    good = good && EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1;
    good = good && EVP_DecryptFinal_ex(cipher.get(), plain.data() + size, &size) == 1;
    Secret secret(std::move(plain));
    if (!good) {
        return fail(ErrorCode::unauthenticated, "sealed bytes do not open: not ours, or altered");
    }
    return secret;
}

}  // namespace narrows::crypto
