#include "crypto/ca.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "crypto/openssl.h"

namespace narrows::crypto {
namespace {

constexpr std::int64_t kDay = 24 * 3600 * kNsPerSecond;
constexpr WallNs kNow = 1'795'415'000 * kNsPerSecond;  // 2026-11-23

using Certificate = std::unique_ptr<X509, OpensslFree<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, OpensslFree<EVP_PKEY_free>>;
using Memory = std::unique_ptr<BIO, OpensslFree<BIO_free_all>>;

Memory memory(std::string_view text) {
    return Memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}
Certificate certificate(std::string_view pem) {
    return Certificate(PEM_read_bio_X509(memory(pem).get(), nullptr, nullptr, nullptr));
}
Key private_key(const Secret& pem) {
    return Key(PEM_read_bio_PrivateKey(memory(pem.text()).get(), nullptr, nullptr, nullptr));
}

/// What OpenSSL as a TLS client would say: X509_V_OK or why not.
int verify(X509* leaf, X509* root, const std::string& host, WallNs now) {
    X509_STORE* store = X509_STORE_new();
    X509_STORE_add_cert(store, root);
    X509_STORE_CTX* context = X509_STORE_CTX_new();
    X509_STORE_CTX_init(context, store, leaf, nullptr);
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(parameters, now / kNsPerSecond);
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
    if (X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) != 1) {
        X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size());
    }
    X509_verify_cert(context);
    const int error = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return error;
}

/// A leaf that a thief of the CA's key would make, around `issue` and its checks.
Certificate forged(const CertificateAuthority& ca, const std::string& alternative_name) {
    const Certificate root = certificate(ca.certificate_pem());
    const Key key = private_key(ca.key_pem());
    Certificate leaf(X509_new());
    X509_set_version(leaf.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(leaf.get()), 7);
    ASN1_TIME_set(X509_getm_notBefore(leaf.get()), kNow / kNsPerSecond - 60);
    ASN1_TIME_set(X509_getm_notAfter(leaf.get()), kNow / kNsPerSecond + 3600);
    X509_set_issuer_name(leaf.get(), X509_get_subject_name(root.get()));
    X509_set_pubkey(leaf.get(), key.get());
    X509V3_CTX context;
    X509V3_set_ctx(&context, root.get(), leaf.get(), nullptr, nullptr, 0);
    const std::pair<int, std::string> extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_authority_key_identifier, "keyid"},
        {NID_subject_alt_name, "critical," + alternative_name}};
    for (const auto& [nid, value] : extensions) {
        X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
        X509_add_ext(leaf.get(), extension, -1);
        X509_EXTENSION_free(extension);
    }
    X509_sign(leaf.get(), key.get(), EVP_sha256());
    return leaf;
}

CertificateAuthority make(std::vector<std::string> names = {"localhost", "gw.agents.internal",
                                                            "127.0.0.1", "::1"}) {
    return CertificateAuthority::create({"Narrows CA gw-1", std::move(names), 10}, kNow).value();
}

TEST(Ca, issues_chains_that_clients_accept) {
    const CertificateAuthority ca = make();
    const Certificate root = certificate(ca.certificate_pem());
    for (const std::string name :
         {"s3.eu-central-1.amazonaws.com", "bucket.s3.cn-north-1.amazonaws.com.cn",
          "dynamodb.eusc-de-east-1.amazonaws.eu", "ec2.us-iso-east-1.c2s.ic.gov",
          "lambda.eu-west-1.api.aws", "gw.agents.internal", "127.0.0.1", "::1", "localhost"}) {
        const auto leaf = ca.issue({name}, kNow);
        ASSERT_TRUE(leaf) << leaf.error().what;
        const Certificate issued = certificate(leaf.value().chain_pem);
        EXPECT_EQ(verify(issued.get(), root.get(), name, kNow), X509_V_OK) << name;
        EXPECT_EQ(verify(issued.get(), root.get(), "example.com", kNow),
                  X509_V_ERR_HOSTNAME_MISMATCH);
        EXPECT_EQ(X509_check_private_key(issued.get(), private_key(leaf.value().key_pem).get()), 1);
    }
}

