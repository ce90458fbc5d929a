#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

/// Files of age v1 (C2SP age.md, https://age-encryption.org/v1) to X25519 recipients, small enough
/// for one chunk: envelopes of keys. `age` opens what is written here. No passphrases, no armor, no
/// post-quantum recipients. Pure functions; thread-safe.
namespace narrows::crypto {

inline constexpr std::size_t kAgePlainMax = 65536;    ///< bytes, one chunk
inline constexpr std::size_t kAgeHeaderMax = 65536;   ///< bytes
inline constexpr std::size_t kAgeRecipientsMax = 64;  ///< in one file, those of other kinds too
inline constexpr std::size_t kAgeIdentitiesMax = 64;  ///< in one identity file
inline constexpr std::size_t kAgeIdentityFileMax = 65536;  ///< bytes

/// A public key to encrypt to. Never a low-order point, to which no secret can be shared.
class AgeRecipient {
  public:
    std::string text() const;  ///< "age1…"
    ByteView key() const { return key_; }
    friend bool operator==(const AgeRecipient&, const AgeRecipient&) = default;

  private:
    friend class AgeIdentity;
    friend Result<AgeRecipient> parse_recipient(std::string_view text);
    explicit AgeRecipient(ByteView key);
    std::array<std::uint8_t, 32> key_;
};

/// "age1…" in lower case without blanks; `invalid` otherwise.
Result<AgeRecipient> parse_recipient(std::string_view text);

/// The secret key that opens what was encrypted to its recipient. Move-only; wiped when it goes.
class AgeIdentity {
  public:
    static AgeIdentity generate();

    const AgeRecipient& recipient() const { return recipient_; }
    Secret text() const;  ///< "AGE-SECRET-KEY-1…"
    ByteView key() const { return key_.view(); }

  private:
    friend Result<AgeIdentity> parse_identity(std::string_view text);
    explicit AgeIdentity(Secret key);
    Secret key_;
    AgeRecipient recipient_;
};

/// "AGE-SECRET-KEY-1…" in upper case without blanks; `invalid` otherwise.
Result<AgeIdentity> parse_identity(std::string_view text);

/// An identity file as `age-keygen` writes it: an identity a line; empty lines and those that begin
/// with `#` are comments. At least one identity. Errors name the line, never its text.
Result<std::vector<AgeIdentity>> parse_identities(std::string_view file);

/// A file that any of 1 to kAgeRecipientsMax recipients opens: about 200 bytes, 98 more for each
/// further recipient, and `plain`. `invalid` without recipients, `exhausted` over a limit.
Result<Bytes> age_encrypt(std::span<const AgeRecipient> recipients, ByteView plain);

/// Opens a file with the first identity that it was encrypted to. Stanzas of other kinds are passed
/// over. `not_found`: it was encrypted to none of these. `corrupt`: it was altered or cut.
/// `invalid`: it is no age file. `unsupported`: another version. `exhausted`: over a limit above.
Result<Secret> age_decrypt(std::span<const AgeIdentity> identities, ByteView file);

}  // namespace narrows::crypto
