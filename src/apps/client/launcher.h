#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/result.h"
#include "base/secret.h"
#include "codec/value.h"
#include "identity/mint.h"

/// The launcher's side of the gateway's operator port (POST /v1/sessions and the rest).
namespace narrows::client {

/// Where the operator's port is and what proves launcher and agent. Keys come from files, else
/// from NARROWS_LAUNCHER_KEY, NARROWS_AGENT_KEY, NARROWS_AGENT_TOKEN.
struct OperatorOptions {
    std::string url;  ///< else NARROWS_OPERATOR, else http://127.0.0.1:8401
    std::string launcher_key_file;
    std::string agent_key_file;
    std::string agent_token_file;
};
void add_operator_options(CLI::App& command, OperatorOptions& options);
void add_agent_options(CLI::App& command, OperatorOptions& options);

/// What a session is for and may use.
struct StartOptions {
    std::string agent;
    std::string task;
    std::string task_id;
    std::string reason;
    std::string link;
    std::string requested_by;
    std::string principal;
    std::vector<std::string> connections;
    std::string lifetime;
};
void add_start_options(CLI::App& command, StartOptions& options);

/// Seconds of "90s", "15m", "1h", "3600"; 0 for an empty text. Refuses what is no time above 0.
Result<std::int64_t> lifetime_seconds(std::string_view text);

/// What the gateway gave for a session. Holds credentials: neither printed nor logged.
struct StartedSession {
    std::string session;
    std::string expires_at;                          ///< RFC 3339
    std::vector<identity::Credentials> credentials;  ///< one a connection; `expires` is not set
    std::vector<std::string> regions;                ///< one a connection
    std::string endpoint_url;
    std::string proxy_url;
    std::string proxy_user;
    std::string proxy_token;
    std::string container_url;
    std::string authorization_token;
    std::string bearer_token;  ///< empty: there is none
    std::string ca_pem;
};
/// Refuses an answer in which something is missing that a session needs.
Result<StartedSession> parse_started(const codec::Value& answer);

/// The body of POST /v1/sessions. ErrorCode::invalid: no task, no agent, no connection, no proof.
Result<codec::Value> start_body(const StartOptions& options, std::string agent_key,
                                std::string agent_token);

/// One call each; connections are not kept. Blocking.
class Operator {
  public:
    /// ErrorCode::invalid: an URL or a key file that is no good.
    static Result<Operator> make(const OperatorOptions& options);

    Result<codec::Value> start(const StartOptions& options) const;
    Result<codec::Value> sessions() const;
    /// `verb`: "end" or "kill".
    Result<void> over(const std::string& session, const std::string& verb,
                      std::optional<int> exit_status) const;
    /// A URL for a single use.
    Result<codec::Value> presign(const std::string& session, const codec::Map& body) const;
    /// `verb`: "hold", "release" or "shred".
    Result<codec::Value> custody(const std::string& session, const std::string& verb,
                                 const codec::Map& body) const;
    /// A reconciliation's verdict, for the log.
    Result<codec::Value> reconciled(const codec::Map& body) const;
    Result<codec::Value> health() const;
    const std::string& url() const { return url_; }

  private:
    Result<codec::Value> call(const std::string& method, const std::string& path,
                              const std::string& body) const;
    std::string url_;
    std::string launcher_key_;
    std::string agent_key_;
    std::string agent_token_;
};

}  // namespace narrows::client