TEST(Ca, one_leaf_carries_all_own_names) {
    const CertificateAuthority ca = make();
    const Certificate root = certificate(ca.certificate_pem());
    const auto leaf = ca.issue({"gw.agents.internal", "*.gw.agents.internal", "127.0.0.1"}, kNow);
    ASSERT_TRUE(leaf);
    const Certificate issued = certificate(leaf.value().chain_pem);
    for (const char* name : {"gw.agents.internal", "bkt.gw.agents.internal", "127.0.0.1"}) {
        EXPECT_EQ(verify(issued.get(), root.get(), name, kNow), X509_V_OK) << name;
    }
    EXPECT_EQ(verify(issued.get(), root.get(), "127.0.0.2", kNow), X509_V_ERR_IP_ADDRESS_MISMATCH);
}

TEST(Ca, refuses_names_outside_its_constraints) {
    const CertificateAuthority ca = make();
    for (const std::string name : {"example.com", "amazonaws.com.example.com", "evilamazonaws.com",
                                   "amazonaws.co", "10.0.0.1", "::2", "", "*", "*.com",
                                   "s3..amazonaws.com", ".amazonaws.com", "a b.amazonaws.com"}) {
        EXPECT_FALSE(ca.covers(name)) << name;
        EXPECT_FALSE(ca.issue({name}, kNow)) << name;
    }
    EXPECT_FALSE(ca.issue({std::string("s3.amazonaws.com\0.example.com", 29)}, kNow));
    EXPECT_FALSE(ca.issue({}, kNow));
    EXPECT_FALSE(ca.issue({"s3.amazonaws.com", "example.com"}, kNow));
    EXPECT_TRUE(ca.covers("S3.AMAZONAWS.COM"));
    EXPECT_TRUE(ca.covers("0:0:0:0:0:0:0:1"));
}

TEST(Ca, a_stolen_key_vouches_for_no_other_host) {
    const CertificateAuthority ca = make();
    const Certificate root = certificate(ca.certificate_pem());
    const auto result = [&](const std::string& name, const std::string& host) {
        return verify(forged(ca, name).get(), root.get(), host, kNow);
    };
    EXPECT_EQ(result("DNS:sts.amazonaws.com", "sts.amazonaws.com"), X509_V_OK);
    EXPECT_EQ(result("DNS:example.com", "example.com"), X509_V_ERR_PERMITTED_VIOLATION);
    EXPECT_EQ(result("IP:10.0.0.1", "10.0.0.1"), X509_V_ERR_PERMITTED_VIOLATION);
}

TEST(Ca, without_own_addresses_all_addresses_are_excluded) {
    const CertificateAuthority ca = make({"localhost"});
    const Certificate root = certificate(ca.certificate_pem());
    EXPECT_EQ(verify(forged(ca, "IP:10.0.0.1").get(), root.get(), "10.0.0.1", kNow),
              X509_V_ERR_EXCLUDED_VIOLATION);
    EXPECT_EQ(verify(forged(ca, "IP:::1").get(), root.get(), "::1", kNow),
              X509_V_ERR_EXCLUDED_VIOLATION);
    EXPECT_FALSE(ca.issue({"127.0.0.1"}, kNow));
}

TEST(Ca, leaves_live_seven_days_and_no_longer_than_the_ca) {
    const CertificateAuthority ca = make();
    const Certificate root = certificate(ca.certificate_pem());
    const auto leaf = ca.issue({"s3.amazonaws.com"}, kNow);
    ASSERT_TRUE(leaf);
    const Certificate issued = certificate(leaf.value().chain_pem);
    const auto at = [&](WallNs when) {
        return verify(issued.get(), root.get(), "s3.amazonaws.com", when);
    };
    EXPECT_EQ(at(kNow - kDay / 48), X509_V_OK);
    EXPECT_EQ(at(kNow + 7 * kDay - kNsPerSecond), X509_V_OK);
    EXPECT_EQ(at(kNow + 7 * kDay + kNsPerSecond), X509_V_ERR_CERT_HAS_EXPIRED);
    EXPECT_EQ(leaf.value().not_after, kNow + 7 * kDay);
    const auto last = ca.issue({"s3.amazonaws.com"}, ca.not_after() - kDay);
    ASSERT_TRUE(last);
    EXPECT_EQ(last.value().not_after, ca.not_after());
    EXPECT_FALSE(ca.issue({"s3.amazonaws.com"}, ca.not_after() + kDay));
}

