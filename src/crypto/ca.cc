#include "crypto/ca.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/check.h"
#include "crypto/ca_names.h"
#include "crypto/hash.h"
#include "crypto/openssl.h"

namespace narrows::crypto {
namespace {

constexpr std::int64_t kDayS = 24 * 3600;
constexpr std::int64_t kBackdateS = 3600;  // clocks of agents run behind
constexpr std::int64_t kLeafLifeS = 7 * kDayS;
constexpr std::size_t kLeafNamesMax = 32;
constexpr std::size_t kPemMax = 64 * 1024;

using Certificate = std::unique_ptr<X509, OpensslFree<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, OpensslFree<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;
using Constraints = std::unique_ptr<NAME_CONSTRAINTS, OpensslFree<NAME_CONSTRAINTS_free>>;
using Memory = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;

X509* x509(const std::shared_ptr<void>& held) {
    return static_cast<X509*>(held.get());
}
EVP_PKEY* pkey(const std::shared_ptr<void>& held) {
    return static_cast<EVP_PKEY*>(held.get());
}

std::shared_ptr<void> hold(Certificate certificate) {
    return {certificate.release(), [](void* held) { X509_free(static_cast<X509*>(held)); }};
}
std::shared_ptr<void> hold(Key key) {
    return {key.release(), [](void* held) { EVP_PKEY_free(static_cast<EVP_PKEY*>(held)); }};
}

std::string pem_of(const auto& write) {
    const Memory memory(BIO_new(BIO_s_mem()));
    NARROWS_CHECK(memory && write(memory.get()) == 1, "OpenSSL cannot write PEM");
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &data);
    std::string pem(data, static_cast<std::size_t>(size));
    wipe(data, static_cast<std::size_t>(size));
    return pem;
}
std::string certificate_pem_of(X509* certificate) {
    return pem_of([&](BIO* to) { return PEM_write_bio_X509(to, certificate); });
}
Secret key_pem_of(EVP_PKEY* key) {
    std::string pem = pem_of([&](BIO* to) {
        return PEM_write_bio_PKCS8PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr);
    });
    Secret secret{std::string_view(pem)};
    wipe(pem.data(), pem.size());
    return secret;
}

Key new_key() {
    Key key(EVP_EC_gen("P-256"));
    NARROWS_CHECK(key != nullptr, "OpenSSL cannot make a P-256 key");
    return key;
}

GENERAL_NAME* general_name(int type, ByteView bytes) {
    GENERAL_NAME* name = GENERAL_NAME_new();
    ASN1_STRING* text = type == GEN_DNS ? ASN1_IA5STRING_new() : ASN1_OCTET_STRING_new();
    NARROWS_CHECK(name != nullptr && text != nullptr &&
                      ASN1_STRING_set(text, bytes.data(), static_cast<int>(bytes.size())) == 1,
                  "no memory for a name");
    GENERAL_NAME_set0_value(name, type, text);
    return name;
}

GENERAL_SUBTREE* subtree(int type, ByteView bytes) {
    GENERAL_SUBTREE* tree = GENERAL_SUBTREE_new();
    NARROWS_CHECK(tree != nullptr, "no memory for a name constraint");
    GENERAL_NAME_free(tree->base);
    tree->base = general_name(type, bytes);
    return tree;
}

void add_extension(X509* certificate, int nid, bool critical, void* value) {
    NARROWS_CHECK(
        X509_add1_ext_i2d(certificate, nid, value, critical ? 1 : 0, X509V3_ADD_DEFAULT) == 1,
        "OpenSSL cannot add an extension");
}

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    NARROWS_CHECK(extension && X509_add_ext(certificate, extension.get(), -1) == 1,
                  "OpenSSL cannot add an extension");
}

