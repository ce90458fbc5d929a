#include "journal/journal.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "journal/lane.h"
#include "journal/recovery.h"
#include "journal/spares.h"

namespace narrows::journal {
namespace {

constexpr std::uint64_t kSegmentMin = 1ull << 20;

Result<void> check_options(const Options& options) {
    if (options.segment_bytes % kBlock != 0 || options.segment_bytes < kSegmentMin) {
        return fail(ErrorCode::invalid,
                    fmt::format("segments of {} bytes cannot be: at least 1 MiB, in whole 4 KiB",
                                options.segment_bytes));
    }
    if (options.origin.empty() || options.origin.size() > kOriginMax) {
        return fail(ErrorCode::invalid, "the gateway's name must have 1 to 255 bytes");
    }
    return ok();
}

class JournalImpl : public Journal {
  public:
    JournalImpl(io::FileSystem& fs, const Clock& clock, Options options,
                std::unique_ptr<io::Lock> lock)
        : options_(std::move(options)),
          lock_(std::move(lock)),
          spares_(fs, options_.directory, options_.segment_bytes,
                  std::max<std::uint64_t>(1, options_.reserve_bytes / options_.segment_bytes / 2),
                  options_.retry_ns),
          common_{.fs = fs,
                  .clock = clock,
                  .options = options_,
                  .spares = spares_,
                  .boot = random_nonce()},
          control_(common_, Lane::control),
          bulk_(common_, Lane::bulk) {}
    ~JournalImpl() override {
        control_.ask_to_stop();
        bulk_.ask_to_stop();
        control_.join();
        bulk_.join();
    }

    Result<void> start(const Recovered& recovered) {
        next_part_ = recovered.report.next_part.value();
        for (const Lane lane : kLanes) {
            NARROWS_TRY(spares_.prepare(lane));  // the first segment
            NARROWS_TRY(spares_.prepare(lane));  // and one in reserve
        }
        NARROWS_TRY(control_.start(recovered.tails[0]));
        NARROWS_TRY(bulk_.start(recovered.tails[1]));
        spares_.start();
        return ok();
    }

    std::shared_ptr<Part> begin_part(PartInfo info) override {
        auto part = std::make_shared<PartState>();
        part->info = std::move(info);
        return part;
    }
    std::shared_ptr<Part> resume_part(const PartReport& report) override {
        auto part = std::make_shared<PartState>();
        part->number = report.part.value();
        part->next_sequence = report.next.value();
        part->last_leaf = report.last_leaf;
        return part;
    }

    Result<Appended> append(Part& part, Lane lane, Subject subject, Bytes payload, Await await,
                            Waiter* waiter, Use use) override {
        NARROWS_TRY(check(payload, await, waiter, use));
        PartState& state = static_cast<PartState&>(part);
        const std::lock_guard guard(state.mutex);
        const std::unique_lock numbering = number_if_new(state, lane);
        return place(state, {lane, subject, await, waiter, use}, std::move(payload));
    }
    Result<Appended> append(Part& part, Lane lane, Subject subject, const PayloadBuilder& build,
                            Await await, Waiter* waiter, Use use) override {
        PartState& state = static_cast<PartState&>(part);
        const std::lock_guard guard(state.mutex);
        const std::unique_lock numbering = number_if_new(state, lane);
        const std::uint64_t number = numbering ? next_part_ : state.number.load();
        Bytes payload = build(model::PartNo(number), model::Sequence(state.next_sequence));
        NARROWS_TRY(check(payload, await, waiter, use));
        return place(state, {lane, subject, await, waiter, use}, std::move(payload));
    }

    Result<void> sync(Lane lane, Waiter& waiter) override {
        return lane_of(lane).push_barrier(waiter);
    }

    State state() const override {
        for (const LaneWriter* lane : {&control_, &bulk_}) {
            std::string why = lane->refusal();
            if (!why.empty()) {
                return {Condition::refusing, std::move(why)};
            }
        }
        if (const auto trouble = spares_.trouble()) {
            return {Condition::low_space, trouble->what};
        }
        return {};
    }
    bool can_open_session() const override { return !common_.refuses() && !spares_.in_trouble(); }
    bool has_room_for(std::uint64_t body_bytes) const override {
        return !common_.refuses() && control_.has_room_for(0) && bulk_.has_room_for(body_bytes);
    }
    Counters counters() const override {
        return {.control = control_.counters(),
                .bulk = bulk_.counters(),
                .queued_frames = common_.queued_frames,
                .queued_bytes = common_.queued_bytes};
    }

  private:
    struct Request {
        Lane lane;
        Subject subject;
        Await await;
        Waiter* waiter;
        Use use;
    };

    Result<void> check(const Bytes& payload, Await await, const Waiter* waiter, Use use) const {
        NARROWS_CHECK(await == Await::none || waiter != nullptr,
                      "an append that awaits something needs a waiter");
        if (payload.size() > kPayloadMax) {
            return fail(ErrorCode::invalid,
                        fmt::format("a record of {} bytes is too large; at most {} fit",
                                    payload.size(), kPayloadMax));
        }
        if (use != Use::promised && common_.refuses()) {
            return fail(ErrorCode::unavailable,
                        fmt::format("the journal refuses to record: {}", state().why));
        }
        return ok();
    }

