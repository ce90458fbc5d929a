#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

/// The gateway's own certificate authority (RFC 5280): what lets proxy mode open TLS to AWS's
/// hosts, and nothing else. Its certificate carries critical name constraints, so that even a
/// stolen key vouches for no host outside AWS's domains and the gateway's own names.
namespace narrows::crypto {

/// AWS's DNS suffixes in all partitions, lower case, no leading dot.
const std::vector<std::string>& aws_domains();
/// Whether a host stands in one of aws_domains() (is it, or is below it). ASCII case-insensitive.
bool is_aws_host(std::string_view host);

struct CaOptions {
    std::string common_name;               ///< "Narrows CA gw-1"
    std::vector<std::string> extra_names;  ///< own DNS names (children included) and IP addresses
    int years = 10;                        ///< 1 to 10
};

struct Leaf {
    std::string chain_pem;  ///< leaf, then the CA
    Secret key_pem;         ///< PKCS #8
    WallNs not_after = 0;
};

/// ECDSA P-256 with SHA-256 throughout. Immutable after creation; thread-safe. The key is in
/// memory as OpenSSL holds it; `key_pem` is for the file it is kept in.
class CertificateAuthority {
  public:
    static Result<CertificateAuthority> create(const CaOptions& options, WallNs now);
    /// Refuses a certificate that is no CA, has no critical name constraints, has expired, or is
    /// not of that key.
    static Result<CertificateAuthority> load(std::string_view certificate_pem,
                                             std::string_view key_pem, WallNs now);

    const std::string& certificate_pem() const { return certificate_pem_; }
    Secret key_pem() const;
    WallNs not_after() const { return not_after_; }
    /// Whether the constraints permit a certificate for this DNS name, wildcard name or address.
    bool covers(std::string_view name) const;
    /// A server certificate for 1 to 32 names, valid from an hour ago for seven days (or until the
    /// CA ends). Refuses names that `covers` does not. Clients do not accept a wildcard right below
    /// a one-label name ("*.localhost"): issue for the exact name of the SNI there.
    Result<Leaf> issue(const std::vector<std::string>& names, WallNs now) const;

  private:
    CertificateAuthority() = default;
    std::shared_ptr<void> certificate_;  ///< X509; shared since OpenSSL counts references itself
    std::shared_ptr<void> key_;          ///< EVP_PKEY
    std::string certificate_pem_;
    std::vector<std::string> permitted_;  ///< DNS suffixes and addresses
    WallNs not_after_ = 0;
};

}  // namespace narrows::crypto