/// A name type that no subtree speaks of is not constrained at all (RFC 5280 section 4.2.1.10), so
/// without own addresses all addresses are excluded.
void add_name_constraints(X509* certificate, const std::vector<std::string>& permitted) {
    const Constraints constraints(NAME_CONSTRAINTS_new());
    constraints->permittedSubtrees = sk_GENERAL_SUBTREE_new_null();
    bool any_address = false;
    for (const std::string& name : permitted) {
        Bytes address = address_bytes(name);
        if (address.empty()) {
            sk_GENERAL_SUBTREE_push(constraints->permittedSubtrees,
                                    subtree(GEN_DNS, as_bytes(name)));
            continue;
        }
        any_address = true;
        address.resize(2 * address.size(), 0xff);
        sk_GENERAL_SUBTREE_push(constraints->permittedSubtrees, subtree(GEN_IPADD, address));
    }
    if (!any_address) {
        constraints->excludedSubtrees = sk_GENERAL_SUBTREE_new_null();
        for (const std::size_t size : {8, 32}) {
            sk_GENERAL_SUBTREE_push(constraints->excludedSubtrees,
                                    subtree(GEN_IPADD, Bytes(size, 0)));
        }
    }
    add_extension(certificate, NID_name_constraints, true, constraints.get());
}

void set_times(X509* certificate, std::int64_t from_s, std::int64_t until_s) {
    NARROWS_CHECK(ASN1_TIME_set(X509_getm_notBefore(certificate), from_s) != nullptr &&
                      ASN1_TIME_set(X509_getm_notAfter(certificate), until_s) != nullptr,
                  "OpenSSL cannot set a certificate's times");
}

void set_serial(X509* certificate) {
    Bytes bytes = random_bytes(16);
    bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x7f) | 0x40);  // positive, 16 bytes
    BIGNUM* serial = BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr);
    BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate));
    BN_free(serial);
}

void set_common_name(X509_NAME* subject, std::string_view name) {
    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.data()),
                               static_cast<int>(std::min<std::size_t>(name.size(), 64)), -1, 0);
}

Certificate blank_certificate(EVP_PKEY* key, std::string_view common_name) {
    Certificate certificate(X509_new());
    NARROWS_CHECK(certificate != nullptr, "no memory for a certificate");
    X509_set_version(certificate.get(), X509_VERSION_3);
    set_serial(certificate.get());
    X509_set_pubkey(certificate.get(), key);
    if (!common_name.empty()) {
        set_common_name(X509_get_subject_name(certificate.get()), common_name);
    }
    return certificate;
}

void sign(X509* certificate, EVP_PKEY* key) {
    NARROWS_CHECK(X509_sign(certificate, key, EVP_sha256()) > 0, "OpenSSL cannot sign");
}

WallNs not_after_of(const X509* certificate) {
    tm broken{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &broken) != 1) {
        return 0;
    }
    return static_cast<WallNs>(timegm(&broken)) * kNsPerSecond;
}

/// One permitted subtree as text; empty for kinds of name that are not issued here and for ranges
/// of addresses.
std::string permitted_name(const GENERAL_NAME* base) {
    if (base->type != GEN_DNS && base->type != GEN_IPADD) {
        return {};
    }
    int type = 0;
    const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(base, &type));
    const ByteView bytes(ASN1_STRING_get0_data(value),
                         static_cast<std::size_t>(ASN1_STRING_length(value)));
    if (type == GEN_DNS) {
        std::string name = lower_name(as_text(bytes));
        return name.starts_with('.') ? name.substr(1) : name;
    }
    std::array<char, INET6_ADDRSTRLEN> text{};
    const std::size_t half = bytes.size() / 2;
    const bool one_address =
        (half == 4 || half == 16) &&
        std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(half), bytes.end(),
                    [](std::uint8_t byte) { return byte == 0xff; });
    if (one_address) {
        inet_ntop(half == 4 ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size());
    }
    return text.data();
}

