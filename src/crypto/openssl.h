#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>

/// Small helpers around OpenSSL's C objects, for this room's .cc files only.
namespace narrows::crypto {

/// A deleter: std::unique_ptr<X509, OpensslFree<X509_free>>.
template <auto free>
struct OpensslFree {
    template <class T>
    void operator()(T* object) const {
        free(object);
    }
};

/// Fetched once: EVP_aes_256_gcm() resolves the provider at every use.
inline const EVP_CIPHER* aes_256_gcm() {
    static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    return cipher;
}

/// Failed checks leave OpenSSL's thread-wide error list as it was: TLS code reads that list.
class QuietErrors {
  public:
    QuietErrors() { ERR_set_mark(); }
    ~QuietErrors() { ERR_pop_to_mark(); }
    QuietErrors(const QuietErrors&) = delete;
    QuietErrors& operator=(const QuietErrors&) = delete;
};

}  // namespace narrows::crypto
