#include "crypto/age.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "crypto/bech32.h"
#include "crypto/hash.h"
#include "crypto/sodium.h"

namespace narrows::crypto {
namespace {

using Key32 = std::array<std::uint8_t, 32>;
using AeadNonce = std::array<std::uint8_t, crypto_aead_chacha20poly1305_IETF_NPUBBYTES>;

constexpr std::string_view kVersionFamily = "age-encryption.org/";
constexpr std::string_view kVersionLine = "age-encryption.org/v1";
constexpr std::string_view kX25519 = "X25519";
constexpr std::string_view kWrapInfo = "age-encryption.org/v1/X25519";
constexpr std::string_view kRecipientPrefix = "age";
constexpr std::string_view kIdentityPrefix = "age-secret-key-";
constexpr std::size_t kFileKey = 16;
constexpr std::size_t kPayloadNonce = 16;
constexpr std::size_t kAeadTag = crypto_aead_chacha20poly1305_IETF_ABYTES;
constexpr std::size_t kBodyColumns = 64;
constexpr int kUnpadded = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;

constexpr AeadNonce kWrapNonce = {};
// Chunk 0 and the final one.
constexpr AeadNonce kOnlyChunk = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

std::string raw_base64(ByteView bytes) {
    std::string text(sodium_base64_encoded_len(bytes.size(), kUnpadded), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), kUnpadded);
    text.pop_back();  // its NUL
    return text;
}

std::optional<Bytes> raw_unbase64(std::string_view text) {
    Bytes bytes(text.size() / 4 * 3 + 3);
    std::size_t size = 0;
    if (sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size,
                          nullptr, kUnpadded) != 0) {
        return std::nullopt;
    }
    bytes.resize(size);
    // libsodium 1.0.18 takes some bytes over 0x7f for characters of the alphabet.
    if (raw_base64(bytes) != text) return std::nullopt;
    return bytes;
}

Bytes aead_seal(const Secret& key, const AeadNonce& nonce, ByteView plain) {
    Bytes out(plain.size() + kAeadTag);
    crypto_aead_chacha20poly1305_ietf_encrypt(out.data(), nullptr, plain.data(), plain.size(),
                                              nullptr, 0, nullptr, nonce.data(), key.view().data());
    return out;
}

std::optional<Secret> aead_open(const Secret& key, const AeadNonce& nonce, ByteView sealed) {
    Bytes plain(sealed.size() - kAeadTag);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr, sealed.data(),
                                                  sealed.size(), nullptr, 0, nonce.data(),
                                                  key.view().data()) != 0) {
        return std::nullopt;
    }
    return Secret(std::move(plain));
}

Key32 public_of(ByteView secret) {
    start_sodium();
    Key32 point;
    crypto_scalarmult_curve25519_base(point.data(), secret.data());
    return point;
}

/// Nothing if `point` is of low order: the product would be zero whatever the secret.
std::optional<Secret> x25519(ByteView secret, ByteView point) {
    start_sodium();
    Bytes shared(crypto_scalarmult_curve25519_BYTES);
    if (crypto_scalarmult_curve25519(shared.data(), secret.data(), point.data()) != 0) {
        return std::nullopt;
    }
    return Secret(std::move(shared));
}

Secret wrap_key(const Secret& shared, ByteView share, ByteView recipient) {
    Bytes salt = to_bytes(share);
    append(salt, recipient);
    return hkdf_sha256(shared.view(), salt, kWrapInfo, 32);
}

Secret payload_key(const Secret& file_key, ByteView nonce) {
    return hkdf_sha256(file_key.view(), nonce, "payload", 32);
}

Digest header_mac(const Secret& file_key, ByteView header) {
    const Secret key = hkdf_sha256(file_key.view(), {}, "header", 32);
    return hmac_sha256(key.view(), header);
}

