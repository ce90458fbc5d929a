#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "archive/store.h"
#include "base/clock.h"
#include "gateway/config/config.h"
#include "gateway/own_loop_fetch.h"
#include "protocols/aws/sigv4/signature.h"
#include "protocols/aws/upstream/credential_chain.h"

namespace narrows::gateway {

/// One question to S3.
struct S3Ask {
    std::string method;
    std::string key;  ///< below the place's prefix; empty: the bucket
    std::vector<codec::Pair> query;
    http::Headers headers;
    Bytes body;
    std::size_t answer_max = 64 * 1024;
    std::int64_t timeout_ms = 30'000;  ///< for connecting, each piece of a body, and answering
};

struct S3Answer {
    int status = 0;
    http::Headers headers;
    Bytes body;
    std::string code;  ///< S3's own word for what is wrong ("AccessDenied"); empty if it is none
};

/// One bucket, or a folder in it, of S3 or of something that speaks as S3 does. Signs with the
/// credentials of the place's own file, or of the host (not those of the environment: the signer
/// alone has them). Thread-safe; blocks, as long as the ask's timeouts let it. GET and HEAD are
/// asked again as often as the Fetches say, after longer and longer waits (in all some ten
/// seconds), where S3 cannot answer for now or the connection breaks; nothing else is.
class S3Client {
  public:
    /// `clock` must outlive it.
    static Result<std::unique_ptr<S3Client>> make(const S3Place& place, const Clock& clock,
                                                  Fetches& fetches);

    /// Any complete answer is a value, if it is the last try's.
    Result<S3Answer> ask(const S3Ask& ask);
    /// The same with `content`, whose hash `sha256` is, in place of the ask's body; a piece of it
    /// at a time is in memory.
    Result<S3Answer> send(const S3Ask& ask, const archive::Content& content,
                          const crypto::Digest& sha256);
    /// The key in the bucket.
    std::string full_key(std::string_view key) const;
    /// "s3://bucket/prefix"
    const std::string& name() const { return name_; }
    /// What an answer that is none of those wanted means, with what to do about it.
    Error odd(const S3Answer& answer, std::string_view doing, std::string_view key) const;

  private:
    S3Client(const S3Place& place, const Clock& clock, int tries)
        : place_(place), clock_(clock), tries_(tries) {}
    Result<void> find_endpoint();
    std::string target_of(const S3Ask& ask) const;
    Result<upstream::FetchRequest> signed_request(const S3Ask& ask, const crypto::Digest& sha256);
    static S3Answer answer_of(const S3Ask& ask, const upstream::FetchResponse& response);

    const S3Place place_;
    const Clock& clock_;
    const int tries_;
    std::atomic<bool> is_down_ = false;  ///< the last question was asked in vain
    std::string name_;
    upstream::Target target_;
    bool path_style_ = false;
    std::shared_ptr<OwnLoopFetch> http_;
    std::shared_ptr<upstream::HttpFetch> credentials_http_;
    std::unique_ptr<upstream::Host> host_;
    std::unique_ptr<upstream::CredentialChain> credentials_;
    sigv4::KeyCache keys_;
};

}  // namespace narrows::gateway
