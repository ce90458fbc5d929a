#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "reconcile/reconcile.h"
#include "reconcile/records.h"
#include "reconcile/state.h"

namespace narrows::reconcile {

/// Says what the state holds once everything is read. Used once.
class Report {
  public:
    Report(Database& state, const Options& options, const RecordsRead& read, bool is_archived,
           const std::function<void(const codec::Map&)>& tell);
    Result<Outcome> make(const std::string& trail);

  private:
    /// Of one account and region: what the trail shows.
    struct Stretch {
        WallNs from = 0;
        WallNs to = 0;
    };
    enum class Standing { missing, pending, not_covered };
    struct Judged {
        Standing standing = Standing::missing;
        std::string why;
    };
    struct Unmatched {
        std::string service;
        std::string name;
        std::string account;
        std::string region;
        std::string root;
        bool is_write = false;
        WallNs asked = 0;
        WallNs ended = 0;
        std::int64_t status = 0;
    };
    Result<void> read_stretches();
    Result<void> absent_regions();
    Result<void> unseen_regions();
    Result<void> trail_findings();
    Result<void> missing_files();
    Result<void> unlisted_files();
    Result<void> strays();
    Result<void> differences();
    Result<void> unmatched_operations();
    Result<void> unmatched_credentials();
    Result<void> leaked_keys();
    Result<void> consequences();
    Result<void> lives();
    Result<void> followed();
    Result<void> not_followed();
    Result<void> notes();
    void questions();
    Result<void> proofs();
    Result<void> unproven_logs();
    Result<void> tallies();
    Result<Judged> judge(const Unmatched& call);
    Result<bool> is_shown(const Unmatched& call);
    void add_missing(const Unmatched& call, const Judged& judged, codec::Map fields);
    void finding(const char* kind, codec::Map fields, std::string why);
    Result<std::int64_t> count(const char* sql) const;
    Result<std::set<std::string>> texts(const char* sql) const;

    Database& state_;
    const Options& options_;
    const RecordsRead& read_;
    const bool is_archived_;  ///< some of what is on record is not here
    const std::function<void(const codec::Map&)>& tell_;
    Outcome out_;
    std::map<std::pair<std::string, std::string>, Stretch> stretches_;
    std::map<std::pair<std::string, std::string>, std::uint64_t> not_covered_;
    std::uint64_t late_ = 0;
};

}  // namespace narrows::reconcile
