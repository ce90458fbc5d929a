#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/sign.h"
#include "protocols/aws/sigv4/signature.h"
#include "protocols/aws/upstream/fetch.h"

/// AWS KMS in its JSON protocol (API version 2014-11-01), as far as an Ed25519 signing key goes.
/// https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html
/// https://docs.aws.amazon.com/kms/latest/APIReference/API_GetPublicKey.html
namespace narrows::upstream {

inline constexpr std::size_t kKmsMessageMax = 4096;  ///< bytes that Sign takes as RAW

/// One operation on one key, by its ARN.
struct KmsAsk {
    std::string operation;  ///< "Sign"
    std::string body;       ///< JSON
};
KmsAsk kms_get_public_key(std::string_view key_arn);
/// ErrorCode::invalid: the message is empty or longer than kKmsMessageMax.
Result<KmsAsk> kms_sign(std::string_view key_arn, ByteView message);

/// What GetPublicKey answered. ErrorCode::denied: the key is none that signs with Ed25519
/// (ECC_NIST_EDWARDS25519, SIGN_VERIFY); ErrorCode::unavailable: the answer is not of its form, or
/// about another key.
Result<crypto::PublicKey> parse_kms_public_key(std::string_view json, std::string_view key_arn);
/// What Sign answered. Says nothing of whether the signature is right.
Result<crypto::Signature> parse_kms_signature(std::string_view json, std::string_view key_arn);
/// KMS's own word for what is wrong ("AccessDeniedException"): letters and digits, or empty.
std::string parse_kms_error(std::string_view json);

/// Blocking; asks once. The body of a 200. ErrorCode::denied: somebody must change something first;
/// ErrorCode::unavailable: it may pass.
Result<std::string> ask_kms(HttpFetch& fetch, const Target& kms, std::string_view region,
                            const sigv4::Credentials& credentials, const KmsAsk& ask, WallNs now,
                            sigv4::KeyCache& keys);

}  // namespace narrows::upstream
