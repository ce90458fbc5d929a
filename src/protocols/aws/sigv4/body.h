#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "crypto/hash.h"
#include "http/message.h"
#include "protocols/aws/sigv4/signature.h"

/// The forms in which a body is sent and what vouches for it.
/// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
namespace narrows::sigv4 {

enum class PayloadKind {
    absent,                      ///< no x-amz-content-sha256: the signature covers the body's hash
    sha256,                      ///< 64 hex digits
    unsigned_payload,            ///< UNSIGNED-PAYLOAD
    events,                      ///< STREAMING-AWS4-HMAC-SHA256-EVENTS (event_signer.h)
    streaming_unsigned_trailer,  ///< STREAMING-UNSIGNED-PAYLOAD-TRAILER
    streaming_signed,            ///< STREAMING-AWS4-HMAC-SHA256-PAYLOAD
    streaming_signed_trailer,    ///< STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
    streaming_ecdsa,             ///< STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD
    streaming_ecdsa_trailer,     ///< STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER
};
const char* name_of(PayloadKind kind);

struct Payload {
    PayloadKind kind = PayloadKind::absent;
    std::string text;                             ///< x-amz-content-sha256 as sent; empty if absent
    crypto::Digest sha256{};                      ///< for PayloadKind::sha256
    std::optional<std::uint64_t> decoded_length;  ///< x-amz-decoded-content-length
    std::vector<std::string> trailers;            ///< x-amz-trailer: declared names, lower case

    bool chunked() const { return kind >= PayloadKind::streaming_unsigned_trailer; }
    bool chunks_signed() const { return kind >= PayloadKind::streaming_signed; }
    bool ecdsa() const { return kind >= PayloadKind::streaming_ecdsa; }
    bool trailing() const {
        return kind == PayloadKind::streaming_unsigned_trailer ||
               kind == PayloadKind::streaming_signed_trailer ||
               kind == PayloadKind::streaming_ecdsa_trailer;
    }
    /// x-amz-content-sha256 of the same form signed with `algorithm`.
    std::string text_for(Algorithm algorithm) const;
};

/// ErrorCode::unsupported for any other signed form; ErrorCode::invalid for an unknown
/// value, a header given twice, aws-chunked as content coding without a streaming payload, a
/// trailer or decoded length declared where the form has none.
Result<Payload> read_payload(const http::RequestHead& head);

inline constexpr std::size_t kChunkHeaderMax = 256;
inline constexpr std::size_t kTrailerBytesMax = 4096;
inline constexpr std::size_t kTrailersMax = 8;

/// Takes aws-chunked apart as it arrives. Memory is constant (a line). Not thread-safe. After an
/// error only destruction is allowed. Bytes of a signed chunk are given out before its signature
/// is known: hold back the end of the upload (HoldBack) until finish().
class ChunkDecoder {
  public:
    /// `verifier` is needed when payload.chunks_signed(), and starts at the request's signature.
    ChunkDecoder(Payload payload, std::unique_ptr<ChunkVerifier> verifier);
    ~ChunkDecoder();
    ChunkDecoder(ChunkDecoder&&) noexcept;

    /// Appends the object bytes in `encoded` to `out`, never more than came in.
    /// ErrorCode::unauthenticated: a chunk or trailer signature is wrong. ErrorCode::invalid:
    /// everything else (a size that is no hex number, more than was declared, a trailer that was
    /// not declared or comes twice, bytes after the end).
    Result<void> push(ByteView encoded, Bytes& out);
    /// The body has ended: ErrorCode::invalid if that is too early or a declared trailer is
    /// missing.
    Result<void> finish() const;
    bool complete() const;  ///< the last chunk and the trailer section have been read
    const http::Headers& trailers() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// A place in encoded bytes that a signature belongs into, and what it signs.
struct Unsigned {
    std::size_t at = 0;
    std::size_t size = 0;     ///< of the place; a shorter signature is padded with `*`
    crypto::Digest sha256{};  ///< of the chunk's data, or over "name:value\n" of each trailer
    bool is_trailer = false;
};

/// What a chunk's signature measures; 0 in the form that has none.
std::size_t chunk_signature_size(const Payload& payload, Algorithm algorithm);

/// Makes aws-chunked: chunks of kChunkSize, the last one shorter, then the trailers. Memory is one
/// chunk. Signatures are made elsewhere, each over the one before. Not thread-safe.
class ChunkEncoder {
  public:
    static constexpr std::size_t kChunkSize = 65536;

    /// `trailing` says whether the form has a trailer section.
    ChunkEncoder(std::size_t signature_size, bool trailing)
        : signature_size_(signature_size), trailing_(trailing) {}

    void push(ByteView data, Bytes& out);
    /// `trailers` must be empty unless `trailing`.
    void finish(const http::Headers& trailers, Bytes& out);

    /// What was appended to `out` since the last call and must be signed, in order, before it
    /// leaves.
    std::vector<Unsigned> take_unsigned() { return std::exchange(unsigned_, {}); }
    /// Puts in the signature, of hex digits.
    static void fill_in(Bytes& out, const Unsigned& place, std::string_view signature);

    /// What the whole will measure, for Content-Length. Of trailers only the sizes count.
    static std::uint64_t encoded_length(std::uint64_t decoded_length, std::size_t signature_size,
                                        bool trailing, const http::Headers& trailers);

  private:
    void emit(ByteView data, Bytes& out);
    void leave_room(Bytes& out, const crypto::Digest& sha256, bool is_trailer);
    std::size_t signature_size_;
    bool trailing_;
    std::vector<Unsigned> unsigned_;
    Bytes pending_;
};

enum class CheckState { held, failed };

struct Check {
    std::string name;  ///< "content-md5", "x-amz-checksum-crc32", "x-amz-content-sha256"
    bool in_trailer = false;
    CheckState state = CheckState::failed;
};

/// What is known of a body once it has been seen whole.
struct BodyReport {
    std::uint64_t size = 0;
    crypto::Digest sha256{};
    std::vector<Check> checks;
    bool held() const;  ///< no check failed
};

/// Follows the object bytes (aws-chunked taken off, other content codings left on) and checks every
/// hash and checksum that the request declares: x-amz-content-sha256, Content-MD5 and
/// x-amz-checksum-{crc32,crc32c,crc64nvme,md5,sha1,sha256,sha512,xxhash3,xxhash64,xxhash128} in
/// header or trailer.
class BodyCheck {
  public:
    /// `checksums_cover_body` is false for operations whose x-amz-checksum-* speak of something
    /// else than this body (CompleteMultipartUpload: of the whole object); those are left out.
    /// ErrorCode::invalid: a declared value is not base64 of the right size, or comes twice.
    /// ErrorCode::unsupported: a checksum of another algorithm, which nobody here could vouch for.
    static Result<BodyCheck> of(const http::RequestHead& head, const Payload& payload,
                                bool checksums_cover_body = true);
    ~BodyCheck();
    BodyCheck(BodyCheck&&) noexcept;

    void update(ByteView object_bytes);
    /// Once, at the end. ErrorCode::invalid: a trailer's checksum is not base64 of the right size.
    Result<BodyReport> finish(const http::Headers& trailers = {});

  private:
    struct State;
    explicit BodyCheck(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Delays a stream by its last `size` bytes, so that an upload cannot be complete upstream before
/// its checks have held. Memory is `size`.
class HoldBack {
  public:
    explicit HoldBack(std::size_t size) : size_(size) {}
    void push(ByteView bytes, Bytes& out);
    void release(Bytes& out);

  private:
    std::size_t size_;
    Bytes held_;
};

}  // namespace narrows::sigv4
