#include "apps/client/launcher.h"

#include <cstdlib>

#include <fmt/format.h>

#include "apps/client/output.h"
#include "codec/json.h"
#include "codec/text.h"
#include "gateway/own_loop_fetch.h"
#include "identity/registry.h"

namespace narrows::client {
namespace {

constexpr std::size_t kKeyFileMax = 16 * 1024;
constexpr std::size_t kAnswerMax = 4 * 1024 * 1024;
/// Opening a session waits for a durable record and perhaps for an issuer's keys.
constexpr std::int64_t kCallMs = 30'000;

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

/// The file's first line if a file is named, else the variable.
Result<std::string> proof(const std::string& file, const char* name) {
    if (file.empty()) {
        return variable(name);
    }
    NARROWS_TRY(std::string text, read_text(file, kKeyFileMax));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.pop_back();
    }
    if (text.empty() || text.find('\n') != std::string::npos) {
        return fail(ErrorCode::invalid, file + " must hold one key on one line");
    }
    return text;
}

/// The gateway's own sentence, with what it means for the caller's exit code left to the code.
Error refusal(const codec::Value& answer, int status) {
    const std::string said = answer.text("message", "it did not say why");
    const ErrorCode code = status == 400   ? ErrorCode::invalid
                           : status == 401 ? ErrorCode::unauthenticated
                           : status == 403 ? ErrorCode::denied
                           : status == 404 ? ErrorCode::not_found
                           : status == 409 ? ErrorCode::conflict
                                           : ErrorCode::unavailable;
    return {code, fmt::format("the gateway says no ({}): {}", status, said)};
}

std::string path_of(const std::string& session, const std::string& verb) {
    return "/v1/sessions/" + codec::percent_encode(session) + "/" + verb;
}

Result<void> require(bool holds, const char* what) {
    if (!holds) {
        return fail(ErrorCode::invalid, what);
    }
    return ok();
}

}  // namespace

void add_operator_options(CLI::App& command, OperatorOptions& options) {
    command.add_option("--operator", options.url,
                       "the gateway's operator port; else NARROWS_OPERATOR, else "
                       "http://127.0.0.1:8401");
    command.add_option("--launcher-key-file", options.launcher_key_file,
                       "file with the launcher's key; else NARROWS_LAUNCHER_KEY");
}

void add_agent_options(CLI::App& command, OperatorOptions& options) {
    command.add_option("--agent-key-file", options.agent_key_file,
                       "file with the agent's key; else NARROWS_AGENT_KEY");
    command.add_option("--agent-token-file", options.agent_token_file,
                       "file with the agent's OIDC token or assertion; else NARROWS_AGENT_TOKEN");
}

void add_start_options(CLI::App& command, StartOptions& options) {
    command.add_option("--agent", options.agent, "which agent works");
    command.add_option("--task", options.task, "what for, in a few words");
    command.add_option("--task-id", options.task_id, "the task's id in your tracker");
    command.add_option("--reason", options.reason, "why the task needs this access");
    command.add_option("--link", options.link, "where the task is written down");
    command.add_option("--requested-by", options.requested_by, "who asked for it");
    command.add_option("--for", options.principal, "the person or service it is done for");
    command
        .add_option("--connection", options.connections,
                    "a connection the session may use; may be given several times")
        ->allow_extra_args(false);
    command.add_option("--lifetime", options.lifetime, "90s, 15m, 1h; at most 12h; else 1h");
}

