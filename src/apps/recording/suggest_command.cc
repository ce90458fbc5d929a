#include <fmt/format.h>
#include <fmt/ostream.h>
#include <fmt/ranges.h>

#include "apps/recording/scope_history.h"
#include "codec/json.h"
#include "codec/text.h"

namespace narrows::apps {
namespace {

constexpr std::size_t kRefusalsShown = 5;

/// The policy, and what came of putting it to the operations that it was made from.
struct Tried {
    policy::Suggested suggested;
    std::optional<policy::Scope> scope;
    PastReport report;
    std::uint64_t used = 0;     ///< operations
    std::uint64_t refused = 0;  ///< of them, by the suggested policy
    std::uint64_t cut = 0;      ///< of them, with resources that are not on record
    std::vector<std::string> refusals;
    std::size_t session_policy_size = 0;  ///< 0: it cannot be compiled
    std::vector<std::string> gateway_only;
    std::vector<policy::Unused> unused;

    bool held() const {
        return refused == 0 && cut == 0 && report.sealed == 0 && report.losses == 0;
    }
};

bool is_wanted(const policy::Past& past, const ScopeHistoryOptions& options) {
    return past.by_scope && (past.decided.allowed() || options.with_denied);
}

/// What it asked, and what a URL in it asked.
std::vector<model::Operation> operations_of(const policy::Past& past) {
    std::vector<model::Operation> all{past.operation};
    if (past.carried) all.push_back(*past.carried);
    return all;
}

Result<Tried> gather(const Opened& recordings, const PastFilter& filter,
                     const ScopeHistoryOptions& options, bool leave_alternatives) {
    Tried tried;
    policy::SuggestOptions how = options.suggest;
    how.leave_alternatives = leave_alternatives;
    policy::Used used(how);
    policy::Target target;
    NARROWS_TRY(tried.report,
                read_past(recordings, filter, [&](const policy::Past& past) -> Result<void> {
                    if (!is_wanted(past, options)) return ok();
                    ++tried.used;
                    tried.cut += past.cut.empty() ? 0 : 1;
                    target = past.target;
                    for (const model::Operation& each : operations_of(past)) {
                        NARROWS_TRY(used.add(each, past.facts));
                    }
                    return ok();
                }));
    const std::vector<std::string> unread = unseen(tried.report);
    if (tried.used == 0 && !unread.empty()) {
        return fail(ErrorCode::denied, "nothing that was used could be read: " + unread.front());
    }
    NARROWS_TRY(tried.suggested, used.suggest());
    NARROWS_TRY(tried.scope, policy::Scope::parse(tried.suggested.json));
    const auto compiled = policy::session_policy(*tried.scope, target, nullptr);
    if (compiled) {
        tried.session_policy_size = compiled.value().json.size();
        tried.gateway_only = compiled.value().notes;
    } else {
        tried.gateway_only = {compiled.error().what};
    }
    return tried;
}

/// Every operation once more, decided by the suggestion; and what of the granted scope it needed.
Result<void> replay(const Opened& recordings, const PastFilter& filter,
                    const ScopeHistoryOptions& options, policy::Usage* usage, Tried& tried) {
    Enforcement enforcement(*tried.scope);
    const auto take = [&](const policy::Past& past) -> Result<void> {
        if (usage != nullptr && past.by_scope && past.decided.allowed()) {
            for (const auto& each : operations_of(past)) usage->add(each, past.facts);
        }
        if (!is_wanted(past, options)) return ok();
        policy::Facts facts = past.facts;
        facts.enforced_again = enforcement.of(past);
        model::Decision decision;
        for (const model::Operation& each : operations_of(past)) {
            decision = policy::decide(*tried.scope, each, facts);
            if (!decision.allowed()) break;
        }
        if (decision.allowed()) return ok();
        ++tried.refused;
        if (tried.refusals.size() < kRefusalsShown) {
            tried.refusals.push_back(
                fmt::format("{}#{}: {}", past.session, past.number, decision.why));
        }
        return ok();
    };
    NARROWS_TRY(read_past(recordings, filter, take));
    return ok();
}

Result<std::optional<policy::Usage>> granted(const ScopeHistoryOptions& options,
                                             const PastReport& report) {
    std::string text = report.scopes.empty() ? std::string() : report.scopes.begin()->second;
    if (!options.scope.empty()) {
        NARROWS_TRY(const Bytes bytes,
                    io::read_all(io::posix(), options.scope, policy::kScopeBytesMax));
        text = to_string(bytes);
    }
    auto scope = policy::Scope::parse(text);
    if (!scope && options.scope.empty()) return std::optional<policy::Usage>();
    NARROWS_TRY(scope);
    return std::optional<policy::Usage>(policy::Usage(scope.value()));
}

/// AWS keeps a session off what a name could also mean if the whole policy reaches it; else the
/// policy must name that, too.
Result<Tried> suggest(const ScopeHistoryOptions& options) {
    NARROWS_TRY(const PastFilter filter, filter_of(options));
    NARROWS_TRY(const Opened recordings, open_recordings(options.from));
    for (const bool leave_alternatives : {true, false}) {
        NARROWS_TRY(Tried tried, gather(recordings, filter, options, leave_alternatives));
        NARROWS_TRY(std::optional<policy::Usage> usage, granted(options, tried.report));
        NARROWS_TRY(replay(recordings, filter, options, usage ? &*usage : nullptr, tried));
        if (tried.refused > 0 && leave_alternatives) continue;
        if (usage) tried.unused = usage->unused();
        return tried;
    }
    return fail(ErrorCode::unsupported, "no policy allows what was used");
}

std::string words_of(const policy::Unused& unused) {
    if (unused.what.empty()) return "the whole statement";
    return unused.used_for.empty() ? unused.what
                                   : fmt::format("{} was used for {} only", unused.what,
                                                 fmt::join(unused.used_for, ", "));
}

void print_suggested(const Tried& tried, std::ostream& out, std::ostream& err) {
    out << tried.suggested.json << std::flush;
    fmt::print(err, "{} operations of {} sessions; ", tried.used, tried.report.sessions.size());
    fmt::print(err, "{}\n",
               tried.refused == 0 ? "the policy allows every one of them"
                                  : fmt::format("the policy would deny {} of them", tried.refused));
    const auto tell = [&](const char* head, const std::vector<std::string>& sentences) {
        for (const std::string& each : sentences) {
            fmt::print(err, "  {}{}\n", head, codec::printable(each));
        }
    };
    tell("would deny ", tried.refusals);
    tell("wider than what was used: ", tried.suggested.widened);
    tell("", tried.suggested.notes);
    if (tried.cut > 0) {
        fmt::print(err, "  {} operations name more resources than are on record\n", tried.cut);
    }
    tell("", unseen(tried.report));
    if (tried.session_policy_size > 0) {
        fmt::print(err, "  session policy: {} of {} characters\n", tried.session_policy_size,
                   policy::kSessionPolicyMax);
    }
    tell("", tried.gateway_only);
    for (const policy::Unused& each : tried.unused) {
        fmt::print(err, "  never used in the granted scope: {} ({}): {}\n",
                   codec::printable(each.statement), each.path, codec::printable(words_of(each)));
    }
}

codec::List list_of(const std::vector<std::string>& texts) {
    return {texts.begin(), texts.end()};
}

void print_suggested_json(const Tried& tried, std::ostream& out) {
    codec::List unused;
    for (const policy::Unused& each : tried.unused) {
        unused.emplace_back(codec::Map{{"statement", each.statement},
                                       {"path", each.path},
                                       {"what", each.what},
                                       {"used_for", list_of(each.used_for)}});
    }
    codec::Value policy = codec::json_decode(tried.suggested.json).value();
    const codec::Map line{{"policy", std::move(policy)},
                          {"operations", tried.used},
                          {"sessions", std::uint64_t{tried.report.sessions.size()}},
                          {"denied", tried.refused},
                          {"refusals", list_of(tried.refusals)},
                          {"resources_cut", tried.cut},
                          {"unseen", list_of(unseen(tried.report))},
                          {"widened", list_of(tried.suggested.widened)},
                          {"notes", list_of(tried.suggested.notes)},
                          {"session_policy_characters", std::uint64_t{tried.session_policy_size}},
                          {"gateway_only", list_of(tried.gateway_only)},
                          {"unused", std::move(unused)}};
    out << codec::json_encode(line) << "\n";
}

}  // namespace

int run_scope_suggest(const ScopeHistoryOptions& options, std::ostream& out, std::ostream& err) {
    const Result<Tried> tried = suggest(options);
    if (!tried) return failed(tried.error(), err);
    if (options.from.json) {
        print_suggested_json(tried.value(), out);
    } else {
        print_suggested(tried.value(), out, err);
    }
    return tried.value().held() ? kExitHeld : kExitCannotTell;
}

}  // namespace narrows::apps
