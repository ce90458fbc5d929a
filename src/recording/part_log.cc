#include "recording/part_log.h"

#include <algorithm>
#include <future>
#include <optional>

#include "base/check.h"
#include "codec/cbor.h"
#include "evidence/payload.h"
#include "recording/await_journal.h"

namespace narrows::recording {

using journal::Appended;
using journal::Lane;
using journal::Subject;
using journal::Use;

namespace {

constexpr const char* kClosed = "the part is closed: nothing may follow its CLOSE";
constexpr net::Millis kRoomLook{5};
constexpr int kRoomLooks = 400;  // two seconds

Bytes body_payload(Sequence op, Direction direction, std::uint64_t index, ByteView bytes) {
    codec::Map fields;
    fields.emplace("op", op.value());
    fields.emplace("dir", direction == Direction::request ? "request" : "response");
    fields.emplace("index", index);
    return codec::cbor_encode(fields, "bytes", bytes);
}

/// What readers without a key see of a record that names its operation in its payload.
Subject subject_of(RecordKind kind, const codec::Value& payload) {
    const codec::Value* fields = payload.find("observed");
    const bool names_one = evidence::has_operation(kind) && fields != nullptr;
    const auto op = static_cast<std::uint64_t>(names_one ? fields->number("op") : 0);
    return {kind, Sequence(op)};
}

/// Where the last of a stretch's BODY records begins.
std::size_t last_part(ByteView bytes) {
    return bytes.empty() ? 0 : (bytes.size() - 1) / kBodyPart * kBodyPart;
}

/// The journal's word, for a thread. Owns itself until it is told.
class Told final : public journal::Waiter {
  public:
    std::future<Result<void>> told() { return promise_.get_future(); }
    void done(const Result<void>& outcome) noexcept override {
        const std::unique_ptr<Told> self(this);
        promise_.set_value(outcome);
    }

