#include "recorder/client.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/check.h"
#include "base/log.h"
#include "net/frames.h"
#include "process/frame.h"
#include "process/outbox.h"
#include "recorder/protocol.h"

namespace narrows::recorder {
namespace {

using journal::Appended;
using journal::Await;
using journal::Lane;
using journal::Subject;
using journal::Use;
using model::RecordKind;

constexpr std::size_t kReadBytes = 64 * 1024;
/// What a recorder that lives answers in time, also on a slow disk.
constexpr std::chrono::seconds kCallPatience{60};
constexpr std::chrono::seconds kEndPatience{20};
/// What a body's records take beside it, as the journal's has_room_for has it.
constexpr std::uint64_t kBeside = 256 * 1024;

std::uint64_t size_of(std::size_t payload) {
    return journal::kFrameHeaderSize + payload + journal::kSealMax;
}
/// Disk bytes if it gets a batch of its own.
std::uint64_t cost_of(std::size_t payload) {
    const std::uint64_t bytes = journal::kBatchHeaderSize + size_of(payload);
    return (bytes + journal::kBlock - 1) / journal::kBlock * journal::kBlock;
}
std::size_t index_of(Lane lane) {
    return static_cast<std::size_t>(lane);
}

struct RemotePart final : journal::Part {
    model::PartNo no() const override { return model::PartNo(number.load()); }
    model::Sequence next() const override {
        const std::lock_guard lock(mutex);
        return model::Sequence(next_sequence);
    }
    bool seals(journal::KeyClass key) const override {
        return ((sealed >> static_cast<int>(key)) & 1) != 0;
    }
    journal::PartInfo info;
    std::atomic<SealedClasses> sealed = 0;
    mutable std::mutex mutex;
    std::atomic<std::uint64_t> number = 0;
    std::uint64_t next_sequence = 0;  ///< under the mutex
};

/// What was sent and not yet seen by a status: it counts on top of what that says.
struct OnTheWay {
    Lane lane = Lane::control;
    std::uint64_t bytes = 0;
    std::uint64_t cost = 0;
};

/// A loop that is told what it waits for.
struct Heard {
    explicit Heard(net::Loop& on) : loop(on), identity(net::identity_of(on.executor())) {}
    net::Loop& loop;
    const void* const identity;
    std::atomic<bool> releasing = false;  ///< it will write what waits
};

/// Who is told what became of a record, and where.
struct Told {
    journal::Waiter* waiter = nullptr;
    std::uint8_t loop = 0;  ///< as the protocol has it
};

class RemoteRecorder final : public Recorder {
  public:
    RemoteRecorder(process::Descriptor socket, std::function<void(const Error&)> on_lost)
        : socket_(std::move(socket)),
          on_lost_(std::move(on_lost)),
          out_(socket_),
          reader_([this] { read(); }) {}
    ~RemoteRecorder() override {
        closing_ = true;
        out_.flush(kEndPatience);
        ::shutdown(socket_.number(), SHUT_WR);
        if (ended_.get_future().wait_for(kEndPatience) != std::future_status::ready) {
            ::shutdown(socket_.number(), SHUT_RDWR);
        }
        reader_.join();
    }

