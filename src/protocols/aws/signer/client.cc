#include "protocols/aws/signer/client.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "protocols/aws/signer/locked_signature.h"

namespace narrows::signer {
namespace {

constexpr net::Millis kPatience{10'000};
/// Credentials come after records, metadata services and STS.
constexpr net::Millis kPreparePatience{120'000};

auto no_signer() {
    return fail(ErrorCode::unavailable,
                "the signer, which holds all keys, is being restarted; try again in a moment");
}

crypto::Digest name_of(identity::TokenUse use, std::string_view token, std::string_view key_id) {
    crypto::Hasher hasher;
    const auto number = static_cast<std::uint8_t>(use);
    hasher.update(ByteView(&number, 1));
    hasher.update(as_bytes(key_id));
    hasher.update(as_bytes("\n"));
    hasher.update(as_bytes(token));
    return hasher.finish256();
}

}  // namespace

Client::Client(net::Loops& loops, OnRecord on_record)
    : loops_(loops), on_record_(std::move(on_record)) {
    for (std::size_t i = 0; i < loops.size(); ++i) {
        slots_.push_back(std::make_unique<Slot>(loops.at(i)));
    }
}

void Client::connect(std::vector<process::Descriptor> links) {
    NARROWS_CHECK(links.size() >= slots_.size(), "there is a link for each loop");
    std::uint64_t generation = 0;
    {
        const std::lock_guard lock(mutex_);
        generation = ++generation_;
    }
    Talks talks;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
        net::Loop& loop = slots_[i]->loop;
        talks.push_back(net::Conversation::begin(
            loop, std::move(links[i]),
            [this, &loop](net::Conversation& by, net::Conversation::Number number, ByteView text) {
                take(loop, by, number, text);
            },
            [](const Error& why) { log::warn("the link to the signer ended: {}", why.what); }));
    }
    slots_.front()->loop.spawn([this, talks, generation]() { return reopen(talks, generation); });
}

/// All leases first; then the new signer is asked what else there is to ask.
net::Task<void> Client::reopen(Talks talks, std::uint64_t generation) {
    std::map<upstream::Lease, upstream::LeaseTerms> leases;
    {
        const std::lock_guard lock(mutex_);
        leases = leases_;
    }
    for (auto& [lease, terms] : leases) {
        Bytes question = encode_question(OpenLease{lease, terms});
        const Result<Bytes> answer = co_await talks.front()->ask(std::move(question), kPatience);
        if (!answer.has_value()) {
            log::error("a session's lease could not be opened again: {}", answer.error().what);
            co_return;
        }
    }
    {
        const std::lock_guard lock(mutex_);
        if (generation != generation_) {
            co_return;
        }
    }
    for (std::size_t i = 1; i < slots_.size(); ++i) {
        Slot* slot = slots_[i].get();
        slot->loop.post([slot, talk = talks[i]] { slot->talk = talk; });
    }
    slots_.front()->talk = talks.front();
    for (Bytes& question : std::exchange(untold_, {})) {
        tell_later(std::move(question), true);
    }
}

/// What the signer asks: to record.
void Client::take(net::Loop& loop, net::Conversation& by, net::Conversation::Number number,
                  ByteView text) {
    Result<Record> asked = decode_question<Record>(text);
    if (!asked.has_value()) {
        return by.answer(number, encode_answer<Nothing>(fail(asked.error())));
    }
    auto record = std::make_shared<Record>(std::move(asked.value()));
    loop.spawn([this, talk = by.shared_from_this(), number, record]() -> net::Task<void> {
        const Result<recording::RecordReceipt> proven = co_await on_record_(std::move(*record));
        talk->answer(number, encode_answer(proven));
    });
}

net::Task<std::shared_ptr<net::Conversation>> Client::talk_here() {
    const auto executor = co_await net::this_executor();
    for (const std::unique_ptr<Slot>& slot : slots_) {
        if (slot->loop.executor() == executor) {
            co_return slot->talk;
        }
    }
    NARROWS_CHECK(false, "the signer is asked from a loop");
    co_return nullptr;
}

net::Task<Result<Bytes>> Client::ask(Bytes question, net::Millis patience) {
    const std::shared_ptr<net::Conversation> talk = co_await talk_here();
    if (!talk || talk->ended()) {
        co_return no_signer();
    }
    co_return co_await talk->ask(std::move(question), patience);
}

template <class M>
net::Task<Result<M>> Client::ask_for(Bytes question, net::Millis patience) {
    const Result<Bytes> answer = co_await ask(std::move(question), patience);
    if (!answer.has_value()) {
        co_return fail(answer.error());
    }
    co_return decode_answer<M>(answer.value());
}

net::Task<Result<void>> Client::open(upstream::Lease lease, upstream::LeaseTerms terms) {
    {
        const std::lock_guard lock(mutex_);
        leases_.insert_or_assign(lease, terms);
    }
    Bytes question = encode_question(OpenLease{lease, std::move(terms)});
    const Result<Nothing> opened = co_await ask_for<Nothing>(std::move(question), kPatience);
    if (!opened.has_value()) {
        const std::lock_guard lock(mutex_);
        leases_.erase(lease);
        co_return fail(opened.error());
    }
    co_return ok();
}

/// Without waiting. What is told if there is no signer now, may be kept for the next one.
void Client::tell_later(Bytes question, bool keep) {
    auto text = std::make_shared<Bytes>(std::move(question));
    slots_.front()->loop.spawn([this, text, keep]() -> net::Task<void> {
        const std::shared_ptr<net::Conversation> talk = slots_.front()->talk;
        if (!talk || talk->ended()) {
            if (keep) {
                untold_.push_back(std::move(*text));
            }
            co_return;
        }
        const Result<Bytes> told = co_await talk->ask(std::move(*text), kPatience);
        if (!told.has_value()) {
            log::warn("the signer was not told that something is over: {}", told.error().what);
        }
    });
}

void Client::close_session(const model::SessionId& session) {
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(leases_, [&](const auto& each) { return each.first.session == session; });
        std::erase_if(opened_,
                      [&](const auto& each) { return each.second->claims.session == session; });
    }
    tell_later(encode_question(CloseSession{session}), true);
}

net::Task<Result<void>> Client::prepare(upstream::Lease lease) {
    Bytes question = encode_question(Prepare{std::move(lease)});
    const Result<Nothing> prepared =
        co_await ask_for<Nothing>(std::move(question), kPreparePatience);
    if (!prepared.has_value()) {
        co_return fail(prepared.error());
    }
    co_return ok();
}

net::Task<Result<Signature>> Client::sign(const upstream::Lease& lease,
                                          const recording::Receipt& receipt,
                                          const upstream::UnsignedRequest& request) {
    Writer writer;  // a Sign, without copying the request into one
    writer(Sign::kNumber, lease, receipt, request);
    Bytes question = writer.take();
    co_return co_await ask_for<Signature>(std::move(question), kPatience);
}

std::unique_ptr<Ahead> Client::sign_ahead(const net::Loop& loop, const upstream::Lease& lease,
                                          model::PartNo part, model::Sequence sequence,
                                          const upstream::UnsignedRequest& request) {
    const auto here = std::find_if(slots_.begin(), slots_.end(),
                                   [&](const auto& slot) { return &slot->loop == &loop; });
    NARROWS_CHECK(here != slots_.end(), "the signer is asked from a loop");
    const std::shared_ptr<net::Conversation>& talk = (*here)->talk;
    if (!talk || talk->ended()) {
        return nullptr;
    }
    Writer writer;
    writer(SignAhead::kNumber, lease, part, sequence, request);
    return std::make_unique<Ahead>(talk->begin_to_ask(writer.take(), kPatience));
}

net::Task<Result<Signature>> Ahead::unlock(crypto::Digest receipt_mac) const {
    const Result<Bytes> answer = co_await asked_->answer();
    if (!answer.has_value()) {
        co_return fail(answer.error());
    }
    const Result<LockedSignature> locked = decode_answer<LockedSignature>(answer.value());
    if (!locked.has_value()) {
        co_return fail(locked.error());
    }
    co_return signer::unlock(locked.value(), receipt_mac);
}

net::Task<Result<std::vector<std::string>>> Client::sign_chunks(std::uint64_t upload,
                                                                std::vector<Chunk> chunks) {
    const std::size_t count = chunks.size();
    Bytes question = encode_question(SignChunks{upload, std::move(chunks)});
    Result<Signatures> answer = co_await ask_for<Signatures>(std::move(question), kPatience);
    if (!answer.has_value()) {
        co_return fail(answer.error());
    }
    if (answer.value().list.size() != count) {
        co_return fail(ErrorCode::invalid, "the signer signed more or fewer chunks than asked");
    }
    co_return std::move(answer.value().list);
}

net::Task<Result<std::string>> Client::sign_event(std::uint64_t upload, std::int64_t time_ms,
                                                  crypto::Digest sha256) {
    Bytes question = encode_question(SignEvent{upload, time_ms, sha256});
    Result<Signatures> answer = co_await ask_for<Signatures>(std::move(question), kPatience);
    if (!answer.has_value()) {
        co_return fail(answer.error());
    }
    if (answer.value().list.size() != 1 || !codec::unhex(answer.value().list.front())) {
        co_return fail(ErrorCode::invalid, "the signer did not sign the event");
    }
    co_return std::move(answer.value().list.front());
}

void Client::end_upload(std::uint64_t upload) {
    tell_later(encode_question(EndUpload{upload}), false);
}

net::Task<Result<Minted>> Client::mint(std::vector<identity::TokenClaims> claims,
                                       bool with_tokens) {
    Bytes question = encode_question(Mint{std::move(claims), with_tokens});
    co_return co_await ask_for<Minted>(std::move(question), kPatience);
}

net::Task<Result<Sealed>> Client::seal(identity::TokenUse use, identity::TokenClaims claims) {
    Bytes question = encode_question(Seal{use, std::move(claims)});
    co_return co_await ask_for<Sealed>(std::move(question), kPatience);
}

net::Task<Result<identity::Credentials>> Client::adopt(identity::TokenClaims claims,
                                                       upstream::Given given) {
    Bytes question = encode_question(Adopt{std::move(claims), std::move(given)});
    co_return co_await ask_for<identity::Credentials>(std::move(question), kPreparePatience);
}

net::Task<Result<std::shared_ptr<const Opened>>> Client::open_token(identity::TokenUse use,
                                                                    std::string_view token,
                                                                    std::string_view key_id) {
    if (token.size() > identity::kSealedTokenMax) {
        co_return fail(ErrorCode::unauthenticated, "the token is longer than any that is sealed");
    }
    const crypto::Digest name = name_of(use, token, key_id);
    {
        const std::lock_guard lock(mutex_);
        const auto found = opened_.find(name);
        if (found != opened_.end()) {
            co_return found->second;
        }
    }
    Bytes question = encode_question(OpenToken{use, std::string(token), std::string(key_id)});
    Result<Opened> answer = co_await ask_for<Opened>(std::move(question), kPatience);
    if (!answer.has_value()) {
        co_return fail(answer.error());
    }
    auto opened = std::make_shared<const Opened>(std::move(answer.value()));
    remember(name, opened);
    co_return opened;
}

void Client::remember(const crypto::Digest& name, std::shared_ptr<const Opened> opened) {
    const std::lock_guard lock(mutex_);
    if (opened_.size() >= kOpenedMax) {
        opened_.clear();
    }
    opened_.insert_or_assign(name, std::move(opened));
}

}  // namespace narrows::signer
