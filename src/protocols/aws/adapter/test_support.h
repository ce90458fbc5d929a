#pragma once

#include <gtest/gtest.h>

#include "session/session.h"

/// For the unit tests of this room alone.
namespace narrows::aws {

/// The connection "reports" of account 123456789012.
inline session::Connection test_connection(std::vector<std::string> regions) {
    constexpr const char* kScope =
        R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]})";
    auto scope = policy::Scope::parse(kScope);
    EXPECT_TRUE(scope) << scope.error().what;
    return {.name = "reports",
            .type = "aws",
            .account = "123456789012",
            .partition = "aws",
            .regions = std::move(regions),
            .role_arn = "arn:aws:iam::123456789012:role/team/readers",
            .scope = std::move(scope.value())};
}

/// A session of these connections. What it does is on no record.
inline session::SessionPtr test_session(std::vector<session::Connection> connections) {
    session::Terms terms;
    terms.id = model::SessionId("ns-one");
    terms.connections = std::move(connections);
    return std::make_shared<session::Session>(std::move(terms), nullptr);
}

}  // namespace narrows::aws
