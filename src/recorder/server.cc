#include "recorder/server.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include <poll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/secret.h"
#include "codec/cbor.h"
#include "codec/text.h"
#include "evidence/fields.h"
#include "process/frame.h"
#include "process/outbox.h"
#include "recorder/protocol.h"

namespace narrows::recorder {
namespace {

using model::RecordKind;
using std::chrono::milliseconds;

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr std::size_t kUnsentMax = 4u << 20;
constexpr std::size_t kCallsMax = 64;
constexpr std::uint64_t kSoonBytes = 1u << 20;  ///< taken since the last Status: the next is due
constexpr milliseconds kBusyPause{20};
constexpr milliseconds kIdlePause{250};
constexpr int kFullPauseMs = 2;
constexpr milliseconds kLastWordsMax{2000};

auto broken(const std::string& what) {
    return fail(ErrorCode::invalid,
                "the gateway broke a rule of its conversation with the "
                "recorder: " +
                    what);
}

/// Carries the journal's word to the gateway. Owns itself until it is told.
class Telling final : public journal::Waiter {
  public:
    Telling(process::Outbox& to, std::uint64_t id) : to_(to) { told_.id = id; }
    void attested(const crypto::Digest& mac) noexcept override { told_.mac = mac; }
    void done(const Result<void>& outcome) noexcept override {
        const std::unique_ptr<Telling> self(this);
        if (!outcome.has_value()) {
            told_.error = outcome.error();
        }
        to_.put(encode(FromRecorder(std::move(told_))));
    }

  private:
    process::Outbox& to_;
    ToldMessage told_;
};

/// So that a receipt proves what it says: the INTENT names the request.
Result<void> check_names_request(const AppendMessage& message) {
    // A receipt for zeros is one for nothing: no request has that digest.
    if (!message.request || *message.request == crypto::Digest{}) {
        return ok();
    }
    const Result<evidence::Fields> fields = evidence::Fields::of(message.payload);
    const auto named = fields.has_value()
                           ? fields.value().only({"observed", "upstream", "request_sha256"})
                           : std::nullopt;
    const Bytes wanted = codec::cbor_encode(codec::Value(codec::hex(*message.request)));
    if (!named || !std::equal(named->begin(), named->end(), wanted.begin(), wanted.end())) {
        return broken("an INTENT does not name the request that its receipt would be for");
    }
    return ok();
}

class Server {
  public:
    /// What is told to a loop goes into its own of `to_loops`.
    Server(Recorder& recorder, const process::Descriptor& socket, process::Outbox& out,
           std::deque<process::Outbox>& to_loops)
        : recorder_(recorder),
          socket_(socket),
          out_(out),
          to_loops_(to_loops),
          next_part_(recorder.found().next_part.value()) {
        out_.put(encode(FromRecorder(hello(recorder.found()))));
        beginner_ = std::thread([this] { work(begins_); });
        caller_ = std::thread([this] { work(calls_); });
        teller_ = std::thread([this] { tell_status(); });
    }
    /// What was asked for before is done.
    ~Server() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
        beginner_.join();
        caller_.join();
        teller_.join();
    }

    /// Until the gateway's end is closed, or it breaks a rule.
    Result<void> read() {
        process::FrameReader frames(kReadBytes);
        while (true) {
            await_room();
            const std::span<std::uint8_t> room = frames.room();
            const ssize_t size = ::recv(socket_.number(), room.data(), room.size(), 0);
            if (size < 0 && errno == EINTR) {
                continue;
            }
            if (size <= 0) {
                return ok();
            }
            frames.filled(static_cast<std::size_t>(size));
            NARROWS_TRY(take_all(frames));
        }
    }

  private:
    Result<void> take_all(process::FrameReader& frames) {
        while (true) {
            NARROWS_TRY(const std::optional<ByteView> frame, frames.next());
            if (!frame) {
                return ok();
            }
            NARROWS_TRY(const FromGateway message, decode_from_gateway(*frame));
            NARROWS_TRY(take(message, *frame));
        }
    }

    Result<void> take(const FromGateway& message, ByteView frame) {
        if (const auto* append = std::get_if<AppendMessage>(&message)) {
            NARROWS_TRY(take_append(*append));
            note(append->payload.size());
            return ok();
        }
        if (const auto* sync = std::get_if<SyncMessage>(&message)) {
            NARROWS_TRY(process::Outbox* const to, outbox_of(sync->loop));
            auto waiter = std::make_unique<Telling>(*to, sync->id);
            const Result<void> asked = recorder_.sync(sync->lane, *waiter);
            journal::Waiter* told = waiter.release();
            if (!asked.has_value()) {
                told->done(asked);
            }
            note(0);
            return ok();
        }
        if (const auto* begin = std::get_if<BeginMessage>(&message)) {
            NARROWS_TRY(check_begin(*begin));
            return leave(begins_, to_bytes(frame));
        }
        return leave(calls_, to_bytes(frame));
    }

