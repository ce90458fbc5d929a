#include <algorithm>
#include <memory>

#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include "apps/client/commands.h"
#include "apps/client/known_actions.h"
#include "apps/client/request_lines.h"
#include "codec/json.h"
#include "codec/text.h"
#include "crypto/hash.h"
#include "policy/check.h"
#include "policy/session_policy.h"

namespace narrows::client {
namespace {

constexpr std::size_t kRequestsMax = 512u << 20;

/// The scope's findings and the session policy it becomes.
struct Report {
    std::vector<policy::Finding> findings;
    std::string digest;
    std::optional<policy::SessionPolicy> session_policy;

    bool sound() const {
        return std::none_of(findings.begin(), findings.end(), [](const policy::Finding& each) {
            return each.severity == policy::Severity::error;
        });
    }
};

Report report_of(const std::string& text, const ScopeOptions& options) {
    Report report;
    report.findings = policy::check(text, Actions(), system_clock().wall());
    report.digest = codec::hex(crypto::sha256(text));
    const Result<policy::Scope> scope = policy::Scope::parse(text);
    if (!scope) {
        return report;
    }
    const policy::Target target{options.account, options.regions};
    Result<policy::SessionPolicy> compiled = policy::session_policy(scope.value(), target, nullptr);
    if (compiled) {
        report.session_policy = std::move(compiled.value());
    } else {
        report.findings.push_back(
            {policy::Severity::error, "", compiled.error().what, "split it into two connections"});
    }
    return report;
}

codec::Value json_of(const policy::Finding& finding) {
    return codec::Map{{"severity", policy::name_of(finding.severity)},
                      {"path", finding.path},
                      {"line", std::uint64_t{finding.line}},
                      {"column", std::uint64_t{finding.column}},
                      {"message", finding.message},
                      {"suggestion", finding.suggestion}};
}

/// Who enforces what.
void print_session_policy(const Output& to, const policy::SessionPolicy& compiled) {
    fmt::print(to.out, "session policy: {} of {} characters\n", compiled.json.size(),
               policy::kSessionPolicyMax);
    for (const std::string& each : compiled.enforced) {
        fmt::print(to.out, "  AWS too:          {}\n", each);
    }
    for (const std::string& each : compiled.notes) {
        fmt::print(to.out, "  only the gateway: {}\n", codec::printable(each));
    }
    if (!compiled.open_to_resource_policies.empty()) {
        fmt::print(to.out,
                   "  only the gateway: what a resource's own policy grants past the conditions of "
                   "{}\n",
                   codec::printable(
                       fmt::format("{}", fmt::join(compiled.open_to_resource_policies, ", "))));
    }
}

codec::Value json_of(const policy::SessionPolicy& compiled) {
    const auto list = [](const std::vector<std::string>& texts) {
        return codec::List(texts.begin(), texts.end());
    };
    return codec::Map{{"policy", compiled.json},
                      {"characters", std::uint64_t{compiled.json.size()}},
                      {"whole", compiled.whole},
                      {"enforced", list(compiled.enforced)},
                      {"gateway_only", list(compiled.notes)},
                      {"open_to_resource_policies", list(compiled.open_to_resource_policies)}};
}

void print_report(const Output& to, const ScopeOptions& options, const Report& report) {
    fmt::print(to.out, "scope {}  sha256 {}\n", options.file, report.digest);
    for (const policy::Finding& finding : report.findings) {
        const Paint colour = finding.severity == policy::Severity::error     ? Paint::red
                             : finding.severity == policy::Severity::warning ? Paint::yellow
                                                                             : Paint::bold;
        const std::string place =
            finding.line == 0 ? "" : fmt::format("{}:{} ", finding.line, finding.column);
        fmt::print(to.out, "{}{} {}{}{}\n", place,
                   paint(to, colour, policy::name_of(finding.severity)),
                   codec::printable(finding.path), finding.path.empty() ? "" : ": ",
                   codec::printable(finding.message));
        if (!finding.suggestion.empty()) {
            fmt::print(to.out, "      instead: {}\n", codec::printable(finding.suggestion));
        }
    }
    if (report.session_policy) print_session_policy(to, *report.session_policy);
    fmt::print(to.out, "{}\n",
               report.sound() ? paint(to, Paint::green, "the scope does what it says")
                              : paint(to, Paint::red, "the scope needs correction"));
}

Result<std::optional<policy::Scope>> scope_of(const ScopeOptions& options) {
    if (options.file.empty()) {
        return std::optional<policy::Scope>();
    }
    NARROWS_TRY(const std::string text, read_text(options.file, policy::kScopeBytesMax));
    NARROWS_TRY(policy::Scope scope, policy::Scope::parse(text));
    return std::optional<policy::Scope>(std::move(scope));
}

void print_views(const Output& to, const policy::Explanation& explanation) {
    for (const policy::AccessView& access : explanation.accesses) {
        fmt::print(to.out, "  {} on {}\n", codec::printable(access.action),
                   codec::printable(access.resource));
        for (const policy::StatementView& view : access.statements) {
            fmt::print(to.out, "    {} {} {}: {}\n", view.counts ? "*" : " ",
                       view.allow ? "Allow" : "Deny ", codec::printable(view.statement),
                       codec::printable(view.why));
        }
    }
}

void print_explained(const Output& to, const Explained& explained) {
    if (!explained.error.empty()) {
        fmt::print(to.out, "{}: {}\n", paint(to, Paint::red, "refused"),
                   codec::printable(explained.error));
        return;
    }
    fmt::print(to.out, "{}:{}  ({})\n", codec::printable(explained.service),
               codec::printable(explained.operation), model::name_of(explained.asked->effect));
    for (const std::string& other : explained.tied) {
        fmt::print(to.out, "  could also be {}: all of them must be allowed\n",
                   codec::printable(other));
    }
    if (explained.needs_name) {
        fmt::print(to.out, "  authorised by no signature: a connection must name it in unsigned\n");
    }
    if (!explained.decided) {
        for (const model::Access& access : explained.asked->accesses) {
            for (const model::Resource& resource : access.resources) {
                fmt::print(to.out, "  {} on {}\n", codec::printable(access.action),
                           codec::printable(resource.arn));
            }
        }
        return;
    }
    print_views(to, *explained.decided);
    const model::Decision& decision = explained.decided->decision;
    const bool allowed = decision.verdict == model::Verdict::allow && explained.never.empty();
    fmt::print(to.out, "{}: {}\n",
               paint(to, allowed ? Paint::green : Paint::red,
                     explained.never.empty() ? model::name_of(decision.verdict) : "deny"),
               codec::printable(explained.never.empty() ? decision.why : explained.never));
}

/// 0 if allowed (or no scope was given), 1 if not.
int tell(const Output& to, const Explained& explained) {
    if (to.json) {
        print_json(to, json_of(explained));
    } else {
        print_explained(to, explained);
    }
    return explained.allowed() ? kHeld : kWanting;
}

int explain_requests(const ScopeOptions& options, const std::optional<policy::Scope>& scope,
                     const Output& to) {
    const Result<std::string> text = read_text(options.requests, kRequestsMax);
    if (!text) {
        return failed(to, text.error());
    }
    int exit_code = kHeld;
    for (const std::string_view line : codec::split(text.value(), '\n')) {
        if (!codec::trim(line).empty()) {
            exit_code = std::max(exit_code, tell(to, explain_request(line, options, scope)));
        }
    }
    return exit_code;
}

}  // namespace

int run_scope_check(const ScopeOptions& options, const Output& to) {
    const Result<std::string> text = read_text(options.file, policy::kScopeBytesMax);
    if (!text) {
        return failed(to, text.error());
    }
    const Report report = report_of(text.value(), options);
    if (!to.json) {
        print_report(to, options, report);
        return report.sound() ? kHeld : kWanting;
    }
    codec::List findings;
    for (const policy::Finding& finding : report.findings) {
        findings.push_back(json_of(finding));
    }
    print_json(
        to, codec::Map{{"file", options.file},
                       {"sha256", report.digest},
                       {"sound", report.sound()},
                       {"findings", std::move(findings)},
                       {"session_policy",
                        report.session_policy ? json_of(*report.session_policy) : codec::Value()}});
    return report.sound() ? kHeld : kWanting;
}

int run_scope_explain(const ScopeOptions& options, const Output& to) {
    const bool by_name = !options.operation.empty();
    if (by_name == !options.requests.empty()) {
        return failed(to, {ErrorCode::invalid,
                           "say what to explain: --operation SERVICE:NAME or --requests FILE"});
    }
    const Result<std::optional<policy::Scope>> scope = scope_of(options);
    if (!scope) {
        return failed(to, scope.error());
    }
    if (!by_name) {
        return explain_requests(options, scope.value(), to);
    }
    const Result<Explained> explained = explain_named(options, scope.value());
    return explained ? tell(to, explained.value()) : failed(to, explained.error());
}

void register_scope(CLI::App& app, int& exit_code) {
    const auto options = std::make_shared<ScopeOptions>();
    const auto json = std::make_shared<bool>(false);
    CLI::App* scope = app.add_subcommand("scope", "check scopes and see what they decide");
    scope->require_subcommand(1);
    CLI::App* check = scope->add_subcommand("check", "what a scope says that it does not do");
    CLI::App* explain = scope->add_subcommand("explain", "what a scope decides, and why");
    check->add_option("file", options->file, "the scope, an IAM policy document")->required();
    explain->add_option("file", options->file, "the scope; without it, no decision");
    for (CLI::App* command : {check, explain}) {
        command->add_option("--region", options->regions, "of the connection")
            ->allow_extra_args(false);
        command->add_option("--account", options->account, "of the connection");
        command->add_flag("--json", *json, "one JSON object a line");
    }
    explain->add_option("--operation", options->operation, "s3:GetObject");
    explain->add_option("--param", options->parameters, "NAME=VALUE; VALUE may be JSON")
        ->allow_extra_args(false);
    explain->add_option("--requests", options->requests,
                        "JSON lines {method, url, headers, body}; - is standard input");
    explain->add_option("--agent", options->agent, "for narrows:Agent");
    explain->add_option("--for", options->principal, "for narrows:Principal");
    explain->add_option("--task-id", options->task_id, "for narrows:TaskId");
    check->callback([options, json, &exit_code] {
        exit_code = run_scope_check(*options, standard_output(*json));
    });
    explain->callback([options, json, &exit_code] {
        exit_code = run_scope_explain(*options, standard_output(*json));
    });
}

}  // namespace narrows::client
