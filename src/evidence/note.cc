#include "evidence/note.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "codec/text.h"
#include "crypto/hash.h"

namespace narrows::evidence {
namespace {

constexpr std::string_view kSignaturePrefix = "\u2014 ";
constexpr std::string_view kPrivatePrefix = "PRIVATE+KEY+";
constexpr std::size_t kCosignatureSize = 8 + 64;

/// The code points with Unicode's White_Space property that lie beyond ASCII.
constexpr std::array<std::string_view, 19> kUnicodeSpaces = {
    "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003",
    "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
    "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

bool is_key_name(std::string_view name) {
    const bool ascii_ok = std::none_of(name.begin(), name.end(), [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || c == '+';
    });
    const bool no_space =
        std::none_of(kUnicodeSpaces.begin(), kUnicodeSpaces.end(),
                     [&](std::string_view space) { return name.find(space) != name.npos; });
    return !name.empty() && ascii_ok && no_space && codec::is_utf8(name);
}

std::uint32_t key_id(std::string_view name, KeyType type, ByteView key) {
    Bytes input = to_bytes(name);
    input.push_back('\n');
    input.push_back(static_cast<std::uint8_t>(type));
    append(input, key);
    const crypto::Digest digest = crypto::sha256(input);
    return std::uint32_t{digest[0]} << 24 | std::uint32_t{digest[1]} << 16 |
           std::uint32_t{digest[2]} << 8 | digest[3];
}

/// Base64 in its one canonical form: what encodes to the same text again.
Result<Bytes> strict_base64(std::string_view text) {
    NARROWS_TRY(Bytes bytes, codec::unbase64(text));
    if (codec::base64(bytes) != text) {
        return fail(ErrorCode::invalid, "the base64 text is not in canonical form");
    }
    return bytes;
}

/// The three parts that vkey and skey share: name, key id, type byte with 32 bytes of key.
struct KeyText {
    std::string name;
    std::string id;
    Bytes typed_key;
};

Result<KeyText> split_key_text(std::string_view text) {
    const auto first = text.find('+');
    const auto second = first == text.npos ? text.npos : text.find('+', first + 1);
    if (second == text.npos) {
        return fail(ErrorCode::invalid, "a note key has the form name+id+base64");
    }
    NARROWS_TRY(Bytes typed_key, strict_base64(text.substr(second + 1)));
    if (typed_key.size() != 33) {
        return fail(ErrorCode::invalid, "a note key holds one type byte and 32 bytes of key");
    }
    return KeyText{std::string(text.substr(0, first)),
                   std::string(text.substr(first + 1, second - first - 1)), std::move(typed_key)};
}

Result<NoteSignature> parse_signature(std::string_view line) {
    if (!line.starts_with(kSignaturePrefix)) {
        return fail(ErrorCode::invalid, "a signature line of the note does not begin with a dash");
    }
    line.remove_prefix(kSignaturePrefix.size());
    const auto blank = line.find(' ');
    if (blank == line.npos || !is_key_name(line.substr(0, blank))) {
        return fail(ErrorCode::invalid, "a signature line of the note has no proper key name");
    }
    NARROWS_TRY(Bytes bytes, strict_base64(line.substr(blank + 1)));
    if (bytes.size() < 5) {
        return fail(ErrorCode::invalid, "a signature of the note is too short for its key id");
    }
    const std::uint32_t id = std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
                             std::uint32_t{bytes[2]} << 8 | bytes[3];
    return NoteSignature{std::string(line.substr(0, blank)), id,
                         Bytes(bytes.begin() + 4, bytes.end())};
}

bool is_note_text(std::string_view text) {
    return codec::is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
               return static_cast<unsigned char>(c) < 0x20 && c != '\n';
           });
}

std::uint64_t load_be64(ByteView bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        value = value << 8 | bytes[i];
    }
    return value;
}

/// What a witness signs.
std::string cosigned_message(std::uint64_t time, std::string_view text) {
    return fmt::format("cosignature/v1\ntime {}\n{}", time, text);
}

}  // namespace

bool is_by(const NoteSignature& signature, const VerifierKey& key) {
    return signature.id == key.id && signature.name == key.name;
}

