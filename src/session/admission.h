#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "codec/value.h"
#include "http/message.h"
#include "model/decision.h"
#include "model/operation.h"
#include "recording/part_log.h"
#include "session/session.h"

/// The way of an operation from asked to permitted: decide, record, wait until it is durable.
namespace narrows::session {

/// Bodies up to this size stand inside the INTENT; larger ones in BODY records after it.
inline constexpr std::size_t kInlineBodyMax = 32 * 1024;

/// Decoded parameters up to this size stand inside the INTENT; larger ones are on record as the
/// body they were decoded from, or, where that may not be recorded, as the body themselves.
inline constexpr std::size_t kInlineParametersMax = 32 * 1024;

/// What the boundary saw of a request, as the record keeps it. Credential values have been taken
/// out by the adapter.
struct Seen {
    std::string mode;  ///< "endpoint", "proxy"
    std::string peer;
    std::string http;  ///< the version spoken: "1.1", "2"
    http::RequestHead head;
    std::optional<std::uint64_t> body_size;  ///< nullopt: not read
    std::string body_sha256;                 ///< hex, once known
    Bytes body;                              ///< whole, if it was held in memory
    bool body_streams = false;               ///< BODY records follow
    std::string body_form;                   ///< "parameters-cbor" if the body is not as sent
    bool body_withheld = false;              ///< holds secret inputs: only its size is on record
    codec::Map signature;                    ///< key_id, scheme, payload …
    codec::Map integrity;                    ///< of a body that was held: what its checks gave
    codec::Map stated;                       ///< what the client says of itself
};

/// Another operation that a request carries as a presigned URL: its target calls it in turn, with
/// the same credentials.
struct Carried {
    std::string parameter;  ///< that holds the URL: "PresignedUrl"
    std::string region;     ///< that it is for
    std::string host;       ///< of the URL that goes to the target
    model::Operation operation;
};

/// One thing asked of one connection.
struct Asked {
    Seen seen;
    std::optional<model::Operation> operation;  ///< nullopt: not recognised
    std::optional<model::Decision> decided;     ///< by something else than the scope
    std::string upstream_host;
    crypto::Digest request_digest{};  ///< of the upstream request that would be signed
    std::string catalogue;            ///< digest of the catalogue that decoded it
    /// More than one if it is for several regions at once; the scope must allow each of them.
    std::vector<std::string> regions;
    std::optional<Carried> carried;  ///< the scope must allow it, too
    /// IAM has no action for it, and the connection names it: allowed unless the scope denies it.
    bool allowed_by_name = false;
};

/// Operations in flight in the whole process. Thread-safe.
class Gate {
  public:
    explicit Gate(std::uint32_t most) : most_(most) {}
    bool enter();
    void leave() { inside_.fetch_sub(1); }
    /// Refuses all operations that are not inside yet, or no longer.
    void halt(bool halted) { halted_ = halted; }
    bool halted() const { return halted_; }
    std::uint32_t inside() const { return inside_; }

  private:
    const std::uint32_t most_;
    std::atomic<std::uint32_t> inside_ = 0;
    std::atomic<bool> halted_ = false;
};

/// Move-only proof that an allowed operation's INTENT is durable. Nothing goes upstream without
/// one. Concluded with an outcome; destroyed without one it records UNKNOWN.
class Permit {
  public:
    Permit(SessionPtr session, std::size_t connection, Gate& gate,
           recording::PartLog::Intent intent);
    Permit(Permit&& other) noexcept;
    Permit& operator=(Permit&&) = delete;
    ~Permit();

    Session& session() const { return *session_; }
    const SessionPtr& shared_session() const { return session_; }
    const Connection& connection() const;
    recording::Sequence op() const { return intent_.op; }
    const recording::Receipt& receipt() const { return intent_.receipt; }
    recording::PartLog& log() const { return session_->log(); }
    /// Counts recorded bytes against the connection's budget; false: stop the operation.
    bool spend(std::uint64_t bytes);

    /// The outcome; held when it returns. After it the permit is spent.
    net::Task<Result<void>> result(codec::Map observed, recording::Await await);
    net::Task<Result<void>> not_sent(codec::Map observed);
    net::Task<Result<void>> unknown(codec::Map observed);

  private:
    net::Task<Result<void>> conclude(recording::RecordKind kind, codec::Map observed,
                                     recording::Await await);
    SessionPtr session_;
    std::size_t connection_;
    Gate* gate_;
    recording::PartLog::Intent intent_;
    bool concluded_ = false;
};

/// The answer to Asked. `record` is what the agent is shown: "SESSION#OP".
struct Admission {
    model::Decision decision;
    std::string record;
    recording::Sequence op;
    std::optional<Permit> permit;  ///< if and only if allowed
};

/// Decides by the session's state, its budgets and its connection's scope, writes the INTENT and
/// waits until it is durable. Every attempt is charged for its record; one beyond the byte budget
/// ends the session. An error means that nothing could be recorded: refuse, forward
/// nothing. Never lets anything through on its own account. `placed` is told the INTENT's place if
/// the operation is allowed, while the disk is waited for: to prepare what needs it, not to act.
net::Task<Result<Admission>> admit(SessionPtr session, std::size_t connection, Gate& gate,
                                   const Clock& clock, Asked asked,
                                   recording::PartLog::Placed placed = {});

/// Attempts that no session can be charged for, within a byte budget; beyond it they are counted
/// exactly and the count is recorded. Thread-safe.
class Lobby {
  public:
    Lobby(std::shared_ptr<recording::PartLog> log, std::uint64_t bytes_max)
        : log_(std::move(log)), bytes_max_(bytes_max) {}

    /// Records the refused attempt, durably. `record` of the answer is "lobby-PART#OP". Beyond the
    /// budget the attempt is only counted, and the record's name is "lobby-PART#-".
    net::Task<Result<Admission>> refuse(Asked asked);
    /// Writes the count of attempts that were only counted, if it has grown. Every second.
    net::Task<void> record_counted();
    std::uint64_t counted() const { return counted_; }
    /// From now on attempts are recorded in this part.
    void go_on_in(std::shared_ptr<recording::PartLog> log) {
        const std::lock_guard lock(mutex_);
        log_ = std::move(log);
    }

  private:
    std::shared_ptr<recording::PartLog> log() const {
        const std::lock_guard lock(mutex_);
        return log_;
    }

    mutable std::mutex mutex_;
    std::shared_ptr<recording::PartLog> log_;
    const std::uint64_t bytes_max_;
    std::atomic<std::uint64_t> spent_ = 0;
    std::atomic<std::uint64_t> counted_ = 0;
    std::uint64_t recorded_count_ = 0;
};

}  // namespace narrows::session
