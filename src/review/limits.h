#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/file.h"
#include "review/recording.h"

namespace narrows::review {

/// Gathers, from a recording's own records, what it cannot show. Feed it every event and operation,
/// then ask. Memory grows with the number of different operations and hosts, bounded.
class Limits {
  public:
    void add(const EventView& event);
    void add(const OperationView& operation);
    /// Sentences, the gravest first; never empty. `data_dir` says whether the log was anchored.
    std::vector<std::string> sentences(io::FileSystem& fs, const std::string& data_dir) const;

  private:
    static void note(std::map<std::string, std::uint64_t>& names, const std::string& name);

    std::vector<std::string> enforcement_;
    std::map<std::string, std::uint64_t> tunnels_;
    std::map<std::string, std::uint64_t> set_in_motion_;
    std::map<std::string, std::uint64_t> credentials_;
    std::map<std::string, std::uint64_t> withheld_;
    std::uint64_t gaps_ = 0;
    std::uint64_t unknown_ = 0;
    std::uint64_t without_outcome_ = 0;
    std::uint64_t unreadable_ = 0;
    std::uint64_t sealed_ = 0;
    WallNs first_ = 0;
    WallNs last_ = 0;
    bool interrupted_ = false;
    bool closed_ = false;
};

}  // namespace narrows::review
