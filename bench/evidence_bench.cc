// What the evidence store can do on a real disk, beside plain code that stores the same bytes.
//
//   evidence_bench commits DIR SECONDS SYNC_US   durable INTENTs by 1, 16, 64 and 256 writers
//   evidence_bench bodies DIR SECONDS            64 KiB bodies, held, by 1 and 8 writers
//   evidence_bench fill DIR ROUNDS               a data directory of whole operations
//   evidence_bench recovery DIR                  opens its journal (recovery); reads its files plainly
//   evidence_bench verify DIR                    verifies it; hashes its files plainly
// SYNC_US is added to every sync. Prints one JSON object a line. DIR is created, and left behind.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "../tests/crash/life.h"
#include "base/check.h"
#include "base/log.h"
#include "codec/cbor.h"
#include "crypto/age.h"
#include "crypto/hash.h"
#include "evidence/verify.h"
#include "io/passing.h"
#include "journal/journal.h"
#include "recorder/recorder.h"

namespace {

using namespace narrows;
using namespace narrows::journal;
using Steady = std::chrono::steady_clock;
using Micros = std::chrono::microseconds;

constexpr std::size_t kIntentBytes = 800;
constexpr std::size_t kBodyBytes = 64 * 1024;

double seconds_since(Steady::time_point begin) {
    return std::chrono::duration<double>(Steady::now() - begin).count();
}

/// Of this process, in MiB.
double peak_mib() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        if (word == "VmHWM:") {
            double kib = 0;
            status >> kib;
            return kib / 1024;
        }
    }
    return 0;
}

/// The operating system's files with slower syncs.
class SlowFiles : public io::PassingFiles {
  public:
    explicit SlowFiles(Micros added) : io::PassingFiles(io::posix()), added_(added) {}

    Result<std::unique_ptr<io::File>> open(const std::string& path, io::Mode mode,
                                           io::Cache cache) override {
        NARROWS_TRY(auto file, io::PassingFiles::open(path, mode, cache));
        return std::make_unique<SlowFile>(std::move(file), added_);
    }

  private:
    class SlowFile : public io::PassingFile {
      public:
        SlowFile(std::unique_ptr<io::File> file, Micros added)
            : io::PassingFile(std::move(file)), added_(added) {}
        Result<void> datasync() override {
            if (added_.count() > 0) {
                std::this_thread::sleep_for(added_);
            }
            return io::PassingFile::datasync();
        }

      private:
        const Micros added_;
    };

    const Micros added_;
};

/// The recorder as the benchmark uses it: the one place to change when its interface does. Payloads
/// are sealed to one recipient, as a gateway's are.
class Store {
  public:
    Store(io::FileSystem& fs, const std::string& data_dir)
        : recorder_(recorder::open_recorder(fs, system_clock(), options(data_dir)).value()) {}
    std::shared_ptr<Part> begin() { return recorder_->begin_part({"session", "ns-bench"}); }
    void append(Part& part, Lane lane, model::RecordKind kind, const Bytes& payload, Await await,
                Waiter& waiter) {
        const auto taken = recorder_->append(part, lane, kind, payload, await, &waiter);
        NARROWS_CHECK(taken.has_value(), "the journal takes the benchmark's records");
    }
    std::uint64_t bytes_written() const {
        const Counters counters = recorder_->counters();
        return counters.control.bytes_written + counters.bulk.bytes_written;
    }

  private:
    static recorder::RecorderOptions options(const std::string& data_dir) {
        const crypto::AgeIdentity reviewer = crypto::AgeIdentity::generate();
        recorder::RecorderOptions options;
        options.data_dir = data_dir;
        options.origin = crash::kOrigin;
        options.anchors.make = [](const evidence::VerifierKey&) {
            return Result<recorder::AnchorSetup::Anchors>(recorder::AnchorSetup::Anchors());
        };
        options.recipients = {{reviewer.recipient()}, {reviewer.recipient()}, {}};
        return options;
    }

    std::unique_ptr<recorder::Recorder> recorder_;
};

/// About `size` bytes, in the shape of an INTENT.
Bytes intent_payload(std::size_t size) {
    const codec::Map decision{{"verdict", "deny"}, {"why", "the scope says so"}};
    const codec::Map request{{"method", "GET"}, {"target", std::string(size - 90, 't')}};
    return codec::cbor_encode(codec::Map{
        {"observed", codec::Map{{"op", 1}, {"decision", decision}, {"request", request}}}});
}
Bytes body_payload(std::size_t size) {
    const codec::Map fields{{"op", 1}, {"dir", "response"}, {"index", 0}};
    return codec::cbor_encode(fields, "bytes", Bytes(size, 7));
}

