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

    std::shared_ptr<Part> begin_part() override { return std::make_shared<PartState>(); }
    std::shared_ptr<Part> resume_part(const PartReport& report) override {
        auto part = std::make_shared<PartState>();
        part->number = report.part.value();
        part->next_sequence = report.next.value();
        part->last_leaf = report.last_leaf;
        return part;
    }

    Result<Appended> append(Part& part, Lane lane, model::RecordKind kind, Bytes payload,
                            Await await, Waiter* waiter, Use use) override {
        NARROWS_TRY(check(payload, await, waiter));
        const crypto::Digest digest = crypto::sha256(payload);
        PartState& state = static_cast<PartState&>(part);
        const std::lock_guard guard(state.mutex);
        const std::unique_lock numbering = number_if_new(state, lane);
        return place(state,
                     {.lane = lane, .kind = kind, .await = await, .waiter = waiter, .use = use},
                     std::move(payload), digest);
    }
    Result<Appended> append(Part& part, Lane lane, model::RecordKind kind,
                            const PayloadBuilder& build, Await await, Waiter* waiter,
                            Use use) override {
        PartState& state = static_cast<PartState&>(part);
        const std::lock_guard guard(state.mutex);
        const std::unique_lock numbering = number_if_new(state, lane);
        const std::uint64_t number = numbering ? next_part_ : state.number.load();
        Bytes payload = build(model::PartNo(number), model::Sequence(state.next_sequence));
        NARROWS_TRY(check(payload, await, waiter));
        const crypto::Digest digest = crypto::sha256(payload);
        return place(state,
                     {.lane = lane, .kind = kind, .await = await, .waiter = waiter, .use = use},
                     std::move(payload), digest);
    }

    Result<void> sync(Lane lane, Waiter& waiter) override {
        Entry barrier{.await = Await::durable, .waiter = &waiter, .barrier = true};
        return lane_of(lane).push(barrier, Use::closing);
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
        model::RecordKind kind;
        Await await;
        Waiter* waiter;
        Use use;
    };

    Result<void> check(const Bytes& payload, Await await, const Waiter* waiter) const {
        NARROWS_CHECK(await == Await::none || waiter != nullptr,
                      "an append that awaits something needs a waiter");
        if (payload.size() > kPayloadMax) {
            return fail(ErrorCode::invalid,
                        fmt::format("a record of {} bytes is too large; at most {} fit",
                                    payload.size(), kPayloadMax));
        }
        if (common_.refuses()) {
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

    /// Under the part's lock.
    Result<Appended> place(PartState& part, const Request& request, Bytes payload,
                           const crypto::Digest& digest) {
        const bool is_new = part.number == 0;
        const FrameHeader header{
            .length = static_cast<std::uint32_t>(kFrameHeaderSize + payload.size()),
            .kind = static_cast<std::uint8_t>(request.kind),
            .flags = 0,
            .part = is_new ? next_part_ : part.number.load(),
            .sequence = part.next_sequence,
            .time = common_.clock.wall(),
            .prev_leaf = part.last_leaf,
            .payload_sha256 = digest};
        Entry entry{.leaf = leaf_of(options_.origin, header),
                    .payload = std::move(payload),
                    .await = request.await,
                    .waiter = request.await == Await::none ? nullptr : request.waiter};
        encode(header, entry.header.data());
        const crypto::Digest leaf = entry.leaf;
        NARROWS_TRY(lane_of(request.lane).push(entry, request.use));
        if (is_new) {
            part.number = next_part_++;
        }
        ++part.next_sequence;
        part.last_leaf = leaf;
        return Appended{.part = model::PartNo(header.part),
                        .sequence = model::Sequence(header.sequence),
                        .leaf = leaf,
                        .payload_sha256 = digest};
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
