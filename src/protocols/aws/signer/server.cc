#include "protocols/aws/signer/server.h"

#include <future>

#include "base/log.h"
#include "codec/cbor.h"
#include "codec/text.h"
#include "protocols/aws/signer/locked_signature.h"

namespace narrows::signer {
namespace {

Result<Nothing> nothing(const Result<void>& done) {
    return done.has_value() ? Result<Nothing>(Nothing{}) : Result<Nothing>(fail(done.error()));
}

std::uint64_t new_upload_number() {
    std::uint64_t number = 0;
    while (number == 0) {
        number = load_le<std::uint64_t>(crypto::random_bytes(sizeof(number)).data());
    }
    return number;
}

recording::Challenge new_challenge() {
    recording::Challenge challenge{};
    const Bytes random = crypto::random_bytes(challenge.size());
    std::copy(random.begin(), random.end(), challenge.begin());
    return challenge;
}

auto malformed(std::uint8_t number) {
    return fail(ErrorCode::invalid,
                "the signer does not understand message " + std::to_string(number));
}

}  // namespace

Server::Server(Keys keys, upstream::CredentialSource& source, upstream::HttpFetch& fetch,
               const Clock& clock, net::Workers& workers)
    : receipt_key_(std::move(keys.receipt_key)),
      group_key_(std::move(keys.group_key)),
      clock_(clock),
      workers_(workers),
      signer_(
          receipt_key_.copy(), source, fetch, clock,
          [this](const upstream::CredentialEvent& event) { return record_credential(event); },
          [this](const upstream::Lease& lease, const upstream::LeaseTerms& terms,
                 const Error* failure) { return record_attempt(lease, terms, failure); }) {}

void Server::serve(net::Loop& loop, process::Descriptor link) {
    auto talk = net::Conversation::begin(
        loop, std::move(link),
        [this, &loop](net::Conversation& by, Number number, ByteView text) {
            take(loop, by, number, text);
        },
        [](const Error& why) {
            if (why.code != ErrorCode::unavailable) {
                log::warn("a link to the gateway was closed: {}", why.what);
            }
        });
    const std::lock_guard lock(mutex_);
    links_.push_back({loop, std::move(talk)});
}

template <class M, class Work>
void Server::reply(net::Conversation& by, Number number, ByteView text, Work work) {
    const Result<M> asked = decode_question<M>(text);
    if (asked.has_value()) {
        by.answer(number, encode_answer(work(asked.value())));
    } else {
        by.answer(number, encode_answer<Nothing>(fail(asked.error())));
    }
}

void Server::take(net::Loop& loop, net::Conversation& by, Number number, ByteView text) {
    const std::uint8_t what = text.empty() ? 0 : text[0];
    switch (what) {
        case OpenLease::kNumber:
            return reply<OpenLease>(by, number, text, [this](const OpenLease& asked) {
                return nothing(signer_.open(asked.lease, asked.terms));
            });
        case CloseSession::kNumber:
            return reply<CloseSession>(by, number, text,
                                       [this](const auto& asked) { return close_session(asked); });
        case Prepare::kNumber:
            return prepare(loop, by, number, text);
        case Sign::kNumber:
            return reply<Sign>(by, number, text, [this](const auto& asked) { return sign(asked); });
        case SignAhead::kNumber:
            return reply<SignAhead>(by, number, text,
                                    [this](const auto& asked) { return sign_ahead(asked); });
        case SignChunks::kNumber:
            return reply<SignChunks>(by, number, text,
                                     [this](const auto& asked) { return sign_chunks(asked); });
        case SignEvent::kNumber:
            return reply<SignEvent>(by, number, text,
                                    [this](const auto& asked) { return sign_event(asked); });
        case EndUpload::kNumber:
            return reply<EndUpload>(by, number, text,
                                    [this](const auto& asked) { return end_upload(asked); });
        case Mint::kNumber:
            return reply<Mint>(by, number, text, [this](const auto& asked) { return mint(asked); });
        case Adopt::kNumber:
            return adopt(loop, by, number, text);
        case OpenToken::kNumber:
            return reply<OpenToken>(by, number, text,
                                    [this](const auto& asked) { return open_token(asked); });
        case Seal::kNumber:
            return reply<Seal>(by, number, text, [this](const auto& asked) { return seal(asked); });
        default:
            by.answer(number, encode_answer<Nothing>(malformed(what)));
    }
}

/// What blocks for as long as AWS or the recorder takes.
template <class Done, class Work>
void Server::on_worker(net::Loop& loop, net::Conversation& by, Number number, Work work) {
    if (preparing_ >= kPreparingMax) {
        return by.answer(
            number, encode_answer<Nothing>(
                        fail(ErrorCode::exhausted,
                             "credentials are asked for more often than the signer can; wait")));
    }
    ++preparing_;
    loop.spawn([this, talk = by.shared_from_this(), number,
                work = std::function<Result<Done>()>(std::move(work))]() -> net::Task<void> {
        const Result<Done> done = co_await workers_.run(work);
        --preparing_;
        talk->answer(number, encode_answer(done));
    });
}

void Server::prepare(net::Loop& loop, net::Conversation& by, Number number, ByteView text) {
    const Result<Prepare> asked = decode_question<Prepare>(text);
    if (!asked.has_value()) {
        return by.answer(number, encode_answer<Nothing>(fail(asked.error())));
    }
    on_worker<Nothing>(loop, by, number, [this, lease = asked.value().lease] {
        return nothing(signer_.prepare(lease));
    });
}

void Server::adopt(net::Loop& loop, net::Conversation& by, Number number, ByteView text) {
    Result<Adopt> asked = decode_question<Adopt>(text);
    if (!asked.has_value()) {
        return by.answer(number, encode_answer<Nothing>(fail(asked.error())));
    }
    // Shared: what runs on a worker must be copyable, and secrets are not.
    const auto held = std::make_shared<const Adopt>(std::move(asked.value()));
    on_worker<identity::Credentials>(loop, by, number, [this, held] { return adopt(*held); });
}

/// A gateway that was taken over gains nothing by bringing credentials: it has them already.
Result<identity::Credentials> Server::adopt(const Adopt& asked) {
    const upstream::Lease parent{asked.claims.session, asked.claims.connection};
    identity::TokenClaims claims = asked.claims;
    claims.key_id = identity::new_access_key_id();
    claims.connection = upstream::derived_lease(parent, claims.key_id).connection;
    claims.expires = asked.given.expires_at;
    NARROWS_TRY(identity::Credentials minted, identity::mint_again(group_key_, claims));
    upstream::Given given{asked.given.credentials.copy(), asked.given.expires_at,
                          asked.given.role_arn, asked.given.source, asked.given.op};
    NARROWS_TRY(signer_.adopt(parent, claims.key_id, std::move(given)));
    return minted;
}

net::Task<void> Server::renew_due() {
    for (const upstream::Lease& lease : signer_.due(clock_.wall())) {
        std::function<Result<void>()> renew = [this, lease] { return signer_.renew(lease); };
        const Result<void> renewed = co_await workers_.run(renew);
        if (!renewed.has_value()) {
            log::warn("credentials of connection {} could not be renewed: {}", lease.connection,
                      renewed.error().what);
        }
    }
}

Result<Nothing> Server::close_session(const CloseSession& asked) {
    signer_.close_session(asked.session);
    const std::lock_guard lock(mutex_);
    std::erase_if(uploads_, [&](const auto& each) { return each.second.session == asked.session; });
    return Nothing{};
}

Result<Signature> Server::sign(const Sign& asked) {
    NARROWS_TRY(upstream::SignedRequest made,
                signer_.sign(asked.lease, asked.receipt, asked.request));
    Signature out{std::move(made.headers), std::move(made.access_key_id), made.signed_sha256,
                  std::move(made.carried_url), 0};
    if (made.chunks || made.events) {
        NARROWS_TRY(out.upload, keep_upload({asked.lease.session, std::move(made.chunks),
                                             std::move(made.events)}));
    }
    return out;
}

Result<LockedSignature> Server::sign_ahead(const SignAhead& asked) {
    NARROWS_TRY(upstream::SignedAhead made,
                signer_.sign_ahead(asked.lease, asked.part, asked.sequence, asked.request));
    return lock({std::move(made.request.headers), std::move(made.request.access_key_id),
                 made.request.signed_sha256, std::move(made.request.carried_url), 0},
                made.mac);
}

Result<std::uint64_t> Server::keep_upload(Upload upload) {
    const std::lock_guard lock(mutex_);
    if (uploads_.size() >= kUploadsMax) {
        return fail(ErrorCode::exhausted, "too many uploads are under way; try again later");
    }
    const std::uint64_t number = new_upload_number();
    uploads_.insert_or_assign(number, std::move(upload));
    return number;
}

Result<Signatures> Server::sign_chunks(const SignChunks& asked) {
    const std::lock_guard lock(mutex_);
    const auto found = uploads_.find(asked.upload);
    if (found == uploads_.end() || !found->second.chunks) {
        return fail(ErrorCode::not_found, "the signer knows no such upload, or it is over");
    }
    Signatures out;
    for (const Chunk& chunk : asked.chunks) {
        sigv4::ChunkSigner& signer = *found->second.chunks;
        out.list.push_back(chunk.is_trailer ? signer.sign_trailer(chunk.sha256)
                                            : signer.sign_chunk(chunk.sha256));
    }
    return out;
}

Result<Signatures> Server::sign_event(const SignEvent& asked) {
    const std::lock_guard lock(mutex_);
    const auto found = uploads_.find(asked.upload);
    if (found == uploads_.end() || !found->second.events || asked.time_ms < 0 ||
        asked.time_ms > sigv4::kEventTimeMsMax) {
        return fail(ErrorCode::not_found, "the signer knows no such stream, or it is over");
    }
    return Signatures{{found->second.events->sign(asked.time_ms, asked.sha256)}};
}

Result<Nothing> Server::end_upload(const EndUpload& asked) {
    const std::lock_guard lock(mutex_);
    uploads_.erase(asked.upload);
    return Nothing{};
}

Result<Minted> Server::mint(const Mint& asked) {
    if (asked.claims.empty()) {
        return fail(ErrorCode::invalid, "credentials of no connection were asked for");
    }
    Minted out;
    for (const identity::TokenClaims& claims : asked.claims) {
        NARROWS_TRY(identity::Credentials made, identity::mint_again(group_key_, claims));
        out.credentials.push_back(std::move(made));
    }
    if (asked.with_tokens) {
        const identity::TokenClaims& first = asked.claims.front();
        NARROWS_TRY(out.delivery_token,
                    identity::seal_token(group_key_, identity::TokenUse::delivery, first));
        NARROWS_TRY(out.proxy_token,
                    identity::seal_token(group_key_, identity::TokenUse::proxy, first));
    }
    return out;
}

Result<Opened> Server::open_token(const OpenToken& asked) {
    Opened out;
    if (asked.use != identity::TokenUse::aws && asked.use != identity::TokenUse::once) {
        NARROWS_TRY(out.claims, identity::open_token(group_key_, asked.use, asked.token));
        return out;
    }
    NARROWS_TRY(out.claims, identity::open_token(group_key_, asked.token, asked.key_id, asked.use));
    out.secret = identity::secret_access_key(group_key_, out.claims.key_id);
    return out;
}

Result<Sealed> Server::seal(const Seal& asked) {
    Sealed out;
    NARROWS_TRY(out.token, identity::seal_token(group_key_, asked.use, asked.claims));
    if (asked.use == identity::TokenUse::once) {
        out.secret = identity::secret_access_key(group_key_, asked.claims.key_id);
    }
    return out;
}

/// CREDENTIAL, before the credential signs anything. On a worker.
Result<void> Server::record_credential(const upstream::CredentialEvent& event) {
    codec::Map fields;
    fields.emplace("connection", event.lease.connection);
    fields.emplace("role_arn", event.role_arn);
    fields.emplace("role_session_name", event.role_session_name);
    fields.emplace("key_id", event.access_key_id);
    fields.emplace("policy_sha256", codec::hex(event.policy_sha256));
    fields.emplace("request_id", event.request_id);
    fields.emplace("source", event.source);
    fields.emplace("expires_at", event.expires_at);
    if (!event.minted_key_id.empty()) {
        fields.emplace("minted_key_id", event.minted_key_id);
        fields.emplace("answer_to", event.answer_to.value());
    }
    return prove(event.lease, event.part, model::RecordKind::credential, std::move(fields));
}

/// That credentials are asked for, before they are; or that there are none. On a worker.
Result<void> Server::record_attempt(const upstream::Lease& lease, const upstream::LeaseTerms& terms,
                                    const Error* failure) {
    codec::Map fields;
    fields.emplace("what", failure == nullptr ? "asking for credentials" : "no credentials");
    fields.emplace("connection", lease.connection);
    fields.emplace("role_arn", terms.role_arn);
    if (failure != nullptr) {
        fields.emplace("why", failure->what);
    }
    return prove(lease, terms.part, model::RecordKind::notice, std::move(fields));
}

/// The gateway's word that it is recorded counts for nothing: the recorder's receipt does.
Result<void> Server::prove(const upstream::Lease& lease, model::PartNo part, model::RecordKind kind,
                           codec::Map fields) {
    codec::Map payload;
    payload.emplace("observed", std::move(fields));
    const Record record{lease, kind, codec::cbor_encode(codec::Value(std::move(payload))),
                        new_challenge()};
    NARROWS_TRY(const Bytes answer, ask_to_record(record));
    NARROWS_TRY(const recording::RecordReceipt receipt,
                decode_answer<recording::RecordReceipt>(answer));
    const bool proves = recording::is_genuine(receipt_key_.view(), receipt) &&
                        receipt.part == part && receipt.kind == kind &&
                        receipt.payload_sha256 == crypto::sha256(record.payload) &&
                        receipt.challenge == record.challenge;
    return proves ? Result<void>(ok())
                  : fail(ErrorCode::denied,
                         "the signer has no proof that its credentials are on record, so it asks "
                         "for none");
}

Result<Bytes> Server::ask_to_record(const Record& record) {
    auto done = std::make_shared<std::promise<Result<Bytes>>>();
    {
        const std::lock_guard lock(mutex_);
        if (links_.empty()) {
            return fail(ErrorCode::unavailable, "no gateway is there to record");
        }
        links_.front().loop.spawn([talk = links_.front().talk, done,
                                   question = encode_question(record)]() -> net::Task<void> {
            Result<Bytes> answer = co_await talk->ask(question, kRecordMax);
            done->set_value(std::move(answer));
        });
    }
    return done->get_future().get();
}

}  // namespace narrows::signer
