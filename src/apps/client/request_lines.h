#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/client/commands.h"
#include "codec/value.h"
#include "model/operation.h"
#include "policy/scope.h"

/// Operations for `scope explain`, named on the command line or worked out from whole requests as
/// the gateway would. Pure.
namespace narrows::client {

/// What a request is and what a scope says to it.
struct Explained {
    std::string error;              ///< not empty: refused before any scope is asked
    std::string service;            ///< of the catalogue: "s3"
    std::string operation;          ///< "GetObject"
    std::vector<std::string> tied;  ///< "docdb:CopyDBSnapshot": services of one wire form
    std::string never;              ///< why it is denied whatever the scope says; may be empty
    bool needs_name = false;        ///< a connection must name it in `unsigned`, too
    std::optional<model::Operation> asked;
    std::optional<policy::Explanation> decided;  ///< only with a scope

    bool allowed() const {
        return error.empty() && never.empty() &&
               (!decided || decided->decision.verdict == model::Verdict::allow);
    }
};
codec::Value json_of(const Explained& explained);

/// `--operation s3:GetObject --param Bucket=b`. ErrorCode::invalid: no such operation.
Result<Explained> explain_named(const ScopeOptions& options,
                                const std::optional<policy::Scope>& scope);

/// One line {"method","url","headers","body"}: `body` is text whose code points 0 to 255 are the
/// bytes. A presigned URL counts without its proof, a browser's form as the PutObject that it is;
/// neither is verified. Service and region come from the Authorization header's credential scope,
/// else from the members "signing_name" and "region", else from the host. Never fails: see
/// Explained::error.
Explained explain_request(std::string_view line, const ScopeOptions& options,
                          const std::optional<policy::Scope>& scope);

}  // namespace narrows::client
