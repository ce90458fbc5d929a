// Commits per second and latency of durable appends, and throughput of the bulk lane, on a real
// disk: journal_bench DIRECTORY [SECONDS]. The directory is created and left to be removed by hand.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "journal/journal.h"

namespace {

using namespace narrows;
using namespace narrows::journal;
using Steady = std::chrono::steady_clock;

class Signal : public Waiter {
  public:
    void done(const Result<void>& outcome) noexcept override {
        failed_ |= !outcome;
        semaphore_.release();
    }
    bool wait() {
        semaphore_.acquire();
        return !failed_;
    }

  private:
    std::binary_semaphore semaphore_{0};
    bool failed_ = false;
};

/// Keeps `window` appends in flight from one thread, as an event loop would.
class Flow : public Waiter {
  public:
    Flow(Journal& journal, Part& part, Lane lane, Await await, std::size_t size)
        : journal_(journal), part_(part), lane_(lane), await_(await), payload_(size, 7) {}

    void done(const Result<void>& outcome) noexcept override {
        failed = failed || !outcome;
        latencies.push_back(Steady::now() - begun_);
        free_.release();
    }
    bool step() {
        free_.acquire();
        begun_ = Steady::now();
        return journal_.append(part_, lane_, model::RecordKind::body, payload_, await_, this)
                   .has_value() &&
               !failed;
    }
    void settle() { free_.acquire(); }

    std::vector<Steady::duration> latencies;
    bool failed = false;

  private:
    Journal& journal_;
    Part& part_;
    Lane lane_;
    Await await_;
    Bytes payload_;
    std::counting_semaphore<> free_{1};
    Steady::time_point begun_;
};

double us(Steady::duration time) {
    return std::chrono::duration<double, std::micro>(time).count();
}

void report(const char* what, int writers, std::vector<Steady::duration>& all, double seconds,
            std::size_t size) {
    std::sort(all.begin(), all.end());
    std::printf("%-16s %3d writers  %8.0f/s  %7.1f MB/s  p50 %7.0f us  p99 %7.0f us\n", what,
                writers, static_cast<double>(all.size()) / seconds,
                static_cast<double>(all.size() * size) / seconds / 1e6, us(all[all.size() / 2]),
                us(all[all.size() * 99 / 100]));
}

/// `writers` appends in flight, each its own part, driven by at most two threads.
bool run(Journal& journal, Lane lane, Await await, int writers, std::size_t size, double seconds) {
    std::vector<std::shared_ptr<Part>> parts;
    std::vector<std::unique_ptr<Flow>> flows;
    for (int i = 0; i < writers; ++i) {
        parts.push_back(journal.begin_part());
        Signal opened;
        if (!journal.append(*parts.back(), Lane::control, model::RecordKind::open, Bytes(200),
                            Await::durable, &opened) ||
            !opened.wait()) {
            return false;
        }
        flows.push_back(std::make_unique<Flow>(journal, *parts.back(), lane, await, size));
    }
    const auto begin = Steady::now();
    const auto end = begin + std::chrono::duration<double>(seconds);
    bool good = true;
    while (good && Steady::now() < end) {
        for (auto& flow : flows) {
            good = good && flow->step();
        }
    }
    std::vector<Steady::duration> all;
    for (auto& flow : flows) {
        flow->settle();
        all.insert(all.end(), flow->latencies.begin(), flow->latencies.end());
    }
    const double took = std::chrono::duration<double>(Steady::now() - begin).count();
    report(await == Await::durable ? "control durable" : "bulk held", writers, all, took, size);
    return good;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: journal_bench DIRECTORY [SECONDS]\n");
        return 2;
    }
    const double seconds = argc > 2 ? std::atof(argv[2]) : 3;
    const auto begin = Steady::now();
    auto opened = Journal::open(io::posix(), system_clock(),
                                {.directory = argv[1], .origin = "narrows/bench"});
    if (!opened) {
        std::fprintf(stderr, "%s\n", opened.error().what.c_str());
        return 3;
    }
    const double took = std::chrono::duration<double>(Steady::now() - begin).count();
    const RecoveryReport& found = opened.value().report;
    std::printf("opened in %.2f s; found %llu frames, %.0f MB\n", took,
                static_cast<unsigned long long>(found.frames),
                static_cast<double>(found.bytes) / 1e6);
    Journal& journal = *opened.value().journal;
    bool good = true;
    for (const int writers : {1, 8, 64, 256}) {
        good = good && run(journal, Lane::control, Await::durable, writers, 800, seconds);
    }
    for (const int writers : {1, 8}) {
        good = good && run(journal, Lane::bulk, Await::held, writers, 65'536, seconds);
    }
    const State state = journal.state();
    std::printf("%s\n", good ? "done" : state.why.c_str());
    return good ? 0 : 1;
}
