#include "base/bytes.h"
#include "base/check.h"
#include "policy/check.h"
#include "policy/document.h"
#include "policy/iam.h"
#include "policy/scope.h"
#include "policy/session_policy.h"

namespace {

/// Every action is one that is asked on buckets.
class AllActions : public narrows::policy::ActionCatalogue {
  public:
    bool exists(std::string_view) const override { return true; }
    std::vector<narrows::policy::KnownAction> matching(std::string_view action) const override {
        return {{std::string(action), true, {"arn:*:s3:::*"}, {"s3:prefix"}, true}};
    }
    std::optional<std::string> suggest(std::string_view) const override { return std::nullopt; }
};

}  // namespace

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
    const policy::RoleRequest request{
        "arn:aws:iam::111122223333:role/r", "arn:aws:iam::111122223333:role/g", "e", {}};
    const policy::RoleDocuments documents = policy::role_documents(scope.value(), request);
    NARROWS_CHECK(!policy::terraform_of(request, documents).empty(), "it can be written");
    for (const policy::Finding& each : policy::check(scope.value(), AllActions(), WallNs{1})) {
        NARROWS_CHECK(each.line > 0 && each.column > 0, "a finding stands in the text");
    }
    return 0;
}