Result<std::int64_t> lifetime_seconds(std::string_view text) {
    if (text.empty()) {
        return 0;
    }
    std::int64_t unit = 1;
    std::string_view digits = text;
    switch (text.back()) {
        case 'h':
            unit = 3600;
            digits.remove_suffix(1);
            break;
        case 'm':
            unit = 60;
            digits.remove_suffix(1);
            break;
        case 's':
            digits.remove_suffix(1);
            break;
        default:
            break;
    }
    std::int64_t number = 0;
    for (const char c : digits) {
        const bool fits = c >= '0' && c <= '9' && number < 1'000'000;
        number = fits ? number * 10 + (c - '0') : -1;
        if (number < 0) {
            break;
        }
    }
    if (digits.empty() || number <= 0 || number * unit > identity::kLifetimeMaxS) {
        return fail(ErrorCode::invalid,
                    "--lifetime is a time such as 90s, 15m or 1h, and at most 12h");
    }
    return number * unit;
}

Result<codec::Value> start_body(const StartOptions& options, std::string agent_key,
                                std::string agent_token) {
    NARROWS_TRY(require(!options.agent.empty(), "say which agent works: --agent NAME"));
    NARROWS_TRY(require(!options.task.empty(), "no task, no session: --task \"what for\""));
    NARROWS_TRY(
        require(!options.connections.empty(), "say what the session may use: --connection NAME"));
    NARROWS_TRY(require(agent_key.empty() != agent_token.empty(),
                        "the agent proves itself by exactly one of key and token: "
                        "--agent-key-file or NARROWS_AGENT_KEY, --agent-token-file or "
                        "NARROWS_AGENT_TOKEN"));
    NARROWS_TRY(const std::int64_t lifetime_s, lifetime_seconds(options.lifetime));
    codec::Map task{{"title", options.task}};
    const auto add = [&](const char* name, const std::string& text) {
        if (!text.empty()) task.emplace(name, text);
    };
    add("id", options.task_id);
    add("reason", options.reason);
    add("link", options.link);
    add("requested_by", options.requested_by);
    codec::Map body{
        {"agent", options.agent},
        {"task", std::move(task)},
        {"connections", codec::List(options.connections.begin(), options.connections.end())}};
    if (!options.principal.empty()) body.emplace("principal", options.principal);
    if (lifetime_s > 0) body.emplace("lifetime_s", lifetime_s);
    if (agent_key.empty()) {
        body.emplace("agent_token", std::move(agent_token));
    } else {
        body.emplace("agent_key", std::move(agent_key));
    }
    return codec::Value(std::move(body));
}

Result<StartedSession> parse_started(const codec::Value& answer) {
    StartedSession started;
    started.session = answer.text("session");
    started.expires_at = answer.text("expires_at");
    started.endpoint_url = answer.text("endpoint_url");
    started.proxy_url = answer.text("proxy_url");
    started.proxy_user = answer.text("proxy_user");
    started.proxy_token = answer.text("proxy_token");
    started.container_url = answer.text("container_credentials_url");
    started.authorization_token = answer.text("authorization_token");
    started.bearer_token = answer.text("bearer_token");
    started.ca_pem = answer.text("ca_pem");
    const codec::Value* list = answer.find("credentials");
    const codec::List* credentials = list == nullptr ? nullptr : list->as<codec::List>();
    if (started.session.empty() || started.endpoint_url.empty() || credentials == nullptr ||
        credentials->empty()) {
        return fail(ErrorCode::invalid,
                    "the gateway's answer lacks session, endpoint_url or credentials; is the "
                    "operator URL the gateway's?");
    }
    const codec::Value* regions = answer.find("regions");
    const codec::List* region_list = regions == nullptr ? nullptr : regions->as<codec::List>();
    for (std::size_t i = 0; i < credentials->size(); ++i) {
        const codec::Value& each = (*credentials)[i];
        started.credentials.push_back({each.text("connection"), each.text("access_key_id"),
                                       Secret(each.text("secret_access_key")),
                                       each.text("session_token"), 0});
        const std::string* region = region_list == nullptr || i >= region_list->size()
                                        ? nullptr
                                        : (*region_list)[i].as<std::string>();
        started.regions.push_back(region == nullptr ? answer.text("region", "us-east-1") : *region);
    }
    return started;
}

