#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/sign.h"

/// Signed notes (C2SP signed-note v1.0.0) with Ed25519 keys, and Ed25519 witness cosignatures
/// (C2SP tlog-cosignature v1). Any signature type beside these two is ignored, as the
/// specification demands of unknown keys. Pure functions; no I/O.
namespace narrows::evidence {

inline constexpr std::size_t kNoteBytesMax = 1 << 20;
inline constexpr std::size_t kNoteSignaturesMax = 100;

enum class KeyType : std::uint8_t {
    ed25519 = 0x01,      ///< signs the note's text
    cosignature = 0x04,  ///< signs time and text: a witness saw this checkpoint by then
};

/// Whose signatures to believe. `id` always is the one computed from the other three.
struct VerifierKey {
    std::string name;
    KeyType type = KeyType::ed25519;
    crypto::PublicKey key{};
    std::uint32_t id = 0;

    friend bool operator==(const VerifierKey&, const VerifierKey&) = default;
};

/// Refuses a name that is empty or holds a Unicode space or '+'.
Result<VerifierKey> make_verifier_key(std::string name, KeyType type, const crypto::PublicKey& key);
/// "name+hex(id)+base64(type ‖ key)"; refuses an id that does not fit name, type and key.
Result<VerifierKey> parse_vkey(std::string_view text);
std::string vkey_text(const VerifierKey& key);

/// Signs notes, with a key held in memory or one that lies elsewhere.
/// `sign` may block and may fail; called from one thread at a time.
class NoteSigner {
  public:
    virtual ~NoteSigner() = default;
    virtual const VerifierKey& key() const = 0;
    virtual Result<crypto::Signature> sign(ByteView text) = 0;
};

/// Signs with a key held in memory.
class KeySigner : public NoteSigner {
  public:
    /// Refuses a bad name.
    static Result<KeySigner> make(std::string name, crypto::SigningKey key);
    /// "PRIVATE+KEY+name+hex(id)+base64(0x01 ‖ seed)", the form golang.org/x/mod/sumdb/note writes.
    static Result<KeySigner> parse_skey(std::string_view text);
    Secret skey_text() const;

    const VerifierKey& key() const override { return verifier_; }
    Result<crypto::Signature> sign(ByteView text) override { return key_.sign(text); }

  private:
    KeySigner(VerifierKey verifier, crypto::SigningKey key)
        : verifier_(std::move(verifier)), key_(std::move(key)) {}
    VerifierKey verifier_;
    crypto::SigningKey key_;
};

struct NoteSignature {
    std::string name;
    std::uint32_t id = 0;
    Bytes bytes;  ///< without the key id

    friend bool operator==(const NoteSignature&, const NoteSignature&) = default;
};

/// Signs checkpoints as a witness does: time, then text (tlog-cosignature v1, Ed25519). Its key
/// must sign nothing else: the message does not name the witness.
class Cosigner {
  public:
    /// Refuses a bad name. `key` is the witness's key in its plain form.
    static Result<Cosigner> make(KeySigner key);

    const VerifierKey& key() const { return verifier_; }
    /// `at`: seconds since 1970, not negative.
    Result<NoteSignature> cosign(std::string_view text, std::int64_t at);

  private:
    Cosigner(VerifierKey verifier, KeySigner key)
        : verifier_(std::move(verifier)), key_(std::move(key)) {}
    VerifierKey verifier_;
    KeySigner key_;
};

/// A note taken apart. Until `verify_note` has said whose it is, its text means nothing.
struct Note {
    std::string text;  ///< ends with a newline
    std::vector<NoteSignature> signatures;
};

Result<Note> parse_note(std::string_view bytes);
/// Signature lines as they stand in a note and in a witness's answer: none to kNoteSignaturesMax.
Result<std::vector<NoteSignature>> parse_signatures(std::string_view lines);
std::string signature_lines(const std::vector<NoteSignature>& signatures);
std::string note_bytes(const Note& note);
/// Refuses a text that no note can hold (not UTF-8, a control character, no final newline).
Result<Note> sign_note(std::string text, NoteSigner& signer);

/// Whether `signature` names this key; says nothing of whether it is right.
bool is_by(const NoteSignature& signature, const VerifierKey& key);
/// When `key` signed `text`: seconds since 1970, 0 for a plain signature. Nothing if the signature
/// names another key or is wrong.
std::optional<std::int64_t> signed_at(const VerifierKey& key, const NoteSignature& signature,
                                      std::string_view text);

struct Verified {
    std::vector<VerifierKey> keys;          ///< each known key that signed, once
    std::vector<std::int64_t> cosigned_at;  ///< seconds since 1970, of each cosignature in keys
};

/// Which of `known` signed the note. Fails with `corrupt` if a known key's signature is wrong and
/// with `not_found` if no known key signed at all.
Result<Verified> verify_note(const Note& note, const std::vector<VerifierKey>& known);

}  // namespace narrows::evidence