    Result<void> check_begin(const BeginMessage& message) {
        const std::lock_guard lock(mutex_);
        if (std::exchange(beginning_, true) || message.open.part != next_part_) {
            return broken("a new part is not the next, or not the only one to begin");
        }
        return ok();
    }

    Result<void> take_append(const AppendMessage& message) {
        const std::shared_ptr<journal::Part> part = part_of(message.part);
        if (!part || part->next().value() != message.sequence) {
            return broken("a record is not the next one of a part that is open");
        }
        NARROWS_TRY(check_names_request(message));
        NARROWS_TRY(append(*part, message, journal::Use::promised));
        if (message.kind == static_cast<std::uint8_t>(RecordKind::close)) {
            const std::lock_guard lock(mutex_);
            parts_.erase(message.part);
        }
        return ok();
    }

    Result<void> append(journal::Part& part, const AppendMessage& message, journal::Use use) {
        std::unique_ptr<Telling> waiter;
        if (message.id != 0) {
            NARROWS_TRY(process::Outbox* const to, outbox_of(message.loop));
            waiter = std::make_unique<Telling>(*to, message.id);
        }
        const auto build = [&](model::PartNo, model::Sequence) {
            return to_bytes(message.payload);
        };
        NARROWS_TRY(recorder_.append(part, message.lane, message.subject(), build, message.await,
                                     waiter.get(), use));
        (void)waiter.release();  // told, or to be told
        return ok();
    }

    Result<process::Outbox*> outbox_of(std::uint8_t loop) {
        if (loop > to_loops_.size()) {
            return broken("it has no such loop");
        }
        return loop == 0 ? &out_ : &to_loops_[loop - 1u];
    }

    std::shared_ptr<journal::Part> part_of(std::uint64_t number) {
        const std::lock_guard lock(mutex_);
        const auto found = parts_.find(number);
        return found == parts_.end() ? nullptr : found->second;
    }

    /// Making a part's keys waits for the disk: other parts' records do not wait for that.
    Result<void> leave(std::deque<Bytes>& to, Bytes frame) {
        {
            const std::lock_guard lock(mutex_);
            if (to.size() == kCallsMax) {
                return broken("too many calls at once");
            }
            to.push_back(std::move(frame));
        }
        wake_.notify_all();
        return ok();
    }

    void work(std::deque<Bytes>& from) {
        std::unique_lock lock(mutex_);
        while (true) {
            wake_.wait(lock, [&] { return stopping_ || !from.empty(); });
            if (from.empty()) {
                return;
            }
            const Bytes frame = std::move(from.front());
            from.pop_front();
            lock.unlock();
            do_one(frame);
            lock.lock();
        }
    }

    void do_one(const Bytes& frame) {
        const FromGateway message = decode_from_gateway(frame).value();
        ReturnedMessage returned;
        Result<Bytes> done = Bytes();
        if (const auto* begin = std::get_if<BeginMessage>(&message)) {
            returned.id = begin->id;
            done = this->begin(*begin);
            const std::lock_guard lock(mutex_);
            next_part_ += done.has_value() ? 1 : 0;
            beginning_ = false;
        } else if (const auto* call = std::get_if<CallMessage>(&message)) {
            returned.id = call->id;
            done = this->call(*call);
        }
        if (done.has_value()) {
            returned.value = std::move(done.value());
        } else {
            returned.error = done.error();
        }
        if (returned.id != 0) {
            out_.put(encode(FromRecorder(std::move(returned))));
        }
    }

    Result<Bytes> begin(const BeginMessage& message) {
        const auto part = recorder_.begin_part({message.kind, message.session});
        NARROWS_TRY(append(*part, message.open, journal::Use::normal));
        SealedClasses sealed = 0;
        for (const journal::KeyClass key : journal::kKeyClasses) {
            sealed |= part->seals(key) ? 1 << static_cast<int>(key) : 0;
        }
        const std::lock_guard lock(mutex_);
        parts_.emplace(message.open.part, part);
        return Bytes{sealed};
    }

    Result<Bytes> call(const CallMessage& message) {
        if (message.name == "configured") {
            NARROWS_TRY(const Configured what, decode_configured(message.argument));
            recorder_.configured(what.digest, what.boot);
            return Bytes();
        }
        if (message.name == "set_recipients") {
            NARROWS_TRY(const RecipientTexts texts, decode_recipients(message.argument));
            NARROWS_TRY(evidence::Recipients recipients, recipients_of(texts));
            recorder_.set_recipients(std::move(recipients));
            return Bytes();
        }
        return call_custody(message);
    }

