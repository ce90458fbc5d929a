#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

/// Credentials that stand in an answer in the clear: found while it passes, whatever its form, not
/// looked for inside base64 or compressed data. It says where and which key, never the secret.
namespace narrows::aws {

enum class LeakKind {
    access_key_id,  ///< AKIA… or ASIA…, 20 characters
    private_key,    ///< -----BEGIN … PRIVATE KEY----- (RFC 7468)
    signed_url,     ///< X-Amz-Signature=…, or S3's AWSAccessKeyId=…
    session_token,  ///< a token as STS makes them
};
const char* name_of(LeakKind kind);

struct Leak {
    LeakKind kind;
    std::string key_id;    ///< of an access key id; else empty
    std::uint64_t at = 0;  ///< byte of the body where it begins
};

/// One body, in stretches of any size. Memory: a few hundred bytes and kLeaksMax findings. Not
/// thread-safe.
class LeakScan {
  public:
    static constexpr std::size_t kLeaksMax = 32;  ///< kept; one key id counts once

    void push(ByteView bytes);
    /// After the last byte.
    void finish();

    const std::vector<Leak>& leaks() const { return leaks_; }
    std::uint64_t total() const { return total_; }  ///< with those beyond kLeaksMax

  private:
    void scan(ByteView text, std::size_t from, std::size_t to, char before, std::uint64_t at);
    void note(Leak leak);

    Bytes tail_;  ///< the last bytes seen, the first `looked_` of them looked at
    std::size_t looked_ = 0;
    std::uint64_t tail_at_ = 0;  ///< of tail_'s first byte in the body
    std::vector<Leak> leaks_;
    std::uint64_t total_ = 0;
};

}  // namespace narrows::aws
