#include "recording/part_log.h"

#include "base/check.h"
#include "codec/cbor.h"
#include "recording/await_journal.h"

namespace narrows::recording {

using journal::Appended;
using journal::Lane;
using journal::Use;

namespace {

Bytes body_payload(Sequence op, Direction direction, std::uint64_t index, ByteView bytes) {
    codec::Map fields;
    fields.emplace("op", op.value());
    fields.emplace("dir", direction == Direction::request ? "request" : "response");
    fields.emplace("index", index);
    fields.emplace("bytes", to_bytes(bytes));
    return codec::cbor_encode(codec::Value(std::move(fields)));
}

}  // namespace

codec::Value observed(codec::Map fields) {
    codec::Map payload;
    payload.emplace("observed", std::move(fields));
    return payload;
}

PartLog::PartLog(journal::Journal& journal, std::shared_ptr<journal::Part> part,
                 ByteView receipt_key)
    : journal_(journal), part_(std::move(part)), receipt_key_(receipt_key) {}

PartHead PartLog::head() const {
    const std::lock_guard lock(leaf_mutex_);
    return {part_->no(), leaf_sequence_.value() + 1, leaf_};
}

void PartLog::counted(RecordKind kind, std::size_t size, const Appended& appended) {
    counts_.at(static_cast<std::size_t>(kind)).fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(size, std::memory_order_relaxed);
    const std::lock_guard lock(leaf_mutex_);
    if (appended.sequence >= leaf_sequence_) {
        leaf_sequence_ = appended.sequence;
        leaf_ = appended.leaf;
    }
}

Result<Appended> PartLog::append(Lane lane, RecordKind kind, Bytes payload, Await await,
                                 journal::Waiter* waiter, Use use) {
    if (closed_) {
        return fail(ErrorCode::closed, "the part is closed: nothing may follow its CLOSE");
    }
    const std::size_t size = payload.size();
    Result<Appended> appended =
        journal_.append(*part_, lane, kind, std::move(payload), await, waiter, use);
    if (appended.has_value()) {
        counted(kind, size, appended.value());
    }
    return appended;
}

net::Task<Result<void>> PartLog::open(std::function<codec::Value(model::PartNo)> payload) {
    auto start = [&](journal::Waiter* waiter) -> Result<Appended> {
        auto build = [&](model::PartNo part, Sequence) {
            return codec::cbor_encode(payload(part));
        };
        Result<Appended> appended = journal_.append(*part_, Lane::control, RecordKind::open, build,
                                                    Await::durable, waiter, Use::normal);
        if (appended.has_value()) {
            counted(RecordKind::open, 0, appended.value());
        }
        return appended;
    };
    const Result<Appended> appended = co_await await_journal(start);
    if (!appended.has_value()) {
        co_return fail(appended.error());
    }
    co_return ok();
}

net::Task<Result<PartLog::Intent>> PartLog::intent(std::function<codec::Value(Sequence)> payload,
                                                   crypto::Digest request_digest) {
    std::size_t size = 0;
    auto start = [&](journal::Waiter* waiter) -> Result<Appended> {
        if (closed_) {
            return fail(ErrorCode::closed, "the part is closed: nothing may follow its CLOSE");
        }
        auto build = [&](model::PartNo, Sequence sequence) {
            Bytes bytes = codec::cbor_encode(payload(sequence));
            size = bytes.size();
            return bytes;
        };
        Result<Appended> appended = journal_.append(*part_, Lane::control, RecordKind::intent,
                                                    build, Await::durable, waiter, Use::normal);
        if (appended.has_value()) {
            counted(RecordKind::intent, size, appended.value());
        }
        return appended;
    };
    const Result<Appended> appended = co_await await_journal(start);
    if (!appended.has_value()) {
        co_return fail(appended.error());
    }
    const Sequence op = appended.value().sequence;
    co_return Intent{op, make_receipt(receipt_key_, part_->no(), op, request_digest)};
}

net::Task<Result<void>> PartLog::control(RecordKind kind, codec::Value payload, Await await,
                                         Use use) {
    Bytes bytes = codec::cbor_encode(payload);
    auto start = [&](journal::Waiter* waiter) {
        return append(Lane::control, kind, std::move(bytes), await, waiter, use);
    };
    const Result<Appended> appended = co_await await_journal(start);
    if (!appended.has_value()) {
        co_return fail(appended.error());
    }
    co_return ok();
}

net::Task<Result<void>> PartLog::bulk(RecordKind kind, codec::Value payload, Await await) {
    Bytes bytes = codec::cbor_encode(payload);
    auto start = [&](journal::Waiter* waiter) {
        return append(Lane::bulk, kind, std::move(bytes), await, waiter, Use::closing);
    };
    const Result<Appended> appended = co_await await_journal(start);
    if (!appended.has_value()) {
        co_return fail(appended.error());
    }
    co_return ok();
}

bool PartLog::bulk_unawaited(RecordKind kind, codec::Value payload) {
    return append(Lane::bulk, kind, codec::cbor_encode(payload), Await::none, nullptr, Use::closing)
        .has_value();
}

bool PartLog::control_unawaited(RecordKind kind, codec::Value payload) {
    return append(Lane::control, kind, codec::cbor_encode(payload), Await::none, nullptr,
                  Use::closing)
        .has_value();
}

net::Task<Result<void>> PartLog::body(Sequence op, Direction direction, std::uint64_t index,
                                      ByteView bytes, Await await) {
    Bytes payload = body_payload(op, direction, index, bytes);
    auto start = [&](journal::Waiter* waiter) {
        return append(Lane::bulk, RecordKind::body, std::move(payload), await, waiter, Use::normal);
    };
    const Result<Appended> appended = co_await await_journal(start);
    if (!appended.has_value()) {
        co_return fail(appended.error());
    }
    co_return ok();
}

bool PartLog::body_unawaited(Sequence op, Direction direction, std::uint64_t index,
                             ByteView bytes) {
    return append(Lane::bulk, RecordKind::body, body_payload(op, direction, index, bytes),
                  Await::none, nullptr, Use::normal)
        .has_value();
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

net::Task<Result<PartHead>> PartLog::close(codec::Map fields) {
    codec::Map per_kind;
    for (const auto& [kind, count] : counts()) {
        per_kind.emplace(kind, count);
    }
    fields.insert_or_assign("counts", std::move(per_kind));
    co_return co_await close_with(std::move(fields));
}

net::Task<Result<PartHead>> PartLog::close_with(codec::Map fields) {
    Bytes bytes = codec::cbor_encode(observed(std::move(fields)));
    auto start = [&](journal::Waiter* waiter) {
        Result<Appended> appended = append(Lane::control, RecordKind::close, std::move(bytes),
                                           Await::durable, waiter, Use::closing);
        closed_ = closed_ || appended.has_value();
        return appended;
    };
    const Result<Appended> appended = co_await await_journal(start);
    if (!appended.has_value()) {
        co_return fail(appended.error());
    }
    const std::uint64_t size = appended.value().sequence.value() + 1;
    co_return PartHead{part_->no(), size, appended.value().leaf};
}

}  // namespace narrows::recording