    Result<Bytes> call_custody(const CallMessage& message) {
        if (message.name == "set_retention") {
            NARROWS_TRY(const RetentionTexts texts, decode_retention(message.argument));
            NARROWS_TRY(Retention retention, texts.retention());
            recorder_.set_retention(std::move(retention));
            return Bytes();
        }
        if (message.name == "hold") {
            NARROWS_TRY(const evidence::HoldEntry word, decode_hold(message.argument));
            NARROWS_TRY(recorder_.hold(word));
            return Bytes();
        }
        if (message.name == "shred") {
            NARROWS_TRY(const ShredMessage asked, decode_shred(message.argument));
            NARROWS_TRY(const ShredRequest request, asked.request());
            NARROWS_TRY(const std::uint64_t destroyed, recorder_.shred(request));
            Bytes answer;
            append_le(answer, destroyed);
            return answer;
        }
        if (message.name == "reconciled") {
            NARROWS_TRY(const evidence::Entry entry, evidence::decode_entry(message.argument));
            const auto* reconciled = std::get_if<evidence::ReconciledEntry>(&entry.body);
            if (reconciled == nullptr) {
                return fail(ErrorCode::invalid, "the entry is of another type");
            }
            NARROWS_TRY(recorder_.reconciled(*reconciled));
            return Bytes();
        }
        return fail(ErrorCode::unsupported, "the recorder knows no such call");
    }

    bool is_full() const {
        static const journal::Options bounds;
        const journal::Counters counters = recorder_.counters();
        const bool unread = std::any_of(to_loops_.begin(), to_loops_.end(), [](const auto& each) {
            return each.unsent() > kUnsentMax;
        });
        return unread || out_.unsent() > kUnsentMax ||
               counters.queued_bytes > bounds.queue_bytes_max + 2 * kWindow ||
               counters.queued_frames > 2 * std::uint64_t{bounds.queue_frames_max};
    }

    /// A gateway that keeps to its window never waits here.
    void await_room() {
        pollfd ended{socket_.number(), POLLRDHUP, 0};
        while (is_full() && ::poll(&ended, 1, kFullPauseMs) == 0) {
        }
    }

    void note(std::size_t bytes) {
        bool wakes = false;
        {
            const std::lock_guard lock(mutex_);
            ++received_;
            const std::uint64_t before = std::exchange(fresh_bytes_, fresh_bytes_ + bytes);
            wakes = !busy_ || (before < kSoonBytes && fresh_bytes_ >= kSoonBytes);
            busy_ = true;
        }
        if (wakes) {
            wake_.notify_all();
        }
    }

    void tell_status() {
        std::unique_lock lock(mutex_);
        while (!stopping_) {
            StatusMessage message;
            message.received = received_;
            busy_ = false;
            fresh_bytes_ = 0;
            lock.unlock();
            message.status = recorder_.status();
            message.alarms = recorder_.take_alarms();
            out_.put(encode(FromRecorder(std::move(message))));
            lock.lock();
            wake_.wait_for(lock, kIdlePause, [this] { return stopping_ || busy_; });
            wake_.wait_for(lock, kBusyPause,
                           [this] { return stopping_ || !busy_ || fresh_bytes_ >= kSoonBytes; });
        }
    }

    Recorder& recorder_;
    const process::Descriptor& socket_;
    process::Outbox& out_;
    std::deque<process::Outbox>& to_loops_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::map<std::uint64_t, std::shared_ptr<journal::Part>> parts_;  ///< open ones, by number
    std::deque<Bytes> begins_;
    std::deque<Bytes> calls_;
    std::uint64_t received_ = 0;
    std::uint64_t fresh_bytes_ = 0;  ///< since the last Status
    bool busy_ = false;
    bool stopping_ = false;
    std::uint64_t next_part_;  ///< the number that a Begin has
    bool beginning_ = false;   ///< one is with the beginner
    std::thread beginner_;
    std::thread caller_;
    std::thread teller_;
};

}  // namespace

Result<void> serve_gateway(std::unique_ptr<Recorder> recorder, const process::Descriptor& socket,
                           const std::vector<process::Descriptor>& to_loops) {
    // Waiters refer to both until the recorder is closed.
    process::Outbox out(socket);
    std::deque<process::Outbox> outs(to_loops.begin(), to_loops.end());
    Result<void> ended = ok();
    {
        Server server(*recorder, socket, out, outs);
        ended = server.read();
    }
    recorder.reset();
    out.flush(kLastWordsMax);
    ::shutdown(socket.number(), SHUT_RDWR);
    return ended;
}

void refuse_gateway(const Error& why, const process::Descriptor& socket) {
    process::Outbox out(socket);
    out.put(encode(FromRecorder(hello(why))));
    out.flush(kLastWordsMax);
}

}  // namespace narrows::recorder
