#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "protocols/aws/adapter/passage.h"

namespace narrows::aws {

/// A body that is streamed to AWS once its operation has its permit. Each stretch is read, taken
/// out of its framing, recorded, framed and signed anew, sent. Holds a stretch, and what is kept
/// back. Lives on its exchange's loop; what it refers to outlives `run`.
class Upload {
  public:
    /// `number`: by which the signer knows it; 0: its chunks are not signed.
    Upload(Passage& of, http::ClientExchange& upstream, std::uint64_t number)
        : of_(of), upstream_(upstream), number_(number) {}

    /// The last bytes leave only after every check has held and all of the body is durable: an
    /// upload that is complete upstream is complete on record.
    net::Task<Result<void>> run();

    // What became of it:
    std::uint64_t bytes() const { return bytes_; }              ///< on record
    const codec::Map& integrity() const { return integrity_; }  ///< once it is known
    /// The body was not what it said to be.
    const std::optional<Rejection>& refused() const { return refused_; }
    /// AWS took no more: it may have answered already.
    bool failed_early() const { return failed_early_; }

  private:
    Result<void> begin();
    Result<void> unframe(ByteView raw, Bytes& object);
    void frame(ByteView object, Bytes& out);
    Result<sigv4::BodyReport> check_all(http::Headers& trailers);
    Result<void> finish(Bytes& out);
    net::Task<Result<void>> pass(ByteView raw);
    net::Task<Result<void>> record(ByteView object);
    net::Task<Result<void>> sign_chunks(Bytes& out);
    net::Task<Result<void>> write(const Bytes& out);

    /// A stream sent as it came keeps this much back until its hash and checksums have held.
    static constexpr std::size_t kHoldBack = 16 * 1024;

    Passage& of_;
    http::ClientExchange& upstream_;
    const std::uint64_t number_;
    std::optional<sigv4::ChunkDecoder> decoder_;
    std::optional<sigv4::ChunkEncoder> encoder_;
    sigv4::HoldBack hold_{kHoldBack};
    std::optional<sigv4::BodyCheck> check_;
    std::uint64_t index_ = 0;  ///< of the next BODY
    std::uint64_t bytes_ = 0;
    codec::Map integrity_;
    std::optional<Rejection> refused_;
    bool failed_early_ = false;
};

}  // namespace narrows::aws