TEST(Ca, extensions_are_critical_and_narrow) {
    const Certificate root = certificate(make().certificate_pem());
    EXPECT_EQ(X509_get_pathlen(root.get()), 0);
    EXPECT_EQ(X509_get_key_usage(root.get()), static_cast<std::uint32_t>(KU_KEY_CERT_SIGN));
    EXPECT_EQ(X509_get_extended_key_usage(root.get()), static_cast<std::uint32_t>(XKU_SSL_SERVER));
    for (const int nid : {NID_basic_constraints, NID_key_usage, NID_name_constraints}) {
        int critical = 0;
        void* value = X509_get_ext_d2i(root.get(), nid, &critical, nullptr);
        EXPECT_EQ(critical, 1) << OBJ_nid2sn(nid);
        X509V3_EXT_METHOD const* method = X509V3_EXT_get_nid(nid);
        ASN1_item_free(static_cast<ASN1_VALUE*>(value), ASN1_ITEM_ptr(method->it));
    }
}

TEST(Ca, loads_what_it_saved_and_nothing_else) {
    const CertificateAuthority ca = make();
    const CertificateAuthority other = make();
    const Secret key = ca.key_pem();
    const auto loaded = CertificateAuthority::load(ca.certificate_pem(), key.text(), kNow);
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_TRUE(loaded.value().covers("sts.amazonaws.com"));
    EXPECT_TRUE(loaded.value().covers("127.0.0.1"));
    EXPECT_TRUE(loaded.value().covers("::1"));
    EXPECT_FALSE(loaded.value().covers("example.com"));
    EXPECT_EQ(loaded.value().not_after(), ca.not_after());
    const Certificate root = certificate(ca.certificate_pem());
    const auto leaf = loaded.value().issue({"sqs.us-east-1.amazonaws.com"}, kNow);
    ASSERT_TRUE(leaf);
    EXPECT_EQ(verify(certificate(leaf.value().chain_pem).get(), root.get(),
                     "sqs.us-east-1.amazonaws.com", kNow),
              X509_V_OK);
    EXPECT_FALSE(CertificateAuthority::load(other.certificate_pem(), key.text(), kNow));
    EXPECT_FALSE(CertificateAuthority::load(ca.certificate_pem(), "", kNow));
    EXPECT_FALSE(CertificateAuthority::load("garbage", key.text(), kNow));
    EXPECT_FALSE(CertificateAuthority::load(ca.certificate_pem(), key.text(), kNow + 3651 * kDay));
    EXPECT_FALSE(
        CertificateAuthority::load(leaf.value().chain_pem, leaf.value().key_pem.text(), kNow));
}

TEST(Ca, refuses_a_configured_ca_without_constraints) {
    const Key key(EVP_EC_gen("P-256"));
    Certificate root(X509_new());
    X509_set_version(root.get(), X509_VERSION_3);
    ASN1_TIME_set(X509_getm_notBefore(root.get()), kNow / kNsPerSecond - 60);
    ASN1_TIME_set(X509_getm_notAfter(root.get()), kNow / kNsPerSecond + 3600);
    X509_set_pubkey(root.get(), key.get());
    X509_EXTENSION* extension =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE");
    X509_add_ext(root.get(), extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(root.get(), key.get(), EVP_sha256());
    const Memory out(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(out.get(), root.get());
    PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* text = nullptr;
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(out.get(), &text));
    const std::string_view pem(text, size);
    const auto loaded = CertificateAuthority::load(pem, pem, kNow);
    ASSERT_FALSE(loaded);
    EXPECT_NE(loaded.error().what.find("name constraints"), std::string::npos);
}

TEST(Ca, aws_hosts_are_known_by_suffix) {
    EXPECT_TRUE(is_aws_host("s3.amazonaws.com"));
    EXPECT_TRUE(is_aws_host("S3.AmazonAWS.com."));
    EXPECT_FALSE(is_aws_host("amazonaws.com.evil.example"));
    EXPECT_FALSE(is_aws_host("notamazonaws.com"));
    EXPECT_FALSE(is_aws_host(""));
}

}  // namespace
}  // namespace narrows::crypto