/// Writers, each with a part of its own and one record in flight, on one thread: what is told
/// comes back to it through a queue, as it does to an event loop.
class Writers {
  public:
    struct Load {
        Lane lane;
        model::RecordKind kind;
        Bytes payload;
        Await await;
    };
    Writers(Store& store, std::size_t count, Load load) : store_(store), load_(std::move(load)) {
        for (std::size_t i = 0; i < count; ++i) {
            writers_.push_back(std::make_unique<Writer>(*this, store.begin()));
            writers_.back()->begun = Steady::now();
            store_.append(*writers_.back()->part, Lane::control, model::RecordKind::open,
                          intent_payload(200), Await::durable, *writers_.back());
        }
        for (std::size_t opened = 0; opened < count;) {
            opened += take().size();
        }
    }

    void run(double seconds) {
        const auto begin = Steady::now();
        for (auto& writer : writers_) {
            next(*writer);
        }
        std::size_t in_flight = writers_.size();
        while (in_flight > 0) {
            const bool goes_on = seconds_since(begin) < seconds;
            for (Writer* writer : take()) {
                latencies_.push_back(Steady::now() - writer->begun);
                in_flight -= goes_on ? 0 : 1;
                if (goes_on) {
                    next(*writer);
                }
            }
        }
        took_ = seconds_since(begin);
        std::sort(latencies_.begin(), latencies_.end());
    }
    double per_second() const { return static_cast<double>(latencies_.size()) / took_; }
    std::size_t count() const { return latencies_.size(); }
    double percentile_us(std::size_t percent) const {
        const auto at = latencies_[latencies_.size() * percent / 100];
        return std::chrono::duration<double, std::micro>(at).count();
    }

  private:
    struct Writer : Waiter {
        Writer(Writers& of, std::shared_ptr<Part> its) : writers(of), part(std::move(its)) {}
        void done(const Result<void>& outcome) noexcept override {
            NARROWS_CHECK(outcome.has_value(), "the benchmark's disk is sound");
            const std::lock_guard lock(writers.mutex_);
            writers.told_.push_back(this);
            writers.wake_.notify_one();
        }
        Writers& writers;
        std::shared_ptr<Part> part;
        Steady::time_point begun;
    };

    std::vector<Writer*> take() {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !told_.empty(); });
        return std::exchange(told_, {});
    }
    void next(Writer& writer) {
        writer.begun = Steady::now();
        store_.append(*writer.part, load_.lane, load_.kind, load_.payload, load_.await, writer);
    }

    Store& store_;
    const Load load_;
    std::vector<std::unique_ptr<Writer>> writers_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Writer*> told_;
    std::vector<Steady::duration> latencies_;
    double took_ = 0;
};

/// Appends and syncs, one after the other, until the time is over.
struct Plain {
    double per_second = 0;
    double p50_us = 0;
    double p99_us = 0;
};
Plain plain_appends(io::FileSystem& fs, const std::string& path, std::size_t size, bool each_synced,
                    double seconds) {
    auto file = fs.open(path, io::Mode::create_over, io::Cache::buffered).value();
    const Bytes bytes(size, 7);
    std::vector<double> times;
    const auto begin = Steady::now();
    auto synced = begin;
    for (std::uint64_t at = 0; seconds_since(begin) < seconds; at += size) {
        const auto one = Steady::now();
        NARROWS_CHECK(io::write_all(*file, bytes, at).has_value(), "the disk takes a write");
        if (each_synced || seconds_since(synced) > 0.05) {
            NARROWS_CHECK(file->datasync().has_value(), "the disk syncs");
            synced = Steady::now();
        }
        times.push_back(seconds_since(one) * 1e6);
    }
    std::sort(times.begin(), times.end());
    return {static_cast<double>(times.size()) / seconds_since(begin), times[times.size() / 2],
            times[times.size() * 99 / 100]};
}

void commits(const std::string& directory, double seconds, int sync_us) {
    SlowFiles fs((Micros(sync_us)));
    Store store(fs, directory);
    for (const std::size_t count : {1, 16, 64, 256}) {
        Writers writers(store, count,
                        {Lane::control, model::RecordKind::intent, intent_payload(kIntentBytes),
                         Await::durable});
        writers.run(seconds);
        fmt::print("{{\"what\":\"commits\",\"sync_us\":{},\"writers\":{},\"per_s\":{:.0f},"
                   "\"p50_us\":{:.0f},\"p99_us\":{:.0f},\"peak_mib\":{:.0f}}}\n",
                   sync_us, count, writers.per_second(), writers.percentile_us(50),
                   writers.percentile_us(99), peak_mib());
    }
    const Plain plain = plain_appends(fs, directory + "/plain", kIntentBytes, true, seconds);
    fmt::print("{{\"what\":\"plain commits\",\"sync_us\":{},\"writers\":1,\"per_s\":{:.0f},"
               "\"p50_us\":{:.0f},\"p99_us\":{:.0f}}}\n",
               sync_us, plain.per_second, plain.p50_us, plain.p99_us);
}

