#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "reconcile/events.h"
#include "reconcile/makers.h"
#include "reconcile/state.h"

namespace narrows::reconcile {

/// CloudTrail's times are whole seconds of the service's clock, at the end of a call.
inline constexpr std::int64_t kSlackNs = 5 * kNsPerSecond;

/// The record of the one row of `unfollowed` that says that there was more than is followed.
inline constexpr const char* kUnfollowedLimit = "limit";

/// Keeps in the state what sessions made that acts by itself, what that made in turn, and which
/// events are theirs. Events may come in any order, so that for each event all it may be of is
/// kept, and the report chooses, once it is known when each thing began and ended. At most kMadeMax
/// things and kDepthMax links of a chain are followed; that there were more is kept as
/// `unfollowed`. Memory: nothing that grows. Single-threaded.
class Follower {
  public:
    static constexpr std::int64_t kMadeMax = 100'000;
    static constexpr std::int64_t kDepthMax = 16;

    /// How an event is known to be somebody's, the best first.
    enum Rank : std::int64_t {
        by_key = 1,     ///< its key id
        by_proof = 2,   ///< the trail says that a service gave the credentials to it
        by_origin = 3,  ///< a role or user that was made
        by_name = 4,    ///< a name alone, which others may take or have: could be
        by_role = 5,    ///< a role that was passed on, which others may have too: could be
    };

    /// `made_max` is for tests.
    explicit Follower(Database& state, std::int64_t made_max = kMadeMax);

    /// Where something was made.
    struct Origin {
        std::string session;
        std::string record;  ///< "PART/OP", or the id of an event
        WallNs since = 0;
        std::int64_t parent = 0;  ///< what made it; 0: the session
        bool is_certain = true;
        std::string by;  ///< who made it for the session; or ""
    };
    /// Takes what an operation made that succeeded. `why` says what is wrong if nothing in it tells
    /// the names.
    Result<void> make(const Making& making, const Origin& origin, const std::string& why);
    /// The first time that a session does is what counts.
    Result<void> pass(const std::string& role, const Origin& origin);
    /// Takes what an operation ended that succeeded, or replaced by another of that name.
    Result<void> end(const Making& making, WallNs time, const std::string& record);

    /// What an event says of things that are followed, whoever's it is.
    Result<void> note(const Event& event);

    struct Followed {
        std::int64_t made = 0;  ///< what it is best taken for; 0: nothing
        Rank rank = by_role;
        bool is_certain = false;
        std::string session;
        std::string story;  ///< "instance i-0abc, which the session created in operation 3/7"
    };
    /// What it may be of; takes along what it made in turn.
    Result<Followed> follow(const Event& event);

    /// The oldest beginning of what was not known when this was last asked; 0: nothing new.
    WallNs take_news();

  private:
    struct Row {
        std::int64_t id = 0;
        std::string giver;
        std::string name;
        std::string what;
        std::string region;
        std::string role;
        std::string session;
        std::string root;
        std::string story;
        std::int64_t depth = 0;
        bool is_certain = false;
        bool is_passed = false;
        bool is_shared = false;
        WallNs since = 0;
    };
    Result<void> add(const Made& made, const Origin& origin, bool is_passed);
    Result<void> full();
    Result<void> lose_unnamed(const Making& making, const Origin& origin, const std::string& why);
    Result<void> lose(const Making& making, const Origin& origin, const std::string& why);
    Result<bool> is_known(const std::string& actor);
    Result<void> note_issue(const Event& event);
    Result<void> issue_to_named(const Event& event, const std::string& key);
    Result<void> issue_to(const Event& event, const std::string& actor, const std::string& key);
    Result<void> candidates(const Event& event, const std::string& actor, Followed& best);
    Result<void> issued(const Event& event, Followed& best);
    Result<void> link(const Event& event, const Row& row, Rank rank, Followed& best);
    static Row row_of(const Query& query);
    template <class Take>
    static Result<void> each_row(Query& query, const Take& take);
    /// 0: it is not its.
    static std::int64_t rank_of(const Event& event, const std::string& actor, const Row& row);

    const std::int64_t made_max_;
    std::int64_t count_ = 0;
    WallNs news_ = 0;
    Database& state_;
    Query add_;
    Query of_actor_;
    Query of_id_;
    Query of_key_;
    Query passed_;
    Query known_;
    Query end_;
    Query issue_;
    Query link_;
    Query lose_;
};

/// An event as an operation that may make or end something.
Making making_of(const Event& event);

}  // namespace narrows::reconcile