    Result<void> await_open() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return lost_ || has_status_ || refused_; });
        if (refused_) {
            return fail(*refused_);
        }
        return lost_ ? Result<void>(fail(*lost_)) : Result<void>(ok());
    }

    /// Once, when it is open and before anything is appended.
    void listen(std::vector<LoopLink> links) {
        for (LoopLink& link : links) {
            heard_.push_back(std::make_unique<Heard>(link.loop));
            // Shared: what a loop runs must be copyable.
            auto socket = std::make_shared<process::Descriptor>(std::move(link.socket));
            link.loop.spawn([this, socket] { return hear(std::move(*socket)); });
        }
    }

    std::shared_ptr<journal::Part> begin_part(journal::PartInfo info) override {
        auto part = std::make_shared<RemotePart>();
        part->info = std::move(info);
        return part;
    }
    std::shared_ptr<journal::Part> resume_part(const journal::PartReport&) override {
        NARROWS_CHECK(false, "only the recorder itself goes on with parts of earlier starts");
        return nullptr;
    }

    Result<Appended> append(journal::Part& part, Lane lane, Subject subject, Bytes payload,
                            Await await, journal::Waiter* waiter, Use use) override {
        const auto build = [&](model::PartNo, model::Sequence) { return std::move(payload); };
        return append(part, lane, subject, build, await, waiter, use);
    }
    Result<Appended> append(journal::Part& part, Lane lane, Subject subject,
                            const journal::PayloadBuilder& build, Await await,
                            journal::Waiter* waiter, Use use) override {
        NARROWS_CHECK(await == Await::none || waiter != nullptr,
                      "an append that awaits something needs a waiter");
        const std::uint8_t loop = loop_of(waiter);  // it may be told, and gone, any time later
        NARROWS_TRY(const Appended appended, place(static_cast<RemotePart&>(part), lane, subject,
                                                   build, await, {waiter, loop}, use));
        // Not under the part's lock: others' records need not wait for this write.
        if (loop != 0) {
            release_soon(*heard_[loop - 1u]);
        } else if (!may_wait(subject.kind, await)) {
            out_.release();
        }
        return appended;
    }

    Result<void> sync(Lane lane, journal::Waiter& waiter) override {
        SyncMessage message{0, loop_of(&waiter), lane};
        {
            const std::lock_guard lock(mutex_);
            NARROWS_TRY(admit(lane, 0, Use::closing));
            message.id = remember(&waiter);
            count({lane, 0, 0});
        }
        out_.put(encode(FromGateway(message)));
        return ok();
    }

    journal::State state() const override {
        const std::lock_guard lock(mutex_);
        return lost_ ? journal::State{journal::Condition::refusing, lost_->what} : status_.journal;
    }
    bool can_open_session() const override {
        const std::lock_guard lock(mutex_);
        return !lost_ && status_.can_open_session;
    }
    bool has_room_for(std::uint64_t body_bytes) const override {
        const std::lock_guard lock(mutex_);
        return check_well().has_value() && check_room(Lane::control, kBeside, Use::normal) &&
               check_room(Lane::bulk, body_bytes + body_bytes / 8 + kBeside, Use::normal);
    }
    journal::Counters counters() const override { return status().counters; }

    Status status() const override {
        const std::lock_guard lock(mutex_);
        Status status = status_;
        if (lost_) {
            status.journal = {journal::Condition::refusing, lost_->what};
            status.can_open_session = false;
        }
        return status;
    }
    const Found& found() const override { return found_; }
    void configured(const std::string& digest, const std::string& boot) override {
        call("configured", encode(Configured{digest, boot}));
    }
    std::vector<evidence::AlarmEntry> take_alarms() override {
        const std::lock_guard lock(mutex_);
        return std::exchange(alarms_, {});
    }
    void set_recipients(evidence::Recipients recipients) override {
        call("set_recipients", encode(texts_of(recipients)));
    }
    void set_retention(Retention retention) override {
        call("set_retention", encode(texts_of(retention)));
    }
    Result<void> hold(const evidence::HoldEntry& word) override {
        NARROWS_TRY(call_and_wait("hold", encode(word)));
        return ok();
    }
    Result<std::uint64_t> shred(const ShredRequest& request) override {
        ShredMessage message{request.session, std::nullopt, request.by};
        if (request.key) {
            message.key = static_cast<std::uint8_t>(*request.key);
        }
        NARROWS_TRY(const Bytes answer, call_and_wait("shred", encode(message)));
        return ByteReader(answer).le<std::uint64_t>();
    }
    Result<void> reconciled(const evidence::ReconciledEntry& entry) override {
        NARROWS_TRY(const Bytes argument, evidence::encode_entry({0, entry}));
        NARROWS_TRY(call_and_wait("reconciled", argument));
        return ok();
    }

  private:
    /// Numbers it and puts it where it leaves with the next write.
    Result<Appended> place(RemotePart& to, Lane lane, const Subject& subject,
                           const journal::PayloadBuilder& build, Await await, const Told& told,
                           Use use) {
        const std::lock_guard part_lock(to.mutex);
        std::unique_lock<std::mutex> numbering;
        if (to.number == 0) {
            NARROWS_CHECK(lane == Lane::control, "a part's first record is in the control lane");
            numbering = std::unique_lock(numbers_);
        }
        const std::uint64_t number = numbering ? next_part_ : to.number.load();
        const Bytes payload = build(model::PartNo(number), model::Sequence(to.next_sequence));
        if (payload.size() > journal::kPayloadMax) {
            return fail(ErrorCode::invalid,
                        fmt::format("a record of {} bytes is too large; at most {} fit",
                                    payload.size(), journal::kPayloadMax));
        }
        AppendMessage message = message_of(subject, lane, await, payload);
        message.part = number;
        message.sequence = to.next_sequence;
        if (numbering) {
            NARROWS_TRY(begin(to, message, told.waiter));
            to.number = next_part_++;
        } else {
            NARROWS_TRY(send(message, told, use));
        }
        ++to.next_sequence;
        return Appended{model::PartNo(number), model::Sequence(to.next_sequence - 1), {}};
    }

    static AppendMessage message_of(const Subject& subject, Lane lane, Await await,
                                    ByteView payload) {
        AppendMessage message;
        message.lane = lane;
        message.await = await;
        message.kind = static_cast<std::uint8_t>(subject.kind);
        message.flags = subject.flags;
        message.op = subject.op.value();
        if (const auto* digest = std::get_if<crypto::Digest>(&subject.attest)) {
            message.request = *digest;
        } else if (const auto* challenge = std::get_if<journal::Challenge>(&subject.attest)) {
            message.challenge = *challenge;
        }
        message.payload = payload;
        return message;
    }

    // Under mutex_.

    Result<void> check_well() const {
        if (lost_) {
            return fail(*lost_);
        }
        if (status_.journal.condition == journal::Condition::refusing) {
            return fail(ErrorCode::unavailable,
                        "the journal refuses to record: " + status_.journal.why);
        }
        return ok();
    }
    bool check_room(Lane lane, std::uint64_t cost, Use use) const {
        const journal::LaneCounters& counters =
            lane == Lane::control ? status_.counters.control : status_.counters.bulk;
        const std::uint64_t left =
            use == Use::normal ? counters.left_normal : counters.left_closing;
        return left == UINT64_MAX || way_[index_of(lane)].cost + cost <= left;
    }
    Result<void> admit(Lane lane, std::size_t payload, Use use) const {
        static const journal::Options bounds;
        NARROWS_TRY(check_well());
        const std::uint64_t quarters = lane == Lane::bulk && use == Use::normal ? 3 : 4;
        const std::uint64_t size = size_of(payload);
        const std::uint64_t bytes = way_[0].bytes + way_[1].bytes + status_.counters.queued_bytes;
        const std::uint64_t frames = on_the_way_.size() + status_.counters.queued_frames;
        if (way_[index_of(lane)].bytes + size > kWindow / 4 * quarters ||
            bytes + size > bounds.queue_bytes_max / 4 * quarters ||
            frames >= bounds.queue_frames_max / 4 * quarters) {
            return fail(ErrorCode::exhausted,
                        "the journal's queue is full: the disk is slower than what is to be "
                        "recorded");
        }
        if (!check_room(lane, cost_of(payload), use)) {
            return fail(ErrorCode::exhausted,
                        "the journal is full and no more space can be reserved (" +
                            status_.journal.why + "); free space on its disk");
        }
        return ok();
    }
    std::uint64_t remember(journal::Waiter* waiter) {
        const std::uint64_t id = ++last_id_;
        waiters_.emplace(id, waiter);
        return id;
    }
    /// About to be put into the outbox. Several threads may put in another order than they count:
    /// the sums are right again with the status after both.
    void count(const OnTheWay& what) {
        ++sent_;
        on_the_way_.push_back(what);
        way_[index_of(what.lane)].bytes += what.bytes;
        way_[index_of(what.lane)].cost += what.cost;
    }

    Result<void> send(AppendMessage message, const Told& told, Use use) {
        const std::size_t size = message.payload.size();
        {
            const std::lock_guard lock(mutex_);
            NARROWS_TRY(admit(message.lane, size, use));
            message.id = message.await == Await::none ? 0 : remember(told.waiter);
            count({message.lane, size_of(size), cost_of(size)});
        }
        message.loop = told.loop;
        out_.put(encode_up_to_payload(message), message.payload, process::Outbox::When::with_next);
        return ok();
    }
    /// What came of an answer and nobody waits for: nothing of it is passed on before something
    /// that follows is held. All else that goes unawaited (SENT) is given away before what it says
    /// is done.
    static bool may_wait(RecordKind kind, Await await) {
        const bool follows = kind == RecordKind::head || kind == RecordKind::body;
        return follows && await == Await::none;
    }
    /// After what else is ready on the loop, so that it goes along.
    void release_soon(Heard& there) {
        if (!there.releasing.exchange(true)) {
            there.loop.post([this, &there] {
                there.releasing = false;
                out_.release();
            });
        }
    }
    /// As the protocol has it.
    std::uint8_t loop_of(const journal::Waiter* waiter) const {
        const void* const loop = waiter == nullptr ? nullptr : waiter->loop();
        const auto at = std::find_if(heard_.begin(), heard_.end(),
                                     [&](const auto& each) { return each->identity == loop; });
        return at == heard_.end() ? 0 : static_cast<std::uint8_t>(at - heard_.begin() + 1);
    }

    /// The caller holds numbers_. An error: the waiter is not told.
    Result<void> begin(RemotePart& part, AppendMessage open, journal::Waiter* waiter) {
        std::unique_lock lock(mutex_);
        NARROWS_TRY(admit(open.lane, open.payload.size(), Use::normal));
        open.id = open.await == Await::none ? 0 : remember(waiter);
        const std::uint64_t told = open.id;
        const BeginMessage message{++last_id_, part.info.kind, part.info.session, open};
        const Result<Bytes> answer = ask(lock, message.id, FromGateway(message));
        if (!answer.has_value()) {
            const bool was_told = told != 0 && waiters_.erase(told) == 0;
            return was_told ? Result<void>(ok()) : Result<void>(fail(answer.error()));
        }
        part.sealed = answer.value().size() == 1 ? answer.value()[0] : 0;
        return ok();
    }

    /// Sends and waits. A recorder that does not answer is lost.
    Result<Bytes> ask(std::unique_lock<std::mutex>& lock, std::uint64_t id,
                      const FromGateway& question) {
        std::optional<ReturnedMessage>& answer = asked_[id];
        out_.put(encode(question));
        if (!changed_.wait_for(lock, kCallPatience, [&] { return lost_ || answer; })) {
            ::shutdown(socket_.number(), SHUT_RDWR);  // the reader sees it
            changed_.wait(lock, [this] { return lost_ != nullptr; });
        }
        const std::optional<ReturnedMessage> got = std::move(answer);
        asked_.erase(id);
        if (!got) {
            return fail(*lost_);
        }
        return got->error ? Result<Bytes>(fail(*got->error)) : Result<Bytes>(got->value);
    }

    /// Nobody waits for it.
    void call(const char* name, const Bytes& argument) {
        const std::lock_guard lock(mutex_);
        out_.put(encode(FromGateway(CallMessage{0, name, argument})));
    }
    Result<Bytes> call_and_wait(const char* name, const Bytes& argument) {
        std::unique_lock lock(mutex_);
        if (lost_) {
            return fail(*lost_);
        }
        const std::uint64_t id = ++last_id_;
        return ask(lock, id, FromGateway(CallMessage{id, name, argument}));
    }

    /// On a loop: what is told there.
    net::Task<void> hear(process::Descriptor socket) {
        const std::function<Result<void>(ByteView)> take_one = [this](ByteView frame) {
            return take_told(frame);
        };
        const Error why = co_await net::read_frames(std::move(socket), take_one);
        if (why.code != ErrorCode::closed) {
            log::error("{}", why.what);
        }
        ::shutdown(socket_.number(), SHUT_RDWR);  // the reader sees it
    }
    Result<void> take_told(ByteView frame) {
        NARROWS_TRY(FromRecorder message, decode_from_recorder(frame));
        auto* const told = std::get_if<ToldMessage>(&message);
        return told != nullptr
                   ? take(*told)
                   : fail(ErrorCode::invalid, "the recorder said to a loop what is not for it");
    }

    // On the reader's thread.

    void read() {
        process::FrameReader frames(kReadBytes);
        Error why{ErrorCode::unavailable,
                  "the recorder is gone: what was not yet durable may or may not be on record"};
        while (true) {
            const std::span<std::uint8_t> room = frames.room();
            const ssize_t size = ::recv(socket_.number(), room.data(), room.size(), 0);
            if (size < 0 && errno == EINTR) {
                continue;
            }
            if (size <= 0) {
                break;
            }
            frames.filled(static_cast<std::size_t>(size));
            const Result<void> taken = take_all(frames);
            if (!taken.has_value()) {
                why = taken.error();
                break;
            }
        }
        lose(why);
        ended_.set_value();
    }

    Result<void> take_all(process::FrameReader& frames) {
        while (true) {
            NARROWS_TRY(const std::optional<ByteView> frame, frames.next());
            if (!frame) {
                return ok();
            }
            NARROWS_TRY(FromRecorder message, decode_from_recorder(*frame));
            NARROWS_TRY(std::visit([this](auto& each) { return take(each); }, message));
        }
    }

    Result<void> take(ToldMessage& told) {
        journal::Waiter* waiter = nullptr;
        {
            const std::lock_guard lock(mutex_);
            const auto found = waiters_.find(told.id);
            if (found == waiters_.end() && lost_) {
                return ok();  // told by another thread a moment ago
            }
            if (found == waiters_.end()) {
                return fail(ErrorCode::invalid, "the recorder told what nobody waits for");
            }
            waiter = found->second;
            waiters_.erase(found);
        }
        if (told.mac) {
            waiter->attested(*told.mac);
        }
        waiter->done(told.error ? Result<void>(fail(*told.error)) : Result<void>(ok()));
        return ok();
    }

    /// One comes four times a second at least, so that nothing waits longer for a next record.
    Result<void> take(StatusMessage& message) {
        out_.release();
        const std::lock_guard lock(mutex_);
        if (message.received < seen_ || message.received > sent_) {
            return fail(ErrorCode::invalid, "the recorder counted what nobody sent");
        }
        for (; seen_ < message.received; ++seen_) {
            const OnTheWay& there = on_the_way_.front();
            way_[index_of(there.lane)].bytes -= there.bytes;
            way_[index_of(there.lane)].cost -= there.cost;
            on_the_way_.pop_front();
        }
        status_ = std::move(message.status);
        for (evidence::AlarmEntry& alarm : message.alarms) {
            if (alarms_.size() == Alarms::kUntoldMax) {
                alarms_.erase(alarms_.begin());
            }
            alarms_.push_back(std::move(alarm));
        }
        has_status_ = true;
        changed_.notify_all();
        return ok();
    }

    Result<void> take(ReturnedMessage& message) {
        const std::lock_guard lock(mutex_);
        const auto asked = asked_.find(message.id);
        if (asked == asked_.end()) {
            return fail(ErrorCode::invalid, "the recorder answered what nobody asked");
        }
        asked->second = std::move(message);
        changed_.notify_all();
        return ok();
    }

    Result<void> take(HelloMessage& hello) {
        const std::lock_guard lock(mutex_);
        if (hello.error) {
            refused_ = hello.error;
            changed_.notify_all();
            return fail(*hello.error);
        }
        NARROWS_TRY(found_, found_of(hello));
        next_part_ = hello.next_part;
        return ok();
    }

    void lose(const Error& why) {
        ::shutdown(socket_.number(), SHUT_RDWR);
        bool expected = closing_;
        {
            const std::lock_guard lock(mutex_);
            expected = expected || refused_;
        }
        std::unordered_map<std::uint64_t, journal::Waiter*> left;
        {
            const std::lock_guard lock(mutex_);
            lost_ = std::make_unique<const Error>(why);
            left.swap(waiters_);
            changed_.notify_all();
        }
        for (const auto& [id, waiter] : left) {
            waiter->done(fail(why));
        }
        if (!expected) {
            on_lost_(why);
        }
    }

    const process::Descriptor socket_;
    const std::function<void(const Error&)> on_lost_;
    std::atomic<bool> closing_ = false;
    std::mutex numbers_;                         ///< taken after a part's lock, before mutex_
    std::uint64_t next_part_ = 1;                ///< under numbers_
    Found found_;                                ///< does not change once it is open
    std::vector<std::unique_ptr<Heard>> heard_;  ///< nor do these
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    // Under mutex_.
    Status status_;
    bool has_status_ = false;
    std::optional<Error> refused_;
    std::unique_ptr<const Error> lost_;
    std::uint64_t last_id_ = 0;
    std::unordered_map<std::uint64_t, journal::Waiter*> waiters_;
    std::uint64_t sent_ = 0;
    std::uint64_t seen_ = 0;  ///< of them, by the newest status
    std::deque<OnTheWay> on_the_way_;
    std::array<OnTheWay, 2> way_{};  ///< sums, by lane
    std::map<std::uint64_t, std::optional<ReturnedMessage>> asked_;
    std::vector<evidence::AlarmEntry> alarms_;
    std::promise<void> ended_;
    process::Outbox out_;
    std::thread reader_;
};

}  // namespace

Result<std::unique_ptr<Recorder>> connect_recorder(process::Descriptor socket,
                                                   std::function<void(const Error&)> on_lost,
                                                   std::vector<LoopLink> links) {
    auto recorder = std::make_unique<RemoteRecorder>(std::move(socket), std::move(on_lost));
    NARROWS_TRY(recorder->await_open());
    recorder->listen(std::move(links));
    return std::unique_ptr<Recorder>(std::move(recorder));
}

}  // namespace narrows::recorder