Result<std::vector<std::string>> permitted_names(X509* certificate) {
    int critical = 0;
    const Constraints constraints(static_cast<NAME_CONSTRAINTS*>(
        X509_get_ext_d2i(certificate, NID_name_constraints, &critical, nullptr)));
    std::vector<std::string> names;
    bool dns = false;
    const int count = constraints ? sk_GENERAL_SUBTREE_num(constraints->permittedSubtrees) : 0;
    for (int i = 0; i < count; ++i) {
        const GENERAL_NAME* base =
            sk_GENERAL_SUBTREE_value(constraints->permittedSubtrees, i)->base;
        std::string name = permitted_name(base);
        dns = dns || base->type == GEN_DNS;
        if (base->type == GEN_DNS && name.empty()) critical = -1;  // permits every name
        if (!name.empty()) names.push_back(std::move(name));
    }
    if (critical != 1 || !dns) {
        return fail(ErrorCode::invalid,
                    "the CA certificate has no critical name constraints on DNS names; make one "
                    "that is constrained to AWS's domains and the gateway's names, or leave the "
                    "CA to the gateway");
    }
    return names;
}

Result<std::vector<std::string>> normal_names(const CaOptions& options) {
    std::vector<std::string> names = aws_domains();
    for (const std::string& extra : options.extra_names) {
        std::string name = lower_name(extra);
        if (name.starts_with("*.")) name.erase(0, 2);
        if (address_bytes(name).empty() && !is_dns_name(name)) {
            return fail(ErrorCode::invalid, "the name \"" + name +
                                                "\" for the CA is neither a DNS name nor an "
                                                "address; correct listen.names");
        }
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return names;
}

Names alternative_names(const std::vector<std::string>& names) {
    Names out(GENERAL_NAMES_new());
    for (const std::string& each : names) {
        const std::string name = lower_name(each);
        const Bytes address = address_bytes(name);
        sk_GENERAL_NAME_push(out.get(), address.empty() ? general_name(GEN_DNS, as_bytes(name))
                                                        : general_name(GEN_IPADD, address));
    }
    return out;
}

}  // namespace

Result<CertificateAuthority> CertificateAuthority::create(const CaOptions& options, WallNs now) {
    if (options.years < 1 || options.years > 10 || options.common_name.empty()) {
        return fail(ErrorCode::invalid, "a CA needs a name and a life of 1 to 10 years");
    }
    NARROWS_TRY(auto names, normal_names(options));
    CertificateAuthority ca;
    Key key = new_key();
    Certificate certificate = blank_certificate(key.get(), options.common_name);
    X509* raw = certificate.get();
    X509_set_issuer_name(raw, X509_get_subject_name(raw));
    const std::int64_t now_s = now / kNsPerSecond;
    set_times(raw, now_s - kBackdateS, now_s + options.years * 365 * kDayS);
    add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    add_extension(raw, raw, NID_key_usage, "critical,keyCertSign");
    add_extension(raw, raw, NID_ext_key_usage, "serverAuth");
    add_extension(raw, raw, NID_subject_key_identifier, "hash");
    add_name_constraints(raw, names);
    sign(raw, key.get());
    ca.certificate_pem_ = certificate_pem_of(raw);
    ca.not_after_ = not_after_of(raw);
    ca.permitted_ = std::move(names);
    ca.certificate_ = hold(std::move(certificate));
    ca.key_ = hold(std::move(key));
    return ca;
}

