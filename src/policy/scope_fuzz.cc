#include "base/bytes.h"
#include "base/check.h"
#include "policy/document.h"
#include "policy/iam.h"
#include "policy/scope.h"
#include "policy/session_policy.h"

// Any bytes as a scope: refused with a sentence, or compiled into a session policy that parses.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    const auto scope = policy::Scope::parse(as_text({data, size}));
    if (!scope) {
        NARROWS_CHECK(!scope.error().what.empty(), "an error says what happened");
        return 0;
    }
    NARROWS_CHECK(!scope.value().document().statements.empty(), "a scope has a statement");
    const policy::Facts facts{"agent", std::nullopt, "task", "ns-session", WallNs{0}};
    for (const policy::Facts* known : {static_cast<const policy::Facts*>(nullptr), &facts}) {
        const auto compiled =
            policy::session_policy(scope.value(), {"111122223333", {"eu-west-1"}}, known);
        if (!compiled) continue;
        NARROWS_CHECK(compiled.value().json.size() <= policy::kSessionPolicyMax, "fits");
        NARROWS_CHECK(policy::Scope::parse(compiled.value().json).has_value(), "parses again");
    }
    policy::role_documents(scope.value(), {"r", "arn:aws:iam::111122223333:role/g", "e"});
    return 0;
}