  private:
    std::promise<Result<void>> promise_;
};

/// A coroutine that waits for nothing would wait for ever: the *_unawaited functions do not wait.
void check_told(Await await) {
    NARROWS_CHECK(await != Await::none, "an append that is waited for must wait for something");
}

}  // namespace

codec::Value observed(codec::Map fields) {
    codec::Map payload;
    payload.emplace("observed", std::move(fields));
    return payload;
}

PartLog::PartLog(journal::Journal& journal, std::shared_ptr<journal::Part> part)
    : journal_(journal), part_(std::move(part)) {}

void PartLog::counted(RecordKind kind, std::size_t size) {
    counts_.at(static_cast<std::size_t>(kind)).fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(size, std::memory_order_relaxed);
}

Result<Appended> PartLog::append(Lane lane, Subject subject, Bytes payload, Await await,
                                 journal::Waiter* waiter, Use use) {
    const std::shared_lock lock(closing_mutex_);
    return append_locked(lane, subject, std::move(payload), await, waiter, use);
}

Result<Appended> PartLog::append_locked(Lane lane, Subject subject, Bytes payload, Await await,
                                        journal::Waiter* waiter, Use use) {
    if (ending_) {
        return fail(ErrorCode::closed, kClosed);
    }
    const std::size_t size = payload.size();
    Result<Appended> appended =
        journal_.append(*part_, lane, subject, std::move(payload), await, waiter, use);
    if (appended.has_value()) {
        counted(subject.kind, size);
    }
    return appended;
}

/// Waits for the journal's word.
Result<void> PartLog::open_now(const std::function<codec::Value(model::PartNo)>& payload) {
    auto build = [&](model::PartNo part, Sequence) { return codec::cbor_encode(payload(part)); };
    auto waiter = std::make_unique<Told>();
    std::future<Result<void>> told = waiter->told();
    NARROWS_TRY(journal_.append(*part_, Lane::control, RecordKind::open, build, Await::durable,
                                waiter.get(), Use::normal));
    (void)waiter.release();  // told, or to be told
    counted(RecordKind::open, 0);
    return told.get();
}

net::Task<Result<void>> PartLog::open(net::Workers& workers,
                                      std::function<codec::Value(model::PartNo)> payload) {
    const std::function<Result<void>()> work = [&] { return open_now(payload); };
    co_return co_await workers.run(work);
}

Result<Appended> PartLog::append_intent(const journal::PayloadBuilder& build,
                                        const std::size_t& built, const Subject& subject,
                                        journal::Waiter* waiter) {
    const std::shared_lock lock(closing_mutex_);
    if (ending_) {
        return fail(ErrorCode::closed, kClosed);
    }
    Result<Appended> appended =
        journal_.append(*part_, Lane::control, subject, build, Await::durable, waiter, Use::normal);
    if (!appended.has_value()) {
        return appended;
    }
    counted(RecordKind::intent, built);
    if (subject.flags == journal::kFlagAllowed) {
        const std::lock_guard open(open_mutex_);
        open_.emplace(appended.value().sequence, "");
    }
    return appended;
}

net::Task<Result<PartLog::Intent>> PartLog::intent(std::function<codec::Value(Sequence)> payload,
                                                   crypto::Digest request_digest, bool allowed,
                                                   Placed placed) {
    std::size_t size = 0;
    std::optional<Sequence> op;
    auto build = [&](model::PartNo, Sequence sequence) {
        Bytes bytes = codec::cbor_encode(payload(sequence));
        size = bytes.size();
        return bytes;
    };
    Subject subject(RecordKind::intent, journal::kOwn, allowed ? journal::kFlagAllowed : 0);
    if (allowed) {
        subject.attest = request_digest;
    }
    auto start = [&](journal::Waiter* waiter) {
        Result<Appended> appended = append_intent(build, size, subject, waiter);
        if (appended.has_value()) {
            op = appended.value().sequence;
        }
        if (op && allowed && placed) {
            placed(part_->no(), *op);
        }
        return appended;
    };
    Receipt receipt{model::PartNo(0), Sequence(0), request_digest, {}};
    const Result<Appended> appended = co_await await_journal(start, &receipt.mac);
    if (!appended.has_value()) {
        if (op && allowed) {
            codec::Map fields;
            fields.emplace("why", "its INTENT could not be made durable: " + appended.error().what);
            outcome_unawaited(RecordKind::not_sent, *op, std::move(fields));
        }
        co_return fail(appended.error());
    }
    receipt.part = part_->no();
    receipt.sequence = *op;
    co_return Intent{*op, receipt, size};
}

Result<Appended> PartLog::append_outcome(Lane lane, RecordKind kind, Sequence op, codec::Map fields,
                                         Await await, journal::Waiter* waiter) {
    const std::shared_lock lock(closing_mutex_);
    std::string not_sent;
    {
        const std::lock_guard open(open_mutex_);
        const auto at = open_.find(op);
        if (at == open_.end()) {
            return fail(ErrorCode::closed, "the operation has its outcome already");
        }
        not_sent = std::move(at->second);
        open_.erase(at);
    }
    if (kind == RecordKind::unknown && !not_sent.empty()) {
        kind = RecordKind::not_sent;  // known before, and refused by the journal then
        fields.insert_or_assign("why", not_sent);
    } else if (kind == RecordKind::not_sent) {
        not_sent = codec::Value(fields).text("why");
    }
    fields.insert_or_assign("op", op.value());
    Result<Appended> appended =
        append_locked(lane, {kind, op}, codec::cbor_encode(observed(std::move(fields))), await,
                      waiter, Use::closing);
    if (!appended.has_value()) {
        const std::lock_guard open(open_mutex_);
        open_.emplace(op, std::move(not_sent));
    }
    return appended;
}

net::Task<Result<void>> PartLog::outcome(RecordKind kind, Sequence op, codec::Map fields,
                                         Await await) {
    check_told(await);
    auto start = [&](journal::Waiter* waiter) {
        return append_outcome(Lane::bulk, kind, op, std::move(fields), await, waiter);
    };
    const Result<Appended> appended = co_await await_journal(start);
    if (!appended.has_value()) {
        co_return fail(appended.error());
    }
    co_return ok();
}

bool PartLog::outcome_unawaited(RecordKind kind, Sequence op, codec::Map fields) {
    return append_outcome(Lane::control, kind, op, std::move(fields), Await::none, nullptr)
        .has_value();
}

net::Task<Result<void>> PartLog::control(RecordKind kind, codec::Value payload, Await await,
                                         Use use) {
    check_told(await);
    const Subject subject = subject_of(kind, payload);
    Bytes bytes = codec::cbor_encode(payload);
    auto start = [&](journal::Waiter* waiter) {
        return append(Lane::control, subject, std::move(bytes), await, waiter, use);
    };
    const Result<Appended> appended = co_await await_journal(start);
    if (!appended.has_value()) {
        co_return fail(appended.error());
    }
    co_return ok();
}

net::Task<Result<RecordReceipt>> PartLog::attested(RecordKind kind, Bytes payload,
                                                   Challenge challenge) {
    RecordReceipt receipt;
    receipt.kind = kind;
    receipt.payload_sha256 = crypto::sha256(payload);
    receipt.challenge = challenge;
    Subject subject(kind);
    subject.attest = challenge;
    auto start = [&](journal::Waiter* waiter) {
        return append(Lane::control, subject, std::move(payload), Await::durable, waiter,
                      Use::normal);
    };
    const Result<Appended> appended = co_await await_journal(start, &receipt.mac);
    if (!appended.has_value()) {
        co_return fail(appended.error());
    }
    receipt.part = part_->no();
    receipt.sequence = appended.value().sequence;
    co_return receipt;
}

net::Task<Result<void>> PartLog::bulk(RecordKind kind, codec::Value payload, Await await) {
    check_told(await);
    const Subject subject = subject_of(kind, payload);
    Bytes bytes = codec::cbor_encode(payload);
    auto start = [&](journal::Waiter* waiter) {
        return append(Lane::bulk, subject, std::move(bytes), await, waiter, Use::closing);
    };
    const Result<Appended> appended = co_await await_journal(start);
    if (!appended.has_value()) {
        co_return fail(appended.error());
    }
    co_return ok();
}

bool PartLog::bulk_unawaited(RecordKind kind, const codec::Value& payload) {
    return append(Lane::bulk, subject_of(kind, payload), codec::cbor_encode(payload), Await::none,
                  nullptr, Use::closing)
        .has_value();
}

bool PartLog::control_unawaited(RecordKind kind, const codec::Value& payload) {
    return append(Lane::control, subject_of(kind, payload), codec::cbor_encode(payload),
                  Await::none, nullptr, Use::closing)
        .has_value();
}

net::Task<Result<void>> PartLog::body_part(Sequence op, Direction direction, std::uint64_t index,
                                           ByteView part, Await await) {
    const std::uint8_t flags = direction == Direction::response ? journal::kFlagResponse : 0;
    const Subject subject(RecordKind::body, op, flags);
    for (int look = 0;; ++look) {
        bool queued = false;
        auto start = [&](journal::Waiter* waiter) {
            Result<Appended> appended =
                append(Lane::bulk, subject, body_payload(op, direction, index, part), await, waiter,
                       Use::normal);
            queued = appended.has_value();
            return appended;
        };
        Result<Appended> appended = fail(ErrorCode::unavailable, "");
        if (await == Await::none) {
            appended = start(nullptr);
        } else {
            appended = co_await await_journal(start);
        }
        if (appended.has_value()) {
            co_return ok();
        }
        const bool is_queue_full =
            !queued && appended.error().code == ErrorCode::exhausted && has_room_for(part.size());
        if (!is_queue_full || look == kRoomLooks) {
            co_return fail(appended.error());
        }
        co_await net::sleep_for(kRoomLook);
    }
}

net::Task<Result<void>> PartLog::body(Sequence op, Direction direction, std::uint64_t index,
                                      ByteView bytes, Await await) {
    const std::size_t last = last_part(bytes);
    for (std::size_t at = 0; at < last; at += kBodyPart, ++index) {
        const ByteView part = bytes.subspan(at, kBodyPart);
        const Result<void> queued = co_await body_part(op, direction, index, part, Await::none);
        if (!queued.has_value()) {
            co_return queued;
        }
    }
    co_return co_await body_part(op, direction, index, bytes.subspan(last), await);
}

std::map<std::string, std::uint64_t> PartLog::counts() const {
    std::map<std::string, std::uint64_t> counts;
    for (std::size_t kind = 0; kind < counts_.size(); ++kind) {
        const auto known = model::record_kind(static_cast<std::uint8_t>(kind));
        if (known && counts_.at(kind) > 0) {
            counts.emplace(model::name_of(*known), counts_.at(kind).load());
        }
    }
    return counts;
}

/// The caller holds closing_mutex_ alone.
Result<void> PartLog::conclude_open() {
    const std::lock_guard lock(open_mutex_);
    while (!open_.empty()) {
        codec::Map fields;
        const auto& [op, not_sent] = *open_.begin();
        fields.emplace("op", op.value());
        fields.emplace("why", not_sent.empty() ? "still open when the part was closed" : not_sent);
        const RecordKind kind = not_sent.empty() ? RecordKind::unknown : RecordKind::not_sent;
        NARROWS_TRY(append_locked(Lane::control, {kind, op},
                                  codec::cbor_encode(observed(std::move(fields))), Await::none,
                                  nullptr, Use::closing));
        open_.erase(open_.begin());
    }
    return ok();
}

/// From here on only CLOSE may follow.
Result<void> PartLog::end_appending() {
    const std::unique_lock lock(closing_mutex_);
    if (closed_ || (ending_ && !has_close_)) {
        return fail(ErrorCode::closed, kClosed);
    }
    if (!ending_) {
        NARROWS_TRY(conclude_open());
    }
    ending_ = true;
    return ok();
}

/// The part's bodies and results are durable before its CLOSE can be.
net::Task<Result<void>> PartLog::append_close(codec::Map fields, bool continues) {
    auto sync = [&](journal::Waiter* waiter) { return journal_.sync(Lane::bulk, *waiter); };
    const Result<void> synced = co_await await_journal(sync);
    if (!synced.has_value()) {
        ending_ = false;
        co_return synced;
    }
    Bytes payload = codec::cbor_encode(observed(std::move(fields)));
    const std::size_t size = payload.size();
    const Subject subject(RecordKind::close, Sequence(0), continues ? journal::kFlagContinues : 0);
    auto start = [&](journal::Waiter* waiter) {
        const std::unique_lock lock(closing_mutex_);
        Result<Appended> appended =
            journal_.append(*part_, Lane::control, subject, std::move(payload), Await::durable,
                            waiter, Use::closing);
        if (appended.has_value()) {
            counted(RecordKind::close, size);
            has_close_ = true;
        }
        return appended;
    };
    const Result<Appended> appended = co_await await_journal(start);
    if (!appended.has_value()) {
        ending_ = has_close();
        co_return fail(appended.error());
    }
    co_return ok();
}

bool PartLog::has_close() const {
    const std::shared_lock lock(closing_mutex_);
    return has_close_;
}

net::Task<Result<void>> PartLog::close(codec::Map fields, bool continues) {
    Result<void> done = end_appending();
    if (!done.has_value()) {
        co_return done;
    }
    if (has_close()) {
        auto sync = [&](journal::Waiter* waiter) { return journal_.sync(Lane::control, *waiter); };
        done = co_await await_journal(sync);
    } else {
        codec::Map per_kind;
        for (const auto& [kind, count] : counts()) {
            per_kind.emplace(kind, count);
        }
        fields.insert_or_assign("counts", std::move(per_kind));
        done = co_await append_close(std::move(fields), continues);
    }
    closed_ = done.has_value();
    co_return done;
}

}  // namespace narrows::recording
