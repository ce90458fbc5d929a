#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "apps/client/launcher.h"
#include "apps/client/output.h"

/// The commands as functions. Each returns the process's exit code (client_commands.h).
namespace narrows::client {

struct RunOptions {
    OperatorOptions to;
    StartOptions start;
    bool quiet = false;
    std::vector<std::string> command;
};
int run_run(const RunOptions& options, const Output& to);

struct SessionOptions {
    OperatorOptions to;
    StartOptions start;
    std::string folder;  ///< start: where certificates and profiles go; empty: no proxy mode
    std::string session;
    std::optional<int> exit_status;
};
int run_session_start(const SessionOptions& options, const Output& to);
int run_session_end(const SessionOptions& options, const Output& to);
int run_session_list(const SessionOptions& options, const Output& to);
int run_session_show(const SessionOptions& options, const Output& to);
int run_session_kill(const SessionOptions& options, const Output& to);

struct PresignOptions {
    OperatorOptions to;
    std::string session;
    std::string connection;
    std::string object;  ///< "s3://BUCKET/KEY"
    std::string method = "GET";
    std::string expires = "15m";
    std::string endpoint;  ///< how the third party reaches the gateway; else as agents here do
};
int run_session_presign(const PresignOptions& options, const Output& to);
void register_presign(CLI::App& session, int& exit_code);

struct CredentialsOptions {
    std::string connection;     ///< empty: the session's first
    std::string delivery_file;  ///< empty: the container variables
    bool container = false;     ///< the container endpoint's form instead of credential_process's
};
int run_credentials(const CredentialsOptions& options, const Output& to);

struct KeyOptions {
    std::string kind;
    std::string name;
};
int run_key_new(const KeyOptions& options, const Output& to);
int run_key_hash(const KeyOptions& options, const Output& to);

struct ScopeOptions {
    std::string file;
    std::string account;               ///< explain: else 123456789012
    std::vector<std::string> regions;  ///< explain: the first, else the request's, else us-east-1
    std::string operation;
    std::vector<std::string> parameters;  ///< "NAME=VALUE"
    std::string requests;                 ///< file of JSON lines
    std::string agent;
    std::string principal;
    std::string task_id;
};
int run_scope_check(const ScopeOptions& options, const Output& to);
int run_scope_explain(const ScopeOptions& options, const Output& to);

struct ConnectionOptions {
    std::string config;
    std::string name;
    std::string format = "json";
    std::string gateway_role;                 ///< ARN of who may assume the connection's role
    std::vector<std::string> administrators;  ///< see policy::RoleRequest
};
int run_connection_list(const ConnectionOptions& options, const Output& to);
int run_connection_check(const ConnectionOptions& options, const Output& to);
int run_connection_iam(const ConnectionOptions& options, const Output& to);

struct DoctorOptions {
    std::string config;
    bool in_sandbox = false;
};
int run_doctor(const DoctorOptions& options, const Output& to);

int run_catalogue_info(const Output& to);

void register_catalogue(CLI::App& app, int& exit_code);
void register_scope(CLI::App& app, int& exit_code);
void register_connection(CLI::App& app, int& exit_code);
void register_doctor(CLI::App& app, int& exit_code);
void register_run(CLI::App& app, int& exit_code);
void register_session(CLI::App& app, int& exit_code);
void register_credentials(CLI::App& app, int& exit_code);
void register_key(CLI::App& app, int& exit_code);

}  // namespace narrows::client
