#pragma once

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "codec/cbor.h"
#include "journal/store_test.h"
#include "recording/part_log.h"

/// A journal on a file system in memory and a loop beside it, for tests of what records.
namespace narrows::recording::testing {

struct Record {
    RecordKind kind;
    codec::Value payload;
    const codec::Value& observed() const { return *payload.find("observed"); }
};

class Recorder {
  public:
    Recorder() : loops(1), thread_([this] { loops.run(); }) {
        journal::Options options = journal::testing::small_options();
        options.attest = [this](const journal::Subject& subject, model::PartNo part,
                                Sequence sequence, ByteView payload) {
            return receipt_key.attest(subject, part, sequence, payload);
        };
        journal = journal::testing::open(fs, std::move(options)).value().journal;
    }
    ~Recorder() { stop(); }

    std::shared_ptr<PartLog> new_part() {
        return std::make_shared<PartLog>(*journal, journal->begin_part());
    }
    /// One part with its OPEN.
    std::shared_ptr<PartLog> opened_part() {
        std::shared_ptr<PartLog> part = new_part();
        const bool opened = wait<bool>([&]() -> net::Task<bool> {
            auto payload = [](model::PartNo) { return observed({{"kind", "session"}}); };
            const Result<void> done = co_await part->open(workers, payload);
            co_return done.has_value();
        });
        NARROWS_CHECK(opened, "a test's part opens");
        return part;
    }
    /// Runs a coroutine to its end on the loop.
    template <class T>
    T wait(std::function<net::Task<T>()> story) {
        std::promise<T> done;
        loops.at(0).spawn([&]() -> net::Task<void> {
            T value = co_await story();
            done.set_value(std::move(value));
        });
        return done.get_future().get();
    }
    /// Ends the journal and reads what stands in a part, by sequence.
    std::vector<Record> records(model::PartNo part) {
        stop();
        std::map<std::uint64_t, Record> found;
        auto reader = journal::Reader::open(fs, journal::testing::kDirectory);
        while (auto item = reader.value().next().value()) {
            const journal::Frame* frame = std::get_if<journal::Frame>(&*item);
            if (frame != nullptr && frame->part == part) {
                found.insert_or_assign(
                    frame->sequence.value(),
                    Record{frame->kind, codec::cbor_decode(frame->payload).value()});
            }
        }
        std::vector<Record> records;
        for (auto& [sequence, record] : found) {
            records.push_back(std::move(record));
        }
        return records;
    }

    const ReceiptKey receipt_key{Secret(std::string_view("receipt key"))};
    io::FaultyFileSystem fs;
    std::unique_ptr<journal::Journal> journal;
    net::Loops loops;
    net::Workers workers{1};

  private:
    void stop() {
        if (thread_.joinable()) {
            loops.stop();
            thread_.join();
            journal.reset();
        }
    }
    std::thread thread_;
};

}  // namespace narrows::recording::testing