/// "-> X25519 SHARE\nBODY\n" for one recipient.
void append_stanza(Bytes& to, const AgeRecipient& recipient, const Secret& file_key) {
    const Secret ephemeral(random_bytes(32));
    const Key32 share = public_of(ephemeral.view());
    const auto shared = x25519(ephemeral.view(), recipient.key());
    NARROWS_CHECK(shared.has_value(), "a recipient is no low-order point");
    const Secret key = wrap_key(*shared, share, recipient.key());
    append(to, "-> X25519 ");
    append(to, raw_base64(share));
    append(to, "\n");
    append(to, raw_base64(aead_seal(key, kWrapNonce, file_key.view())));
    append(to, "\n");
}

struct Stanza {
    std::vector<std::string_view> arguments;  // at least one
    Bytes body;
};

struct Header {
    std::vector<Stanza> stanzas;
    ByteView authenticated;  // up to and with "---"
    Bytes mac;
    ByteView payload;
};

auto no_age(const char* why) {
    return fail(ErrorCode::invalid, std::string("this is no age file: ") + why);
}

/// Reads a header line by line; the views it gives out point into the file.
class HeaderReader {
  public:
    explicit HeaderReader(ByteView file)
        : file_(file), text_(as_text(file).substr(0, kAgeHeaderMax)) {}

    Result<Header> read();

  private:
    Result<std::string_view> line();
    Result<void> read_version();
    Result<Stanza> read_stanza(std::string_view first_line);
    Result<void> read_mac(std::string_view line, Header& into);

    ByteView file_;
    std::string_view text_;
    std::size_t at_ = 0;
};

Result<std::string_view> HeaderReader::line() {
    const std::size_t end = text_.find('\n', at_);
    if (end == std::string_view::npos) {
        if (file_.size() > text_.size()) {
            return fail(ErrorCode::exhausted, "the header of an age file is over 64 KiB");
        }
        return no_age("its header is cut off");
    }
    const std::string_view line = text_.substr(at_, end - at_);
    at_ = end + 1;
    return line;
}

Result<void> HeaderReader::read_version() {
    NARROWS_TRY(const std::string_view version, line());
    if (version == kVersionLine) return ok();
    if (version.starts_with(kVersionFamily)) {
        return fail(ErrorCode::unsupported, "an age file of another version than v1");
    }
    return no_age("it does not begin with age's version line");
}