void bodies(const std::string& directory, double seconds) {
    SlowFiles fs((Micros(0)));
    Store store(fs, directory);
    for (const std::size_t count : {1, 8}) {
        const std::uint64_t before = store.bytes_written();
        Writers writers(store, count,
                        {Lane::bulk, model::RecordKind::body, body_payload(kBodyBytes), Await::held});
        writers.run(seconds);
        const double stored = static_cast<double>(store.bytes_written() - before);
        fmt::print("{{\"what\":\"bodies\",\"writers\":{},\"mb_per_s\":{:.0f},"
                   "\"stored_per_carried\":{:.3f},\"peak_mib\":{:.0f}}}\n",
                   count, writers.per_second() * kBodyBytes / 1e6, stored / static_cast<double>(writers.count() * kBodyBytes),
                   peak_mib());
    }
    const Plain plain = plain_appends(fs, directory + "/plain", kBodyBytes, false, seconds);
    fmt::print("{{\"what\":\"plain bodies\",\"mb_per_s\":{:.0f}}}\n",
               plain.per_second * kBodyBytes / 1e6);
}

/// Every byte of the journal's segments goes through `take`; how many there are.
std::uint64_t read_files(const std::string& directory, const std::function<void(ByteView)>& take) {
    Bytes buffer(1 << 20);
    std::uint64_t bytes = 0;
    const std::vector<std::string> names = io::posix().list(directory).value();
    for (const std::string& name : names) {
        const auto file = io::posix().open(directory + "/" + name, io::Mode::read).value();
        for (std::uint64_t at = 0;;) {
            const std::size_t got = file->pread(buffer, at).value();
            if (got == 0) {
                break;
            }
            take(ByteView(buffer).first(got));
            at += got;
            bytes += got;
        }
    }
    return bytes;
}

void report_speed(const char* what, double bytes, double took) {
    fmt::print("{{\"what\":\"{}\",\"mb\":{:.0f},\"seconds\":{:.3f},\"mb_per_s\":{:.0f},"
               "\"peak_mib\":{:.0f}}}\n",
               what, bytes / 1e6, took, bytes / 1e6 / took, peak_mib());
}

void recovery(const std::string& data_dir) {
    const std::string directory = data_dir + "/journal";
    auto begin = Steady::now();
    std::uint64_t sum = 0;
    const std::uint64_t bytes = read_files(directory, [&](ByteView part) { sum += part[0]; });
    report_speed("plain read", static_cast<double>(bytes), seconds_since(begin));
    begin = Steady::now();
    // Small segments to go on with, so that little but the scan is measured.
    const auto opened = Journal::open(io::posix(), system_clock(),
                                      {.directory = directory,
                                       .origin = crash::kOrigin,
                                       .segment_bytes = 1 << 20,
                                       .reserve_bytes = 2 << 20})
                            .value();
    report_speed("recovery", static_cast<double>(opened.report.bytes), seconds_since(begin));
}

void verify(const std::string& data_dir) {
    auto begin = Steady::now();
    crypto::Hasher hasher;
    const std::uint64_t bytes =
        read_files(data_dir + "/journal", [&](ByteView part) { hasher.update(part); });
    (void)hasher.finish256();
    report_speed("plain sha256", static_cast<double>(bytes), seconds_since(begin));
    begin = Steady::now();
    const evidence::Report report = evidence::verify(
        io::posix(), {.data_dir = data_dir, .trust = {}, .checkpoints = {}, .progress = {}});
    NARROWS_CHECK(report.verdict == evidence::Verdict::consistent, "the store is sound");
    report_speed("verification", static_cast<double>(bytes), seconds_since(begin));
}

}  // namespace

int main(int argc, char** argv) {
    log::configure(log::Level::error, false);
    const std::vector<std::string> words(argv, argv + argc);
    const std::string command = argc > 2 ? words[1] : "";
    std::filesystem::create_directories(argc > 2 ? words[2] : ".");
    if (command == "commits" && argc == 5) {
        commits(words[2], std::stod(words[3]), std::stoi(words[4]));
    } else if (command == "bodies" && argc == 4) {
        bodies(words[2], std::stod(words[3]));
    } else if (command == "fill" && argc == 4) {
        const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
        crash::live({.data_dir = words[2], .rounds = std::stoull(words[3]), .large = true,
                     .segment_bytes = 64 << 20},
                    nowhere);
    } else if (command == "recovery" && argc == 3) {
        recovery(words[2]);
    } else if (command == "verify" && argc == 3) {
        verify(words[2]);
    } else {
        std::fprintf(stderr, "usage: evidence_bench commits|bodies|fill|recovery|verify DIR …\n");
        return 2;
    }
    return 0;
}