Result<Operator> Operator::make(const OperatorOptions& options) {
    Operator made;
    made.url_ = options.url.empty() ? variable("NARROWS_OPERATOR") : options.url;
    if (made.url_.empty()) {
        made.url_ = "http://127.0.0.1:8401";
    }
    if (!upstream::parse_endpoint_url(made.url_)) {
        return fail(ErrorCode::invalid,
                    "the operator URL must be http(s)://HOST:PORT with nothing after it");
    }
    NARROWS_TRY(made.launcher_key_, proof(options.launcher_key_file, "NARROWS_LAUNCHER_KEY"));
    // A file that is named wins over the other kind's variable.
    const bool token_only = !options.agent_token_file.empty() && options.agent_key_file.empty();
    const bool key_only = !options.agent_key_file.empty() && options.agent_token_file.empty();
    if (!token_only) {
        NARROWS_TRY(made.agent_key_, proof(options.agent_key_file, "NARROWS_AGENT_KEY"));
    }
    if (!key_only) {
        NARROWS_TRY(made.agent_token_, proof(options.agent_token_file, "NARROWS_AGENT_TOKEN"));
    }
    return made;
}

Result<codec::Value> Operator::start(const StartOptions& options) const {
    NARROWS_TRY(const codec::Value body, start_body(options, agent_key_, agent_token_));
    return call("POST", "/v1/sessions", codec::json_encode(body));
}

Result<codec::Value> Operator::sessions() const {
    return call("GET", "/v1/sessions", "");
}

Result<codec::Value> Operator::health() const {
    return call("GET", "/healthz", "");
}

Result<void> Operator::over(const std::string& session, const std::string& verb,
                            std::optional<int> exit_status) const {
    codec::Map body;
    if (exit_status) {
        body.emplace("exit_status", *exit_status);
    }
    NARROWS_TRY(call("POST", path_of(session, verb), codec::json_encode(body)));
    return ok();
}

Result<codec::Value> Operator::presign(const std::string& session, const codec::Map& body) const {
    return call("POST", path_of(session, "presign"), codec::json_encode(body));
}

Result<codec::Value> Operator::custody(const std::string& session, const std::string& verb,
                                       const codec::Map& body) const {
    return call("POST", path_of(session, verb), codec::json_encode(body));
}

Result<codec::Value> Operator::reconciled(const codec::Map& body) const {
    return call("POST", "/v1/reconciliations", codec::json_encode(body));
}

Result<codec::Value> Operator::call(const std::string& method, const std::string& path,
                                    const std::string& body) const {
    NARROWS_TRY(upstream::Target target, upstream::parse_endpoint_url(url_));
    NARROWS_TRY(const auto client, gateway::Fetches().for_ca(""));
    upstream::FetchRequest request;
    request.head = {method, path, {{"Host", target.authority()}, {"Accept", "application/json"}}};
    if (!launcher_key_.empty()) {
        http::set(request.head.headers, "Authorization", "Bearer " + launcher_key_);
    }
    if (!body.empty()) {
        http::set(request.head.headers, "Content-Type", "application/json");
    }
    request.target = std::move(target);
    request.body = Secret(body);
    request.timeout_ms = kCallMs;
    request.response_bytes_max = kAnswerMax;
    const Result<upstream::FetchResponse> response = client->fetch(request);
    if (!response) {
        return fail(ErrorCode::unavailable,
                    fmt::format("the gateway's operator port {} does not answer: {}", url_,
                                response.error().what));
    }
    const int status = response.value().head.status;
    Result<codec::Value> answer = codec::json_decode(response.value().body.text());
    if (!answer) {
        return fail(ErrorCode::unavailable,
                    fmt::format("what answers at {} ({}) is no Narrows gateway", url_, status));
    }
    if (status != 200 && status != 201) {
        return fail(refusal(answer.value(), status));
    }
    return answer;
}

}  // namespace narrows::client
