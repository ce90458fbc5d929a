#include "protocols/aws/adapter/never_allowed.h"

#include <gtest/gtest.h>

#include "protocols/aws/adapter/test_support.h"

namespace narrows::aws {
namespace {

std::vector<Candidate> candidates(std::string_view service, std::string_view operation) {
    return {{*Catalogue::embedded().service(service)->operation(operation), {}}};
}

session::Connection granted(std::string region, std::vector<std::string> unsigned_operations) {
    session::Connection connection = test_connection({std::move(region)});
    connection.unsigned_operations = std::move(unsigned_operations);
    return connection;
}

/// The index of the connection, or the code of the refusal.
std::string chosen(const std::vector<session::Connection>& connections,
                   const std::vector<Candidate>& of) {
    const Judged<std::size_t> found = choose_connection(connections, of, "eu-west-1");
    return found.has_value() ? std::to_string(found.value()) : found.error().code;
}

// GetId needs no signature (Amazon Cognito Federated Identities API reference, GetId).
TEST(NeverAllowed, an_unsigned_operation_is_of_the_first_connection_that_names_and_leads_to_it) {
    const std::vector<Candidate> get_id = candidates("cognito-identity", "GetId");
    const std::vector<std::string> names = {"cognito-identity:GetId"};
    EXPECT_EQ(chosen({granted("eu-west-1", {}), granted("us-east-1", names),
                      granted("eu-west-1", names), granted("eu-west-1", names)},
                     get_id),
              "2");
    EXPECT_EQ(
        chosen({granted("eu-west-1", {}), granted("us-east-1", names), granted("us-west-2", names)},
               get_id),
        "1");
    EXPECT_EQ(chosen({granted("eu-west-1", {}), granted("eu-west-1", {})}, get_id), "0");
}

TEST(NeverAllowed, what_must_be_signed_is_of_none) {
    EXPECT_EQ(chosen({granted("eu-west-1", {"sqs:SendMessage"})}, candidates("sqs", "SendMessage")),
              "MissingAuthenticationToken");
}

}  // namespace
}  // namespace narrows::aws
