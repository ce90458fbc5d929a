#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/jws.h"

/// CloudTrail's digest files, which prove log files and each other:
/// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
/// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html
namespace narrows::reconcile {

/// Of a digest file without its compression.
inline constexpr std::uint64_t kDigestBytesMax = std::uint64_t{64} << 20;

struct ProvenFile {
    std::string key;     ///< as FileName has it
    std::string sha256;  ///< lower-case hex, of the uncompressed file
};

struct Digest {
    WallNs start = 0;
    WallNs end = 0;
    std::string bucket;
    std::string object;
    std::string fingerprint;  ///< of the key that signed it
    /// Of the digest before; empty for a chain's first.
    std::string previous_object;
    std::string previous_hash;
    std::string previous_signature;
    std::vector<ProvenFile> files;
    std::string signed_text;  ///< what the signature is over
};

/// `json` is the uncompressed file.
Result<Digest> parse_digest(std::string_view json);

/// Keys of `aws cloudtrail list-public-keys`, by fingerprint.
class PublicKeys {
  public:
    /// The JSON that it prints.
    static Result<PublicKeys> parse(std::string_view text);

    bool empty() const { return keys_.empty(); }
    bool knows(const std::string& fingerprint) const { return keys_.contains(fingerprint); }
    /// Whether one of `signatures` (hex) is the named key's over `text`.
    bool verify(const std::string& fingerprint, std::string_view text,
                const std::vector<std::string>& signatures) const;

  private:
    std::map<std::string, crypto::JwsKey> keys_;
};

}  // namespace narrows::reconcile
