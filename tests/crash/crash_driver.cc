// Kills a recorder at every k-th operation that changes its disk, and looks at what is left.
//
//   crash_driver matrix FOLDER CUTS SEED SHARD SHARDS
//       Cuts until CUTS processes have died; of the cases, those whose number is SHARD modulo SHARDS.
//       For each store that is to be looked at by another verifier: a line with its folder, then
//       waits for a line on standard input. At the end: "done CUTS".
//   crash_driver live DIR SEED            records for ever; tells standard output (boundary.h)
//   crash_driver after-power-cut DIR TOLD
//       Looks at what is left of a life that told TOLD, recovers, looks again.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "check.h"
#include "life.h"

namespace {

using namespace narrows;
using namespace narrows::crash;

struct Ended {
    Told told;
    bool was_killed = false;
    std::uint64_t operations = 0;  ///< of one that was not
};

std::string read_all(int pipe) {
    std::string all;
    std::array<char, 65536> some;
    for (::ssize_t got = 0; (got = ::read(pipe, some.data(), some.size())) > 0;) {
        all.append(some.data(), static_cast<std::size_t>(got));
    }
    return all;
}

/// In a process of its own. This one has no other threads.
Ended live_apart(const Life& life) {
    int ends[2];
    NARROWS_CHECK(::pipe2(ends, O_CLOEXEC) == 0, "pipes are to be had");
    const ::pid_t child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        const std::uint64_t operations = live(life, ends[1]);
        Teller(ends[1]).tell("operations {}", operations);
        std::_Exit(0);
    }
    ::close(ends[1]);
    std::string lines = read_all(ends[0]);
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    Ended ended;
    ended.was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    const std::size_t at = lines.rfind("operations ");
    if (!ended.was_killed && (status != 0 || at == std::string::npos)) {
        fmt::print("{}: a life that nobody ended failed, status {}\n", life.data_dir, status);
        std::exit(1);
    }
    if (!ended.was_killed) {
        ended.operations = std::stoull(lines.substr(at + 11));
        lines.resize(at);
    }
    ended.told = parse_told(lines);
    return ended;
}

class Matrix {
  public:
    Matrix(const std::string& folder, std::uint64_t seed) : store_(folder + "/store"), seed_(seed) {}

    /// Lives that die at operation after operation of a first load, then at every third one of other
    /// loads, each third of which is large: segments fill.
    void run(std::uint64_t cuts, std::uint64_t shard, std::uint64_t shards) {
        for (std::uint64_t load = shard; cuts_ < cuts; load += shards) {
            load_ = load;
            large_ = load / shards % 3 == 1;
            const std::uint64_t span = measure();
            const bool is_first = load < shards;
            const std::uint64_t step = is_first ? 1 : 3;
            for (std::uint64_t at = is_first ? 1 : kStart; at <= span && cuts_ < cuts; at += step) {
                kill_at({at, kWheres[(at / step + load) % 3]});
            }
        }
        fmt::print("done {}\n", cuts_);
    }

  private:
    /// The first load's deaths cover how journal and log begin.
    static constexpr std::uint64_t kStart = 50;

    void clear() {
        std::filesystem::remove_all(store_);
        std::filesystem::create_directories(store_);
        history_.emplace(store_);
    }
    Life life(Cut cut) const {
        return {.data_dir = store_, .cut = cut, .seed = seed_ + load_, .rounds = 1, .large = large_};
    }
    void expect_sound(const Ended& ended, End end, const Life& life) {
        const std::vector<std::string> wrong = history_->check(ended.told, end);
        for (const std::string& each : wrong) {
            fmt::print("load {} (seed {}), killed at {} ({}): {}\n", load_, life.seed, life.cut.at,
                       static_cast<int>(life.cut.where), each);
        }
        if (!wrong.empty()) {
            std::exit(1);
        }
    }
    /// How many operations the load takes when nobody dies.
    std::uint64_t measure() {
        clear();
        const Ended ended = live_apart(life({}));
        expect_sound(ended, End::killed, life({}));
        return ended.operations;
    }
    void live_until(const Life& life) {
        const Ended ended = live_apart(life);
        cuts_ += ended.was_killed ? 1 : 0;
        expect_sound(ended, End::killed, life);
    }
    /// One case: a death, for every third another one in what the next life does about it, then a
    /// life that ends in order. The other verifier sees every eighth store as the deaths left it.
    void kill_at(Cut cut) {
        clear();
        live_until(life(cut));
        if (cut.at % 3 == 0) {
            Life next = life({1 + (cut.at * 7 + load_ * 11) % 120, kWheres[cut.at / 3 % 3]});
            next.seed += 1'000'000;
            live_until(next);
        }
        if (cut.at % 8 == 0) {
            show();
        }
        Life last = life({});
        last.rounds = 0;
        expect_sound(live_apart(last), End::in_order, last);
        show();
    }
    void show() const {
        std::cout << store_ << std::endl;
        std::string word;
        std::getline(std::cin, word);
    }

    const std::string store_;
    const std::uint64_t seed_;
    std::uint64_t cuts_ = 0;
    std::uint64_t load_ = 0;
    bool large_ = false;
    std::optional<History> history_;
};

/// A power cut ended a life that told `told`: what is left of it, then what the next life makes of
/// that.
int after_power_cut(const std::string& data_dir, const std::string& told) {
    std::ostringstream text;
    text << std::ifstream(told).rdbuf();
    History history(data_dir);
    std::vector<std::string> wrong = history.check(parse_told(text.str()), End::power_cut);
    if (wrong.empty()) {
        const Ended last = live_apart({.data_dir = data_dir});
        wrong = history.check(last.told, End::in_order);
    }
    wrong.resize(std::min<std::size_t>(wrong.size(), 20));
    for (const std::string& each : wrong) {
        fmt::print("{}\n", each);
    }
    return wrong.empty() ? 0 : 1;
}

int obey(const std::vector<std::string>& words) {
    const std::string& command = words[1];
    if (command == "matrix" && words.size() == 7) {
        Matrix(words[2], std::stoull(words[4]))
            .run(std::stoull(words[3]), std::stoull(words[5]), std::stoull(words[6]));
        return 0;
    }
    if (command == "live" && words.size() == 4) {
        live({.data_dir = words[2], .seed = std::stoull(words[3]), .rounds = UINT64_MAX}, 1);
        return 0;
    }
    if (command == "after-power-cut" && words.size() == 4) {
        return after_power_cut(words[2], words[3]);
    }
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    log::configure(log::Level::error, false);
    const std::vector<std::string> words(argv, argv + argc);
    const int code = words.size() > 1 ? obey(words) : 2;
    if (code == 2) {
        std::cerr << "usage: crash_driver matrix|live|after-power-cut … (crash_driver.cc)\n";
    }
    return code;
}
