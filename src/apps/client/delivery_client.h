#pragma once

#include <string>

#include "base/result.h"
#include "codec/value.h"

namespace narrows::client {

/// A session's own way to the gateway's agents' port (/.narrows/…), as its environment has it.
struct Delivery {
    std::string url;  ///< "http://127.0.0.1:8400/.narrows/credentials"
    std::string token;
};

/// From the file of a delivery folder, or from the AWS_CONTAINER_… variables if `file` is empty.
/// ErrorCode::invalid: this is not inside a session.
Result<Delivery> read_delivery(const std::string& file);

/// The credentials of a connection, the session's first if `connection` is empty, in the form of a
/// container credentials endpoint. Blocking. ErrorCode::denied: the gateway's sentence.
Result<codec::Value> fetch_credentials(const Delivery& delivery, const std::string& connection);
/// {"session","agent","expires_at","connections":[{"name","scope","regions"}]}
Result<codec::Value> fetch_own_session(const Delivery& delivery);

}  // namespace narrows::client