bool is_argument(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

Result<std::vector<std::string_view>> split_arguments(std::string_view line) {
    std::vector<std::string_view> arguments;
    for (std::size_t at = 0; at <= line.size();) {
        const std::size_t end = std::min(line.find(' ', at), line.size());
        arguments.push_back(line.substr(at, end - at));
        if (!is_argument(arguments.back())) return no_age("a stanza has a malformed argument");
        at = end + 1;
    }
    return arguments;
}

Result<Stanza> HeaderReader::read_stanza(std::string_view first_line) {
    Stanza stanza;
    NARROWS_TRY(stanza.arguments, split_arguments(first_line.substr(3)));
    for (std::size_t columns = kBodyColumns; columns == kBodyColumns;) {
        NARROWS_TRY(const std::string_view body, line());
        columns = body.size();
        const auto bytes = raw_unbase64(body);
        if (columns > kBodyColumns || !bytes) return no_age("a stanza's body is malformed");
        append(stanza.body, *bytes);
    }
    return stanza;
}

Result<void> HeaderReader::read_mac(std::string_view line, Header& into) {
    const std::string_view text = line.substr(std::min<std::size_t>(4, line.size()));
    auto mac = raw_unbase64(text);
    if (!line.starts_with("--- ") || !mac || mac->size() != Digest{}.size()) {
        return no_age("its header does not end as it has to");
    }
    into.authenticated = file_.first(at_ - text.size() - 2);  // without blank, MAC and line feed
    into.mac = std::move(*mac);
    into.payload = file_.subspan(at_);
    if (into.payload.size() < kPayloadNonce) return no_age("it ends behind its header");
    return ok();
}

Result<Header> HeaderReader::read() {
    NARROWS_TRY(read_version());
    Header header;
    for (;;) {
        NARROWS_TRY(const std::string_view next, line());
        if (!next.starts_with("-> ")) {
            NARROWS_TRY(read_mac(next, header));
            if (header.stanzas.empty()) return no_age("it is encrypted to nobody");
            return header;
        }
        if (header.stanzas.size() == kAgeRecipientsMax) {
            return fail(ErrorCode::exhausted, "an age file with more than 64 recipients");
        }
        NARROWS_TRY(Stanza stanza, read_stanza(next));
        header.stanzas.push_back(std::move(stanza));
    }
}

/// The share of an X25519 stanza, or nothing if the stanza is of another kind.
Result<std::optional<Key32>> read_share(const Stanza& stanza) {
    if (stanza.arguments[0] != kX25519) return std::optional<Key32>();
    const auto share =
        stanza.arguments.size() == 2 ? raw_unbase64(stanza.arguments[1]) : std::optional<Bytes>();
    // A longer body could be made to open under several keys (partitioning oracle).
    if (!share || share->size() != 32 || stanza.body.size() != kFileKey + kAeadTag) {
        return no_age("an X25519 stanza is malformed");
    }
    Key32 key;
    std::copy(share->begin(), share->end(), key.begin());
    return std::optional<Key32>(key);
}

Result<std::optional<Secret>> unwrap(const Stanza& stanza, ByteView share,
                                     const AgeIdentity& identity) {
    const auto shared = x25519(identity.key(), share);
    if (!shared) return no_age("an X25519 stanza holds a low-order point");
    const Secret key = wrap_key(*shared, share, identity.recipient().key());
    return aead_open(key, kWrapNonce, stanza.body);
}

/// Passphrases authenticate, which another recipient beside them would undermine.
bool mixes_passphrase(const Header& header) {
    return header.stanzas.size() > 1 &&
           std::any_of(header.stanzas.begin(), header.stanzas.end(),
                       [](const Stanza& stanza) { return stanza.arguments[0] == "scrypt"; });
}

/// Every stanza is looked at, so that a malformed one is refused wherever it stands.
Result<Secret> find_file_key(const Header& header, std::span<const AgeIdentity> identities) {
    if (mixes_passphrase(header)) return no_age("a passphrase stands beside other recipients");
    std::optional<Secret> file_key;
    for (const Stanza& stanza : header.stanzas) {
        NARROWS_TRY(const auto share, read_share(stanza));
        if (!share) continue;
        for (const AgeIdentity& identity : identities) {
            NARROWS_TRY(auto key, unwrap(stanza, *share, identity));
            if (key && !file_key) file_key = std::move(key);
        }
    }
    if (!file_key) {
        return fail(ErrorCode::not_found,
                    "an age file is encrypted to none of these identities; open it with another");
    }
    return std::move(*file_key);
}

Result<Secret> open_payload(const Secret& file_key, ByteView payload) {
    if (payload.size() > kPayloadNonce + kAgePlainMax + kAeadTag) {
        return fail(ErrorCode::exhausted, "an age file holds more than 64 KiB; use age itself");
    }
    if (payload.size() < kPayloadNonce + kAeadTag) {
        return fail(ErrorCode::corrupt, "an age file is cut off");
    }
    const Secret key = payload_key(file_key, payload.first(kPayloadNonce));
    auto plain = aead_open(key, kOnlyChunk, payload.subspan(kPayloadNonce));
    if (!plain) return fail(ErrorCode::corrupt, "an age file's content was altered or cut off");
    return std::move(*plain);
}

auto no_recipient() {
    return fail(ErrorCode::invalid, "not an X25519 recipient of age: \"age1\" and 58 characters");
}

char lower_of(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

char upper_of(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

Secret with_case(std::string_view text, char (*change)(char)) {
    Bytes changed(text.size());
    std::transform(text.begin(), text.end(), changed.begin(),
                   [change](char c) { return static_cast<std::uint8_t>(change(c)); });
    return Secret(std::move(changed));
}

}  // namespace

AgeRecipient::AgeRecipient(ByteView key) {
    std::copy_n(key.begin(), key_.size(), key_.begin());
}

std::string AgeRecipient::text() const {
    return std::string(bech32_encode(kRecipientPrefix, key_).text());
}

Result<AgeRecipient> parse_recipient(std::string_view text) {
    const auto key = bech32_decode(kRecipientPrefix, text);
    if (!key) return no_recipient();
    constexpr Key32 kAnySecret = {};
    if (!x25519(kAnySecret, key.value().view())) {
        return fail(ErrorCode::invalid, "a recipient of age that is a low-order point");
    }
    return AgeRecipient(key.value().view());
}

AgeIdentity::AgeIdentity(Secret key) : key_(std::move(key)), recipient_(public_of(key_.view())) {}

AgeIdentity AgeIdentity::generate() {
    return AgeIdentity(Secret(random_bytes(32)));
}

Secret AgeIdentity::text() const {
    return with_case(bech32_encode(kIdentityPrefix, key_.view()).text(), upper_of);
}

Result<AgeIdentity> parse_identity(std::string_view text) {
    const bool lower_case =
        std::any_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    auto key = bech32_decode(kIdentityPrefix, with_case(text, lower_of).text());
    if (lower_case || !key) {
        return fail(ErrorCode::invalid,
                    "not an X25519 identity of age: \"AGE-SECRET-KEY-1\" and 58 characters");
    }
    return AgeIdentity(std::move(key.value()));
}

Result<std::vector<AgeIdentity>> parse_identities(std::string_view file) {
    if (file.size() > kAgeIdentityFileMax) {
        return fail(ErrorCode::exhausted, "an identity file is over 64 KiB");
    }
    std::vector<AgeIdentity> identities;
    int number = 0;
    while (!file.empty()) {
        ++number;
        std::string_view line = file.substr(0, file.find('\n'));
        file.remove_prefix(std::min(line.size() + 1, file.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.starts_with('#')) continue;
        auto identity = parse_identity(line);
        if (!identity) {
            return fail(ErrorCode::invalid, "line " + std::to_string(number) +
                                                " of an identity file: " + identity.error().what);
        }
        if (identities.size() == kAgeIdentitiesMax) {
            return fail(ErrorCode::exhausted, "an identity file with more than 64 identities");
        }
        identities.push_back(std::move(identity.value()));
    }
    if (identities.empty()) return fail(ErrorCode::invalid, "an identity file without identities");
    return identities;
}

Result<Bytes> age_encrypt(std::span<const AgeRecipient> recipients, ByteView plain) {
    if (recipients.empty())
        return fail(ErrorCode::invalid, "nobody to encrypt to; name a recipient");
    if (recipients.size() > kAgeRecipientsMax) {
        return fail(ErrorCode::exhausted, "more than 64 recipients; name fewer");
    }
    if (plain.size() > kAgePlainMax) {
        return fail(ErrorCode::exhausted, "an age envelope holds at most 64 KiB");
    }
    const Secret file_key(random_bytes(kFileKey));
    Bytes file = to_bytes(kVersionLine);
    append(file, "\n");
    for (const AgeRecipient& recipient : recipients) append_stanza(file, recipient, file_key);
    append(file, "---");
    const Digest mac = header_mac(file_key, file);
    append(file, " " + raw_base64(mac) + "\n");
    const Bytes nonce = random_bytes(kPayloadNonce);
    append(file, nonce);
    append(file, aead_seal(payload_key(file_key, nonce), kOnlyChunk, plain));
    return file;
}

Result<Secret> age_decrypt(std::span<const AgeIdentity> identities, ByteView file) {
    NARROWS_TRY(const Header header, HeaderReader(file).read());
    NARROWS_TRY(const Secret file_key, find_file_key(header, identities));
    if (!equal_constant_time(header_mac(file_key, header.authenticated), header.mac)) {
        return fail(ErrorCode::corrupt, "an age file's header was altered");
    }
    return open_payload(file_key, header.payload);
}

}  // namespace narrows::crypto
