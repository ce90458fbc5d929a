#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "codec/value.h"
#include "net/conversation.h"
#include "net/workers.h"
#include "protocols/aws/signer/messages.h"

namespace narrows::signer {

/// The signer's side of its links to the gateway. Whatever comes over a link may be the word of a
/// gateway that was taken over: it gets a signature for a genuine receipt of the lease's part and
/// for exactly the request that the receipt names, once, or one ahead that only this receipt opens;
/// secrets of credentials that the gateway
/// hands out itself; and never a key. What it sends that is malformed is answered with an error.
/// Nothing is asked of AWS and no credential used before the recorder has proven, by a receipt,
/// that this is on record. Thread-safe; lives as long as the loops run.
class Server {
  public:
    /// A receipt for a record comes within this time, or the record counts as not made.
    static constexpr net::Millis kRecordMax{10'000};
    static constexpr std::size_t kUploadsMax = 65'536;
    static constexpr std::size_t kPreparingMax = 1024;  ///< at once

    struct Keys {
        Secret receipt_key;
        identity::GroupKey group_key;
    };
    /// The references must outlive the server.
    Server(Keys keys, upstream::CredentialSource& source, upstream::HttpFetch& fetch,
           const Clock& clock, net::Workers& workers);

    void serve(net::Loop& loop, process::Descriptor link);
    /// Obtains new credentials where those in use are about to expire. Every second.
    net::Task<void> renew_due();

  private:
    struct Link {
        net::Loop& loop;
        std::shared_ptr<net::Conversation> talk;
    };
    struct Upload {
        model::SessionId session;
        std::unique_ptr<sigv4::ChunkSigner> chunks;
        std::unique_ptr<sigv4::EventSigner> events;
    };
    using Number = net::Conversation::Number;

    void take(net::Loop& loop, net::Conversation& by, Number number, ByteView text);
    template <class M, class Work>
    void reply(net::Conversation& by, Number number, ByteView text, Work work);
    template <class Done, class Work>
    void on_worker(net::Loop& loop, net::Conversation& by, Number number, Work work);
    void prepare(net::Loop& loop, net::Conversation& by, Number number, ByteView text);
    void adopt(net::Loop& loop, net::Conversation& by, Number number, ByteView text);
    Result<identity::Credentials> adopt(const Adopt& asked);
    Result<Nothing> close_session(const CloseSession& asked);
    Result<Signature> sign(const Sign& asked);
    Result<LockedSignature> sign_ahead(const SignAhead& asked);
    Result<std::uint64_t> keep_upload(Upload upload);
    Result<Signatures> sign_chunks(const SignChunks& asked);
    Result<Signatures> sign_event(const SignEvent& asked);
    Result<Nothing> end_upload(const EndUpload& asked);
    Result<Minted> mint(const Mint& asked);
    Result<Opened> open_token(const OpenToken& asked);
    Result<Sealed> seal(const Seal& asked);

    Result<void> record_credential(const upstream::CredentialEvent& event);
    Result<void> record_attempt(const upstream::Lease& lease, const upstream::LeaseTerms& terms,
                                const Error* failure);
    Result<void> prove(const upstream::Lease& lease, model::PartNo part, model::RecordKind kind,
                       codec::Map fields);
    Result<Bytes> ask_to_record(const Record& record);

    const Secret receipt_key_;
    const identity::GroupKey group_key_;
    const Clock& clock_;
    net::Workers& workers_;
    upstream::Signer signer_;
    std::atomic<std::size_t> preparing_ = 0;
    std::mutex mutex_;  ///< of what follows
    std::vector<Link> links_;
    std::unordered_map<std::uint64_t, Upload> uploads_;
};

}  // namespace narrows::signer
