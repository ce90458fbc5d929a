#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/conversation.h"
#include "protocols/aws/signer/messages.h"

namespace narrows::signer {

/// A signature that was asked for before there was a receipt for it. Stays on the loop it was asked
/// on; may be dropped at any time.
class Ahead {
  public:
    explicit Ahead(std::shared_ptr<net::Conversation::Asked> asked) : asked_(std::move(asked)) {}
    /// Once. An error says nothing of what the signer answers to the receipt itself: ask it.
    net::Task<Result<Signature>> unlock(crypto::Digest receipt_mac) const;

  private:
    const std::shared_ptr<net::Conversation::Asked> asked_;
};

/// The gateway's side of its links to the signer: one a loop, so that a question costs a round trip
/// and no change of threads. Coroutines run on any of the loops. While there is no signer (it died
/// and another one starts) every question fails with ErrorCode::unavailable; the next signer is
/// given all leases before it is asked anything else. Thread-safe.
class Client {
  public:
    /// Makes a record of the signer's durable and proves it. Called on a loop.
    using OnRecord = std::function<net::Task<Result<recording::RecordReceipt>>(Record)>;

    /// The loops must outlive the client.
    Client(net::Loops& loops, OnRecord on_record);

    /// Links to a new signer, one a loop; those before are no more. From any thread.
    void connect(std::vector<process::Descriptor> links);

    /// As upstream::Signer's functions of these names, and `unavailable`.
    net::Task<Result<void>> open(upstream::Lease lease, upstream::LeaseTerms terms);
    void close_session(const model::SessionId& session);
    net::Task<Result<void>> prepare(upstream::Lease lease);
    net::Task<Result<Signature>> sign(const upstream::Lease& lease,
                                      const recording::Receipt& receipt,
                                      const upstream::UnsignedRequest& request);
    /// Without waiting; on the loop. nullptr: there is no signer.
    std::unique_ptr<Ahead> sign_ahead(const net::Loop& loop, const upstream::Lease& lease,
                                      model::PartNo part, model::Sequence sequence,
                                      const upstream::UnsignedRequest& request);
    /// The next signatures of an upload that `sign` began.
    net::Task<Result<std::vector<std::string>>> sign_chunks(std::uint64_t upload,
                                                            std::vector<Chunk> chunks);
    /// The next signature of a stream of events that `sign` began.
    net::Task<Result<std::string>> sign_event(std::uint64_t upload, std::int64_t time_ms,
                                              crypto::Digest sha256);
    void end_upload(std::uint64_t upload);

    net::Task<Result<Minted>> mint(std::vector<identity::TokenClaims> claims, bool with_tokens);
    net::Task<Result<Sealed>> seal(identity::TokenUse use, identity::TokenClaims claims);
    /// As upstream::Signer's adopt; minted credentials for the agent, whose claims name the derived
    /// lease. The next signer does not know them.
    net::Task<Result<identity::Credentials>> adopt(identity::TokenClaims claims,
                                                   upstream::Given given);
    /// Answers from memory what was opened before, at most kOpenedMax tokens.
    net::Task<Result<std::shared_ptr<const Opened>>> open_token(identity::TokenUse use,
                                                                std::string_view token,
                                                                std::string_view key_id);
    static constexpr std::size_t kOpenedMax = 4096;

  private:
    struct Slot {
        explicit Slot(net::Loop& on) : loop(on) {}
        net::Loop& loop;
        std::shared_ptr<net::Conversation> talk;  ///< null: no signer. Touched on the loop only
    };
    using Talks = std::vector<std::shared_ptr<net::Conversation>>;

    net::Task<std::shared_ptr<net::Conversation>> talk_here();
    net::Task<Result<Bytes>> ask(Bytes question, net::Millis patience);
    template <class M>
    net::Task<Result<M>> ask_for(Bytes question, net::Millis patience);
    void take(net::Loop& loop, net::Conversation& by, net::Conversation::Number number,
              ByteView text);
    net::Task<void> reopen(Talks talks, std::uint64_t generation);
    void tell_later(Bytes question, bool keep);
    void remember(const crypto::Digest& name, std::shared_ptr<const Opened> opened);

    net::Loops& loops_;
    const OnRecord on_record_;
    std::vector<std::unique_ptr<Slot>> slots_;
    std::vector<Bytes> untold_;  ///< sessions that ended meanwhile, which the next signer may have
                                 ///< been given; first loop only
    std::mutex mutex_;           ///< of what follows
    std::uint64_t generation_ = 0;
    std::map<upstream::Lease, upstream::LeaseTerms> leases_;
    std::map<crypto::Digest, std::shared_ptr<const Opened>> opened_;
};

}  // namespace narrows::signer
