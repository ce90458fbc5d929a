#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "base/check.h"
#include "codec/cbor.h"
#include "codec/text.h"
#include "journal/journal.h"

/// All that the crash tests know of the journal's interface and of what a frame shows without a
/// key: the one file to change when these change.
namespace narrows::crash {

/// Tells a pipe, line by line, what the journal was given and what it acknowledged. The reader at
/// the other end outlives the process. Thread-safe: a line is one write, shorter than PIPE_BUF.
class Teller {
  public:
    explicit Teller(int pipe) : pipe_(pipe) {}

    template <class... Args>
    void tell(fmt::format_string<Args...> text, Args&&... args) {
        const std::string line = fmt::format(text, std::forward<Args>(args)...) + "\n";
        const auto put = ::write(pipe_, line.data(), line.size());
        NARROWS_CHECK(put == static_cast<::ssize_t>(line.size()), "the pipe takes a line whole");
    }

  private:
    const int pipe_;
};

/// The journal, with everything told. Appends of one thread are told in their order:
///   about N LANE KIND | as N PART SEQUENCE LEAF | held N | durable N | refused N
class TellingJournal : public journal::Journal {
  public:
    TellingJournal(journal::Journal& journal, Teller& teller)
        : journal_(journal), teller_(teller) {}

    std::shared_ptr<journal::Part> begin_part(journal::PartInfo info) override {
        return journal_.begin_part(std::move(info));
    }
    std::shared_ptr<journal::Part> resume_part(const journal::PartReport& report) override {
        return journal_.resume_part(report);
    }
    Result<journal::Appended> append(journal::Part& part, journal::Lane lane,
                                     journal::Subject subject, Bytes payload,
                                     journal::Await await, journal::Waiter* waiter,
                                     journal::Use use) override {
        const std::uint64_t number = ++count_;
        tell_about(number, lane, subject.kind);
        journal::Waiter* told = wrap(waiter, number, await);
        return as(number,
                  journal_.append(part, lane, subject, std::move(payload), await, told, use));
    }
    Result<journal::Appended> append(journal::Part& part, journal::Lane lane,
                                     journal::Subject subject,
                                     const journal::PayloadBuilder& build, journal::Await await,
                                     journal::Waiter* waiter, journal::Use use) override {
        const std::uint64_t number = ++count_;
        tell_about(number, lane, subject.kind);
        journal::Waiter* told = wrap(waiter, number, await);
        return as(number, journal_.append(part, lane, subject, build, await, told, use));
    }
    Result<void> sync(journal::Lane lane, journal::Waiter& waiter) override {
        return journal_.sync(lane, waiter);
    }
    journal::State state() const override { return journal_.state(); }
    bool can_open_session() const override { return journal_.can_open_session(); }
    bool has_room_for(std::uint64_t bytes) const override { return journal_.has_room_for(bytes); }
    journal::Counters counters() const override { return journal_.counters(); }

  private:
    /// Tells first, then wakes whoever waits: what nobody was told cannot have been acted upon.
    class Told : public journal::Waiter {
      public:
        Told(Teller& teller, journal::Waiter* next, std::uint64_t number, journal::Await await)
            : teller_(teller), next_(next), number_(number), await_(await) {}
        void done(const Result<void>& outcome) noexcept override {
            const std::unique_ptr<Told> self(this);
            const char* word = await_ == journal::Await::durable ? "durable" : "held";
            teller_.tell("{} {}", outcome.has_value() ? word : "refused", number_);
            next_->done(outcome);
        }

      private:
        Teller& teller_;
        journal::Waiter* const next_;
        const std::uint64_t number_;
        const journal::Await await_;
    };

    void tell_about(std::uint64_t number, journal::Lane lane, model::RecordKind kind) {
        teller_.tell("about {} {} {}", number, name_of(lane), static_cast<int>(kind));
    }
    /// Owns itself until it is told.
    journal::Waiter* wrap(journal::Waiter* next, std::uint64_t number, journal::Await await) {
        return next == nullptr ? nullptr : new Told(teller_, next, number, await);
    }
    Result<journal::Appended> as(std::uint64_t number, Result<journal::Appended> appended) {
        NARROWS_CHECK(appended.has_value(), "a sound disk takes every record of the crash tests");
        teller_.tell("as {} {} {} {}", number, appended.value().part.value(),
                     appended.value().sequence.value(), codec::hex(appended.value().leaf));
        return appended;
    }

    journal::Journal& journal_;
    Teller& teller_;
    std::atomic<std::uint64_t> count_ = 0;
};

/// What a restart declares of an earlier life, which the journal is given by nobody that is told of
/// here: it is not sealed.
inline bool is_declaration(const journal::Frame& frame) {
    using model::RecordKind;
    return !frame.sealed() && (frame.kind == RecordKind::gap || frame.kind == RecordKind::unknown ||
                               frame.kind == RecordKind::close);
}
/// Of a GAP: the first and the last sequence that it declares.
inline std::pair<std::uint64_t, std::uint64_t> declared(const journal::Frame& frame) {
    const Result<codec::Value> payload = codec::cbor_decode(frame.payload);
    const codec::Value none;
    const codec::Value* observed = payload.has_value() ? payload.value().find("observed") : &none;
    return {observed->number("first"), observed->number("last")};
}

}  // namespace narrows::crash