Result<CertificateAuthority> CertificateAuthority::load(std::string_view certificate_pem,
                                                        std::string_view key_pem, WallNs now) {
    if (certificate_pem.size() > kPemMax || key_pem.size() > kPemMax) {
        return fail(ErrorCode::invalid, "the CA's files are too large to be a certificate and key");
    }
    const QuietErrors quiet;
    const auto memory = [](std::string_view text) {
        return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    };
    Certificate certificate(
        PEM_read_bio_X509(memory(certificate_pem).get(), nullptr, nullptr, nullptr));
    char no_passphrase[] = "";
    Key key(PEM_read_bio_PrivateKey(memory(key_pem).get(), nullptr, nullptr, no_passphrase));
    if (!certificate || !key) {
        return fail(ErrorCode::invalid,
                    "the CA's files do not hold a PEM certificate and an "
                    "unencrypted PEM private key");
    }
    if (X509_check_private_key(certificate.get(), key.get()) != 1) {
        return fail(ErrorCode::invalid,
                    "the CA's certificate and private key do not belong "
                    "together");
    }
    if (X509_check_ca(certificate.get()) != 1) {
        return fail(ErrorCode::invalid, "the CA certificate is not a certificate authority's");
    }
    CertificateAuthority ca;
    NARROWS_TRY(ca.permitted_, permitted_names(certificate.get()));
    ca.not_after_ = not_after_of(certificate.get());
    if (ca.not_after_ <= now) {
        return fail(ErrorCode::invalid,
                    "the CA certificate has expired; make a new one, and give "
                    "it to the agents");
    }
    ca.certificate_pem_ = certificate_pem_of(certificate.get());
    ca.certificate_ = hold(std::move(certificate));
    ca.key_ = hold(std::move(key));
    return ca;
}

Secret CertificateAuthority::key_pem() const {
    return key_pem_of(pkey(key_));
}

bool CertificateAuthority::covers(std::string_view name) const {
    std::string wanted = lower_name(name);
    if (!address_bytes(wanted).empty()) {
        return std::any_of(permitted_.begin(), permitted_.end(), [&](const std::string& own) {
            return address_bytes(own) == address_bytes(wanted);
        });
    }
    if (wanted.starts_with("*.")) wanted.erase(0, 2);
    return is_dns_name(wanted) &&
           std::any_of(permitted_.begin(), permitted_.end(), [&](const std::string& domain) {
               return address_bytes(domain).empty() && is_below(wanted, domain);
           });
}

Result<Leaf> CertificateAuthority::issue(const std::vector<std::string>& names, WallNs now) const {
    if (names.empty() || names.size() > kLeafNamesMax) {
        return fail(ErrorCode::invalid, "a certificate needs 1 to 32 names");
    }
    for (const std::string& name : names) {
        if (!covers(name)) {
            return fail(ErrorCode::denied,
                        "the gateway's CA does not vouch for a name outside "
                        "AWS's domains and the gateway's own names");
        }
    }
    const std::int64_t now_s = now / kNsPerSecond;
    const std::int64_t until_s = std::min(now_s + kLeafLifeS, not_after_ / kNsPerSecond);
    if (until_s <= now_s) {
        return fail(ErrorCode::unavailable, "the gateway's CA has expired; make a new one");
    }
    Key key = new_key();
    // No common name: the names stand in subjectAltName alone, and long hosts do not fit a CN.
    const Certificate leaf = blank_certificate(key.get(), {});
    X509_set_issuer_name(leaf.get(), X509_get_subject_name(x509(certificate_)));
    set_times(leaf.get(), now_s - kBackdateS, until_s);
    add_extension(leaf.get(), x509(certificate_), NID_basic_constraints, "critical,CA:FALSE");
    add_extension(leaf.get(), x509(certificate_), NID_key_usage, "critical,digitalSignature");
    add_extension(leaf.get(), x509(certificate_), NID_ext_key_usage, "serverAuth");
    add_extension(leaf.get(), x509(certificate_), NID_authority_key_identifier, "keyid");
    const Names alternative = alternative_names(names);
    // Critical, as the subject is empty (RFC 5280 section 4.2.1.6).
    add_extension(leaf.get(), NID_subject_alt_name, true, alternative.get());
    sign(leaf.get(), pkey(key_));
    Leaf out;
    out.chain_pem = certificate_pem_of(leaf.get()) + certificate_pem_;
    out.key_pem = key_pem_of(key.get());
    out.not_after = until_s * kNsPerSecond;
    return out;
}

}  // namespace narrows::crypto
