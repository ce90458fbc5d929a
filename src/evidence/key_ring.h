#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "crypto/age.h"
#include "crypto/ratchet.h"
#include "io/file.h"
#include "journal/frame.h"

/// Reviewers' keys, and what they open (docs/format.md section 4.1).
namespace narrows::evidence {

/// What an envelope in DATA_DIR/keys holds: five lines.
Secret envelope_text(std::string_view origin, model::PartNo part, journal::KeyClass key,
                     ByteView session_key);
/// The session key in it. ErrorCode::corrupt: it is not an envelope's content, or is that of
/// another origin, part or class.
Result<Secret> session_key_of(const Secret& envelope, std::string_view origin, model::PartNo part,
                              journal::KeyClass key);
/// "00000007.bodies.age"
std::string envelope_name(model::PartNo part, journal::KeyClass key);
/// The same by the class's name as log entries have it; empty: there is no such class.
std::string envelope_name(model::PartNo part, std::string_view key);
std::string keys_directory(const std::string& data_dir);
inline constexpr std::uint64_t kEnvelopeMax = 64 * 1024;

/// Opens the sealed records of one data directory. Not thread-safe.
class KeyRing {
  public:
    /// What the envelope of a part's key holds, opened with the identities.
    using ReadEnvelope = std::function<Result<Secret>(
        model::PartNo, journal::KeyClass, std::span<const crypto::AgeIdentity> identities)>;

    /// The envelopes of a data directory.
    KeyRing(io::FileSystem& fs, const std::string& data_dir);
    explicit KeyRing(ReadEnvelope read) : read_(std::move(read)) {}

    /// The text of an age identity file.
    Result<void> add(std::string_view identity_file);
    bool empty() const { return identities_.empty(); }

    /// The payload as it was before sealing, checked against the commitment; of a record that is
    /// not sealed, itself. Valid until the next call. ErrorCode::not_found: no key was given that
    /// opens the part's envelope, or the envelope is gone; ErrorCode::corrupt: it does not open
    /// although the key is here; ErrorCode::conflict: the envelope is not one of that part's key;
    /// ErrorCode::invalid: it opens, and is no payload.
    Result<ByteView> open(std::string_view origin, const journal::Frame& frame);

    /// Whether an envelope that a key here opens holds what it must; ok() if none opens it.
    Result<void> check(std::string_view origin, model::PartNo part, journal::KeyClass key);
    /// The salts of such a record's first `count` fields.
    Result<std::vector<crypto::Salt>> salts(std::string_view origin, const journal::Frame& frame,
                                            std::size_t count);
    /// A part's session key. Errors as `open` has them.
    Result<Secret> session_key(std::string_view origin, model::PartNo part, journal::KeyClass key);

  private:
    using Id = std::pair<std::uint64_t, journal::KeyClass>;
    struct Opener {
        std::unique_ptr<crypto::RatchetReader> ratchet;  ///< null: there is no key
        std::optional<Error> fault;                      ///< of the envelope
    };
    static constexpr std::size_t kKept = 256;
    Opener& opener(std::string_view origin, const journal::Frame& frame);

    ReadEnvelope read_;
    std::vector<crypto::AgeIdentity> identities_;
    std::map<Id, Opener> openers_;
    Bytes plain_;
};

}  // namespace narrows::evidence
