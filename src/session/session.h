#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "codec/value.h"
#include "model/ids.h"
#include "policy/scope.h"
#include "recording/part_log.h"

/// One identity at work on one task through named connections, until it ends or expires.
namespace narrows::session {

struct Budget {
    std::uint64_t bytes_max = 0;  ///< recorded bytes; 0: no bound of its own
    std::uint32_t in_flight_max = 0;
    std::uint32_t per_second_max = 0;
};

/// A host that may be tunnelled unopened.
struct Egress {
    std::string host;  ///< lower case; "*.example.com" is everything below example.com
    std::uint16_t port = 443;
    bool matches(std::string_view to_host, std::uint16_t to_port) const;
};

/// A connection as one session was granted it: a snapshot, which a reload does not change.
struct Connection {
    std::string name;
    std::string type;
    std::string account;
    std::string partition;
    std::vector<std::string> regions;
    std::string role_arn;
    std::string external_id;
    std::string profile;
    std::string endpoint;  ///< override of AWS's own, or empty
    std::vector<Egress> egress;
    Budget budget;
    policy::Scope scope;
    std::string session_policy;
    bool enforced_again = false;  ///< see policy::Facts
    std::string key_id;
    /// The partition key by table or index ("orders/index/by-day") of DynamoDB's.
    std::map<std::string, std::string, std::less<>> partition_keys;
    /// Operations that AWS authorises by no signature and that it lets through,
    /// "SERVICE:Operation".
    std::vector<std::string> unsigned_operations = {};

    bool names_unsigned(std::string_view operation) const;
};

/// What a session is, from its start to its end.
struct Terms {
    model::SessionId id;
    std::string agent;
    std::string principal;
    std::string task_id;
    WallNs started_at = 0;
    WallNs expires_at = 0;
    MonoNs mono_expires_at = 0;  ///< the same by the clock that nobody sets; 0: not looked at
    std::vector<Connection> connections;
    codec::Map open;  ///< OPEN's payload, but for part, predecessor and boot
};

/// How a session came to its end.
struct Ending {
    std::string reason;  ///< "ended", "expired", "killed", "drained", "budget"
    std::string by;      ///< who asked; "clock" for expiry
    std::optional<std::int64_t> exit_status;
};

/// Use of one connection by one session, against its budget. Thread-safe.
class Usage {
  public:
    /// Counts an attempt, whatever becomes of it. Why it may not begin now, or nothing.
    std::optional<std::string> attempt(const Budget& budget, MonoNs now);
    /// Why another operation may not be in flight now, or nothing: then it is.
    std::optional<std::string> begin(const Budget& budget);
    void end() { in_flight_.fetch_sub(1); }
    /// False when these bytes are beyond the budget.
    bool spend(const Budget& budget, std::uint64_t bytes);
    bool exhausted(const Budget& budget) const {
        return budget.bytes_max != 0 && bytes_ >= budget.bytes_max;
    }
    std::uint32_t in_flight() const { return in_flight_; }
    std::uint64_t bytes() const { return bytes_; }

  private:
    std::optional<std::string> over_rate(const Budget& budget, MonoNs now);
    std::atomic<std::uint32_t> in_flight_ = 0;
    std::atomic<std::uint64_t> bytes_ = 0;
    std::mutex rate_mutex_;
    MonoNs second_ = 0;
    std::uint32_t this_second_ = 0;
};

/// Credentials that AWS gave a session in its answer to an operation. The signer holds them; the
/// agent uses minted ones in their place. They are of the connection that the operation was of.
struct Derived {
    std::size_t connection = 0;
    std::string key_id;  ///< of the minted ones
    std::string account;
    std::string arn;      ///< whom AWS takes them for; empty: the connection's identity
    std::string user_id;  ///< the same, as GetCallerIdentity says it
    WallNs expires_at = 0;
    bool s3_session = false;  ///< of S3's CreateSession: only for S3 Express
};

/// Thread-safe. Shared: operations in flight keep their session until their last record.
class Session {
  public:
    Session(Terms terms, std::shared_ptr<recording::PartLog> log);

    const Terms& terms() const { return terms_; }
    recording::PartLog& log() { return *log_; }
    std::shared_ptr<recording::PartLog> shared_log() { return log_; }
    Usage& usage(std::size_t connection) { return *usage_[connection]; }
    std::optional<std::size_t> connection_of_key(std::string_view key_id) const;
    /// Nothing if the key is none of the session's, or of a boot before this one.
    std::optional<Derived> derived_of_key(std::string_view key_id) const;
    /// Those that have expired go.
    void add_derived(Derived derived, WallNs now);
    std::size_t derived_count(WallNs now) const;

    /// Why nothing may begin (any more), or nothing.
    std::optional<std::string> over(const Clock& clock) const;
    bool is_active() const { return !ended_; }
    std::uint32_t in_flight() const;
    /// Credentials that stood in its answers in the clear, since this object was made; what they
    /// are is on record alone.
    void add_findings(std::uint64_t count) { findings_ += count; }
    std::uint64_t findings() const { return findings_; }

    /// From now on nothing begins, and everything registered with on_end is cut. The first call
    /// decides the ending; later ones return false.
    bool end(Ending ending);
    Ending ending() const;
    /// True for the one caller that is to write CLOSE; another may try after `closing_failed`.
    bool begin_closing() { return !closing_.exchange(true); }
    bool is_closing() const { return closing_; }
    void closing_failed() { closing_ = false; }

    /// Registers what must stop when the session ends; called at most once, on the thread of end().
    /// Destroying the handle takes it back.
    class OnEnd {
      public:
        OnEnd(Session& session, std::function<void()> cut);
        ~OnEnd();
        OnEnd(const OnEnd&) = delete;
        OnEnd& operator=(const OnEnd&) = delete;

      private:
        Session& session_;
        std::list<std::function<void()>>::iterator at_;
    };

  private:
    const Terms terms_;
    const std::shared_ptr<recording::PartLog> log_;
    std::vector<std::unique_ptr<Usage>> usage_;
    std::atomic<std::uint64_t> findings_ = 0;
    std::atomic<bool> ended_ = false;
    std::atomic<bool> closing_ = false;
    mutable std::mutex mutex_;
    Ending ending_;
    std::vector<Derived> derived_;
    std::list<std::function<void()>> cuts_;
};

using SessionPtr = std::shared_ptr<Session>;

/// All sessions of this gateway that may still act, by id. Thread-safe.
class Sessions {
  public:
    void add(SessionPtr session);
    void remove(const model::SessionId& id);
    SessionPtr find(const model::SessionId& id) const;
    std::vector<SessionPtr> all() const;

  private:
    mutable std::mutex mutex_;
    std::map<std::string, SessionPtr, std::less<>> by_id_;
};

}  // namespace narrows::session