std::optional<std::int64_t> signed_at(const VerifierKey& key, const NoteSignature& signature,
                                      std::string_view text) {
    if (!is_by(signature, key)) {
        return std::nullopt;
    }
    if (key.type == KeyType::ed25519) {
        const bool good = crypto::verify(key.key, as_bytes(text), signature.bytes);
        return good ? std::optional<std::int64_t>(0) : std::nullopt;
    }
    if (signature.bytes.size() != kCosignatureSize) {
        return std::nullopt;
    }
    const std::uint64_t time = load_be64(signature.bytes);
    const std::string message = cosigned_message(time, text);
    const bool good = time <= INT64_MAX && crypto::verify(key.key, as_bytes(message),
                                                          ByteView(signature.bytes).subspan(8));
    return good ? std::optional(static_cast<std::int64_t>(time)) : std::nullopt;
}

Result<Cosigner> Cosigner::make(KeySigner key) {
    NARROWS_TRY(VerifierKey verifier,
                make_verifier_key(key.key().name, KeyType::cosignature, key.key().key));
    return Cosigner(std::move(verifier), std::move(key));
}

Result<NoteSignature> Cosigner::cosign(std::string_view text, std::int64_t at) {
    const auto time = static_cast<std::uint64_t>(at);
    const std::string message = cosigned_message(time, text);
    NARROWS_TRY(const crypto::Signature signature, key_.sign(as_bytes(message)));
    NoteSignature line{verifier_.name, verifier_.id, {}};
    for (int shift = 56; shift >= 0; shift -= 8) {
        line.bytes.push_back(static_cast<std::uint8_t>(time >> shift));
    }
    append(line.bytes, signature);
    return line;
}

Result<VerifierKey> make_verifier_key(std::string name, KeyType type,
                                      const crypto::PublicKey& key) {
    if (!is_key_name(name)) {
        return fail(ErrorCode::invalid,
                    "a note key's name is not empty and has neither blanks nor '+'");
    }
    const std::uint32_t id = key_id(name, type, key);
    return VerifierKey{std::move(name), type, key, id};
}

Result<VerifierKey> parse_vkey(std::string_view text) {
    NARROWS_TRY(KeyText parts, split_key_text(text));
    const std::uint8_t type = parts.typed_key[0];
    if (type != static_cast<std::uint8_t>(KeyType::ed25519) &&
        type != static_cast<std::uint8_t>(KeyType::cosignature)) {
        return fail(ErrorCode::unsupported,
                    "the note key's type is neither Ed25519 nor cosignature");
    }
    crypto::PublicKey key;
    std::copy(parts.typed_key.begin() + 1, parts.typed_key.end(), key.begin());
    NARROWS_TRY(VerifierKey parsed, make_verifier_key(parts.name, static_cast<KeyType>(type), key));
    if (codec::lower(parts.id) != fmt::format("{:08x}", parsed.id)) {
        return fail(ErrorCode::invalid, "the note key's id does not fit its name and key");
    }
    return parsed;
}

std::string vkey_text(const VerifierKey& key) {
    Bytes typed_key{static_cast<std::uint8_t>(key.type)};
    append(typed_key, key.key);
    return fmt::format("{}+{:08x}+{}", key.name, key.id, codec::base64(typed_key));
}

Result<KeySigner> KeySigner::make(std::string name, crypto::SigningKey key) {
    NARROWS_TRY(VerifierKey verifier,
                make_verifier_key(std::move(name), KeyType::ed25519, key.public_key()));
    return KeySigner(std::move(verifier), std::move(key));
}

Result<KeySigner> KeySigner::parse_skey(std::string_view text) {
    if (!text.starts_with(kPrivatePrefix)) {
        return fail(ErrorCode::invalid, "a note signing key begins with PRIVATE+KEY+");
    }
    NARROWS_TRY(KeyText parts, split_key_text(text.substr(kPrivatePrefix.size())));
    Secret seed(Bytes(parts.typed_key.begin() + 1, parts.typed_key.end()));
    const bool is_ed25519 = parts.typed_key[0] == static_cast<std::uint8_t>(KeyType::ed25519);
    wipe(parts.typed_key.data(), parts.typed_key.size());
    if (!is_ed25519) {
        return fail(ErrorCode::unsupported, "the note signing key is not Ed25519");
    }
    NARROWS_TRY(crypto::SigningKey key, crypto::SigningKey::from_seed(std::move(seed)));
    NARROWS_TRY(KeySigner signer, make(parts.name, std::move(key)));
    if (codec::lower(parts.id) != fmt::format("{:08x}", signer.key().id)) {
        return fail(ErrorCode::invalid, "the note signing key's id does not fit its name and key");
    }
    return signer;
}

