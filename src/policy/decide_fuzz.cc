#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "policy/operand.h"
#include "policy/scope.h"

namespace {

using namespace narrows;

std::string_view take_line(std::string_view& rest) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return line;
}

}  // namespace

// Lines: action, resource (inexact if it begins with ~), effect class (a digit), any number of
// key=value, an empty line; then the scope.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view rest = as_text({data, size});
    model::Operation operation;
    const std::string action(take_line(rest));
    std::string_view resource = take_line(rest);
    const bool exact = !resource.starts_with('~');
    if (!exact) resource.remove_prefix(1);
    operation.accesses = {{action, {{std::string(resource), exact}}}};
    if (const auto range = policy::parse_network(resource)) {
        NARROWS_CHECK(policy::contains(*range, *range), "a range holds itself");
    }
    policy::parse_date(resource);
    const std::string_view effect = take_line(rest);
    if (!effect.empty()) operation.effect = static_cast<model::EffectClass>(effect[0] % 6);
    for (std::string_view line = take_line(rest); !line.empty(); line = take_line(rest)) {
        const std::size_t equals = line.find('=');
        auto& values = operation.context[std::string(line.substr(0, equals))];
        if (equals != std::string_view::npos) values.emplace_back(line.substr(equals + 1));
    }
    const auto scope = policy::Scope::parse(rest);
    if (!scope) return 0;
    const policy::Facts facts{"agent", std::nullopt, "task", "ns-session", WallNs{0}};
    const policy::Explanation told = policy::explain(scope.value(), operation, facts);
    const auto& statements = told.accesses.front().statements;
    const bool denied = std::any_of(statements.begin(), statements.end(),
                                    [](const auto& s) { return !s.allow && s.counts; });
    const bool allowed = std::any_of(statements.begin(), statements.end(),
                                     [](const auto& s) { return s.allow && s.counts; });
    NARROWS_CHECK(!told.decision.why.empty(), "a decision says why");
    NARROWS_CHECK(!told.decision.allowed() || (allowed && !denied), "allowed by a statement");
    NARROWS_CHECK(denied == (told.decision.reason == model::Reason::explicit_deny),
                  "a Deny that counts decides");
    return 0;
}
