#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "boundary.h"

namespace narrows::crash {

using Key = std::pair<std::uint64_t, std::uint64_t>;  ///< part, sequence

/// What a life told before it died (boundary.h).
struct Told {
    struct Record {
        std::string lane;
        int kind = 0;
        bool placed = false;
        Key key;
        std::string leaf;
        bool held = false;
        bool durable = false;
    };
    std::vector<Record> records;  ///< in the order in which the journal was given them
    std::uint64_t signed_size = 0;
};
/// A last line without its end is no word of anybody.
Told parse_told(const std::string& lines);

/// How a life ended: what was held survives the death of the process, not a power cut.
enum class End { in_order, killed, power_cut };

/// Follows one data directory through its lives. Reads only.
class History {
  public:
    explicit History(std::string data_dir) : data_dir_(std::move(data_dir)) {}

    /// What is wrong with the directory now that a life has ended; empty: nothing. After a life
    /// that ended in order, all losses must be declared and all operations concluded.
    std::vector<std::string> check(const Told& told, End end);

  private:
    struct Found {
        std::string lane;
        int kind = 0;
        std::string leaf;
    };
    using Frames = std::map<Key, Found>;

    void read();
    void take(const journal::Frame& frame, const std::string& origin);
    void check_old(End end);
    void check_told(const Told& told, End end);
    void check_prefixes(const Told& told);
    void check_invented(const Told& told);
    void check_declared();
    void check_verifier(End end);
    void check_log(const Told& told);
    template <class... Args>
    void wrong(fmt::format_string<Args...> text, Args&&... args) {
        wrong_.push_back(fmt::format(text, std::forward<Args>(args)...));
    }

    const std::string data_dir_;
    Frames before_;  ///< what was there when the last life had ended
    Frames now_;
    std::vector<Key> new_;  ///< but for what a restart declares
    std::map<std::uint64_t, std::vector<std::pair<std::uint64_t, std::uint64_t>>> gaps_;
    std::map<std::uint64_t, std::set<std::uint64_t>> open_;  ///< allowed, without an outcome
    std::vector<std::string> wrong_;
};

}  // namespace narrows::crash
