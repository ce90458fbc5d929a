#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "reconcile/compare.h"
#include "reconcile/events.h"
#include "reconcile/follower.h"
#include "reconcile/state.h"

namespace narrows::reconcile {

/// Takes events in any order and finds the record that each is of, or what else it is: the state's
/// `event` table has all that concern the gateway, by class:
///   matched      of an operation on record, or the gateway's AssumeRole
///   shared       the same call in another account's trail
///   more         a further event of a call that has one: one an object, a correction, an attempt
///   leaked       by a key id that stood in an answer to a session, and by nobody of ours
///   consequence  a service in a session's name, or what may be something that a session made (no
///                `why`: the Follower's links say of what, see follower.h)
///   own          the gateway's own calls that no record is of: its buckets and key, refused
///                AssumeRoles
///   before       older than the recordings
///   stray        no record is of it
/// Events of anybody else leave no trace. An event's id proves nothing: two events of one id that
/// say different things are two events. Single-threaded. Records are read first.
class Matcher {
  public:
    /// `gateways`: principals that the gateway is known to be. `own`: buckets and KMS keys that it
    /// itself uses, as its configuration names them.
    Matcher(Database& state, std::set<std::string> gateways, std::set<std::string> own);

    /// `text` is what the event was read from. An event that was taken before counts as a duplicate
    /// if `is_new`: its file was not read before.
    Result<void> take(const Event& event, std::string_view text, const std::string& file,
                      bool is_new);
    /// Looks again at strays, now that more is on record.
    Result<void> retry_strays();
    /// Who assumed a role for the gateway, if the event shows it.
    Result<bool> learn_gateway(const Event& event);
    bool knows_gateway() const { return !gateways_.empty(); }
    Result<void> save_tallies();
    /// See Follower: events from then on may be of something that was not known when they came.
    WallNs take_news() { return follower_.take_news(); }

  private:
    struct Found {
        std::int64_t operation = 0;
        RecordedCall call;
        std::string session;
        std::string record;  ///< "PART/OP"
        std::string event;   ///< that it has already
        std::string shared;
    };
    static Result<Found> found_in(const Query& row);
    Result<std::string> known(const Event& event);
    Result<void> take_one(const Event& event, const std::string& kind, std::string_view text,
                          const std::string& file, bool is_new);
    Result<bool> is_of_operation(const std::string& request_id);
    Result<bool> by_request(const Event& event, const std::string& file);
    Result<bool> by_credential_request(const Event& event, const std::string& file);
    Result<bool> by_likeness(const Event& event, const std::string& file,
                             const std::string& session);
    Result<bool> join(const Event& event, const std::string& file, const Found& found);
    Result<void> join_further(const Event& event, const std::string& file, const Found& found,
                              const std::vector<Difference>& differences);
    Result<void> differ(const Event& event, const std::string& file, const Found& found,
                        const std::vector<Difference>& differences);
    Result<void> mark(const Event& event, const std::string& file, const Found& found);
    Result<void> by_principal(const Event& event, std::string_view text, const std::string& file);
    Result<void> by_standing(const Event& event, std::string_view text, const std::string& file);
    Result<void> by_source_identity(const Event& event, std::string_view text,
                                    const std::string& file);
    Result<void> follow_stray(const Event& event, const std::string& session);
    Result<void> stray(const Event& event, std::string_view text, const std::string& file,
                       std::string why);
    Result<void> keep(const Event& event, const std::string& kind, const std::string& session,
                      const std::string& file, const std::string& why, std::string_view text = {});
    Result<bool> by_leaked_key(const Event& event, const std::string& file);
    Result<std::string> session_of_key(const std::string& key_id);
    Result<std::string> session_of_name(const Event& event);
    Result<std::string> session_elsewhere(const Event& event);
    Result<bool> by_service(const Event& event, const std::string& file,
                            const std::string& session);
    Result<void> follow(const Event& event, const std::string& file);
    Result<bool> is_source_identity(const Event& event);
    struct Principal {
        std::string why;
        WallNs since = 0;
    };
    Result<Principal> principal(const std::string& name);
    bool is_own(const Event& event, const Principal& assumed) const;

    Database& state_;
    std::set<std::string> gateways_;
    const std::set<std::string> own_;
    std::map<std::string, std::int64_t> tallies_;
    Follower follower_;
    Query seen_;
    Query keep_;
    Query by_request_;
    Query by_key_;
    Query mark_;
    Query alike_;
    Query settled_;
    Query demote_;
    Query mark_credential_;
    Query difference_;
    Query shown_;
    Query credential_request_;
    Query key_;
    Query name_;
    Query name_elsewhere_;
    Query identity_;
    Query principal_;
    Query add_principal_;
    Query leak_;
    Query stray_;
    Query forget_;
    Query tally_;
};

}  // namespace narrows::reconcile