Secret KeySigner::skey_text() const {
    Bytes typed_seed{static_cast<std::uint8_t>(KeyType::ed25519)};
    append(typed_seed, key_.seed().view());
    std::string seed_text = codec::base64(typed_seed);
    Bytes text =
        to_bytes(fmt::format("{}{}+{:08x}+", kPrivatePrefix, verifier_.name, verifier_.id));
    text.reserve(text.size() + seed_text.size());
    append(text, seed_text);
    wipe(typed_seed.data(), typed_seed.size());
    wipe(seed_text.data(), seed_text.size());
    return Secret(std::move(text));
}

Result<Note> parse_note(std::string_view bytes) {
    if (bytes.size() > kNoteBytesMax) {
        return fail(ErrorCode::invalid, "the note is larger than 1 MiB");
    }
    const auto blank = bytes.rfind("\n\n");
    if (blank == bytes.npos || !bytes.ends_with('\n') || !is_note_text(bytes)) {
        return fail(ErrorCode::invalid,
                    "the bytes are no signed note: text, an empty line, signatures");
    }
    Note note{std::string(bytes.substr(0, blank + 1)), {}};
    NARROWS_TRY(note.signatures, parse_signatures(bytes.substr(blank + 2)));
    if (note.signatures.empty()) {
        return fail(ErrorCode::invalid, "the note has no signature");
    }
    return note;
}

Result<std::vector<NoteSignature>> parse_signatures(std::string_view lines) {
    if (lines.size() > kNoteBytesMax || !is_note_text(lines)) {
        return fail(ErrorCode::invalid, "the signature lines are no text of at most 1 MiB");
    }
    std::vector<NoteSignature> signatures;
    while (!lines.empty()) {
        const auto end = lines.find('\n');
        if (end == lines.npos) {
            return fail(ErrorCode::invalid, "a signature line does not end with a newline");
        }
        NARROWS_TRY(NoteSignature signature, parse_signature(lines.substr(0, end)));
        signatures.push_back(std::move(signature));
        lines.remove_prefix(end + 1);
        if (signatures.size() > kNoteSignaturesMax) {
            return fail(ErrorCode::invalid, "there are more than 100 signatures");
        }
    }
    return signatures;
}

std::string note_bytes(const Note& note) {
    return note.text + "\n" + signature_lines(note.signatures);
}

std::string signature_lines(const std::vector<NoteSignature>& signatures) {
    std::string bytes;
    for (const NoteSignature& signature : signatures) {
        Bytes with_id;
        for (int shift = 24; shift >= 0; shift -= 8) {
            with_id.push_back(static_cast<std::uint8_t>(signature.id >> shift));
        }
        append(with_id, signature.bytes);
        bytes += fmt::format("{}{} {}\n", kSignaturePrefix, signature.name, codec::base64(with_id));
    }
    return bytes;
}

Result<Note> sign_note(std::string text, NoteSigner& signer) {
    if (!is_note_text(text) || !text.ends_with('\n') || text.size() > kNoteBytesMax / 2) {
        return fail(ErrorCode::invalid, "a note's text is UTF-8 lines without control characters");
    }
    NARROWS_TRY(const crypto::Signature signature, signer.sign(as_bytes(text)));
    NoteSignature line{signer.key().name, signer.key().id, to_bytes(ByteView(signature))};
    return Note{std::move(text), {std::move(line)}};
}

Result<Verified> verify_note(const Note& note, const std::vector<VerifierKey>& known) {
    Verified verified;
    for (const NoteSignature& signature : note.signatures) {
        const auto key = std::find_if(known.begin(), known.end(), [&](const VerifierKey& each) {
            return is_by(signature, each);
        });
        if (key == known.end()) {
            continue;
        }
        const auto time = signed_at(*key, signature, note.text);
        if (!time) {
            return fail(
                ErrorCode::corrupt,
                fmt::format("the note's signature by key {:08x} does not verify: the note was "
                            "changed or signed by someone else",
                            key->id));
        }
        if (std::find(verified.keys.begin(), verified.keys.end(), *key) == verified.keys.end()) {
            verified.keys.push_back(*key);
            verified.cosigned_at.push_back(*time);
        }
    }
    if (verified.keys.empty()) {
        return fail(ErrorCode::not_found,
                    "the note bears no signature by a key that is trusted here");
    }
    return verified;
}

}  // namespace narrows::evidence
