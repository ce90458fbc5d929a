#pragma once

#include <openssl/err.h>

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

/// Failed checks leave OpenSSL's thread-wide error list as it was: TLS code reads that list.
class QuietErrors {
  public:
    QuietErrors() { ERR_set_mark(); }
    ~QuietErrors() { ERR_pop_to_mark(); }
    QuietErrors(const QuietErrors&) = delete;
    QuietErrors& operator=(const QuietErrors&) = delete;
};

}  // namespace narrows::crypto