    LaneWriter& lane_of(Lane lane) { return lane == Lane::control ? control_ : bulk_; }

    /// Held until the part's first frame is queued, so that parts' first frames are queued in the
    /// order of their numbers and a crash leaves no hole among them.
    std::unique_lock<std::mutex> number_if_new(const PartState& part, Lane lane) {
        if (part.number != 0) {
            return {};
        }
        NARROWS_CHECK(lane == Lane::control, "a part's first record belongs to the control lane");
        return std::unique_lock(numbers_);
    }

    /// Under the part's lock, and the numbering one if the part is new.
    Result<void> make_keys(PartState& part) {
        if (part.number == 0 && options_.make_sealer) {
            NARROWS_TRY(part.sealer, options_.make_sealer(model::PartNo(next_part_), part.info));
        }
        return ok();
    }

    FrameHeader header_for(const PartState& part, const Subject& subject) const {
        return {.kind = static_cast<std::uint8_t>(subject.kind),
                .flags = subject.flags,
                .part = part.number == 0 ? next_part_ : part.number.load(),
                .sequence = part.next_sequence,
                .time = common_.clock.wall(),
                .op = subject.op == kOwn ? part.next_sequence : subject.op.value(),
                .prev_leaf = part.last_leaf};
    }

    /// What is to be stored, and `header` whole. Sealed is only what has its room already: no
    /// sequence, and so no nonce, seals two payloads.
    Result<Bytes> finish(PartState& part, FrameHeader& header, Bytes payload) const {
        if (part.sealer) {
            const std::size_t stored = payload.size() + kSealMax;
            NARROWS_TRY(payload, part.sealer->seal(header, std::move(payload)));
            NARROWS_CHECK(payload.size() == stored, "sealing adds kSealMax bytes");
        }
        header.length = static_cast<std::uint32_t>(kFrameHeaderSize + payload.size());
        header.payload_sha256 = crypto::sha256(payload);
        return payload;
    }

    std::optional<crypto::Digest> mac_of(const Request& request, const FrameHeader& header,
                                         ByteView payload) const {
        const Subject& subject = request.subject;
        if (std::holds_alternative<std::monostate>(subject.attest) || !options_.attest) {
            return std::nullopt;
        }
        NARROWS_CHECK(request.await == Await::durable, "only what is durable is attested");
        return options_.attest(subject, model::PartNo(header.part),
                               model::Sequence(header.sequence), payload);
    }

    /// Under the part's lock.
    Result<Appended> place(PartState& part, const Request& request, Bytes payload) {
        NARROWS_TRY(make_keys(part));
        LaneWriter& lane = lane_of(request.lane);
        const std::size_t stored = payload.size() + (part.sealer ? kSealMax : 0);
        NARROWS_TRY(lane.reserve(stored, request.use));
        const bool is_new = part.number == 0;
        FrameHeader header = header_for(part, request.subject);
        const std::optional<crypto::Digest> mac = mac_of(request, header, payload);
        Result<Bytes> finished = finish(part, header, std::move(payload));
        if (!finished.has_value()) {
            lane.give_back(stored);
            return fail(finished.error());
        }
        Entry entry{.leaf = leaf_of(options_.origin, header),
                    .payload = std::move(finished.value()),
                    .await = request.await,
                    .waiter = request.await == Await::none ? nullptr : request.waiter,
                    .mac = mac};
        encode(header, entry.header.data());
        const crypto::Digest leaf = entry.leaf;
        lane.push(std::move(entry));
        if (is_new) {
            part.number = next_part_++;
        }
        ++part.next_sequence;
        part.last_leaf = leaf;
        if (options_.on_placed) {
            options_.on_placed(part.info, header, leaf);
        }
        return Appended{.part = model::PartNo(header.part),
                        .sequence = model::Sequence(header.sequence),
                        .leaf = leaf};
    }

    const Options options_;
    const std::unique_ptr<io::Lock> lock_;
    Spares spares_;
    Common common_;
    std::mutex numbers_;
    std::uint64_t next_part_ = 1;  ///< under numbers_
    LaneWriter control_;
    LaneWriter bulk_;
};

}  // namespace

Result<Journal::Opened> Journal::open(io::FileSystem& fs, const Clock& clock, Options options) {
    NARROWS_TRY(check_options(options));
    NARROWS_TRY(fs.make_directory(options.directory));
    NARROWS_TRY(auto lock, fs.lock(options.directory + "/lock"));
    NARROWS_TRY(Recovered recovered, recover(fs, options));
    auto journal = std::make_unique<JournalImpl>(fs, clock, std::move(options), std::move(lock));
    NARROWS_TRY(journal->start(recovered));
    return Opened{.journal = std::move(journal), .report = std::move(recovered.report)};
}

}  // namespace narrows::journal
