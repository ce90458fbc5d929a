#include "protocols/aws/adapter/own_answer.h"

#include <gtest/gtest.h>

#include "protocols/aws/adapter/test_support.h"

namespace narrows::aws {
namespace {

Understood of_session() {
    Understood asked;
    asked.caller.session = test_session({test_connection({"eu-west-1"})});
    return asked;
}

session::Admission denied(model::Reason reason) {
    session::Admission admission;
    admission.record = "ns-one#7";
    admission.decision.reason = reason;
    admission.decision.why = "it is denied: Sid says so";
    return admission;
}

// The first sentence is AWS's own:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
TEST(OwnAnswer, a_denial_is_awss_sentence_then_the_record_and_why) {
    session::Admission admission = denied(model::Reason::explicit_deny);
    admission.decision.action = "s3:GetObject";
    admission.decision.resource = "arn:aws:s3:::b/k";
    admission.decision.statement = "Sid";
    EXPECT_EQ(refusal_of(of_session(), admission).message,
              "User: arn:aws:sts::123456789012:assumed-role/readers/ns-one is not authorized to "
              "perform: s3:GetObject on resource: arn:aws:s3:::b/k with an explicit deny in a "
              "session policy [Narrows ns-one#7, before AWS was called] it is denied: Sid says so. "
              "Deciding statement: Sid. This is policy, not a fault: do not retry or work around "
              "it. The scope of connection reports can be read with: narrows session show ns-one");
}

TEST(OwnAnswer, what_is_no_policy_may_be_tried_again) {
    EXPECT_EQ(refusal_of(of_session(), denied(model::Reason::cannot_record)).message,
              "it is denied: Sid says so [Narrows ns-one#7, before AWS was called] It may be tried "
              "again when the gateway's disk has space.");
    Understood later;
    later.rejection = reject(model::Reason::not_authenticated, "ServiceUnavailable", "");
    later.rejection->status = 503;
    EXPECT_EQ(refusal_of(later, denied(model::Reason::not_authenticated)).message,
              "it is denied: Sid says so [Narrows ns-one#7, before AWS was called]");
}

TEST(OwnAnswer, code_and_status_are_of_what_refused_it) {
    const auto told = [](std::optional<Rejection> rejection, model::Reason reason) {
        Understood asked;
        asked.rejection = std::move(rejection);
        const Refusal refusal = refusal_of(asked, denied(reason));
        return refusal.code + " " + std::to_string(refusal.status);
    };
    const Rejection bad = reject_as_bad(model::Reason::not_recognised, "BadDigest", "");
    EXPECT_EQ(told(std::nullopt, model::Reason::implicit_deny), "AccessDenied 403");
    EXPECT_EQ(told(bad, model::Reason::not_recognised), "BadDigest 400");
    EXPECT_EQ(told(bad, model::Reason::session_over), "ExpiredToken 400");
    EXPECT_EQ(told(bad, model::Reason::cannot_record), "ServiceUnavailable 503");
}

TEST(OwnAnswer, a_caller_is_whom_aws_would_take_it_for) {
    Caller caller = of_session().caller;
    EXPECT_EQ(caller.arn(), "arn:aws:sts::123456789012:assumed-role/readers/ns-one");
    caller.derived.emplace();
    caller.derived->arn = "arn:aws:sts::210987654321:assumed-role/other/name";
    EXPECT_EQ(caller.arn(), "arn:aws:sts::210987654321:assumed-role/other/name");
}

}  // namespace
}  // namespace narrows::aws
