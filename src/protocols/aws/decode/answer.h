#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"
#include "protocols/aws/catalogue/catalogue.h"

/// Answers of the gateway's own, in the shape that the client's SDK reads for the service it
/// called. https://smithy.io/2.0/aws/protocols/index.html
namespace narrows::aws {

/// How the client wants to be answered.
struct Style {
    Protocol protocol = Protocol::rest_json;
    bool s3 = false;          ///< S3's own error document and header names
    bool head = false;        ///< a HEAD request: headers only
    bool query_mode = false;  ///< x-amzn-query-mode: the query protocol's code in a header too
    std::string json_version = "1.0";
    std::string xml_namespace;
};

Style style_of(Protocol protocol, Service service, const http::RequestHead& head);
/// For a request that was not recognised: from its markers and the signing name it claims.
Style guess_style(const http::RequestHead& head, std::string_view signing_name);

struct Answer {
    int status = 403;
    http::Headers headers;  ///< without Date, Content-Length and Connection, which the server adds
    std::string body;
};

struct Refusal {
    std::string code;        ///< "AccessDenied"; empty: what this style says for a denial
    std::string message;     ///< for the agent
    std::string request_id;  ///< "SESSION#OP", in the service's request-id field
    std::string resource;    ///< S3's Resource element; may be empty
    int status = 403;
};

/// "AccessDeniedException", "AccessDenied" or "UnauthorizedOperation".
std::string_view denial_code(const Style& style);

Answer refuse(const Style& style, const Refusal& refusal);

struct CallerIdentity {
    std::string account;
    std::string arn;
    std::string user_id;
};
/// sts:GetCallerIdentity, answered by the gateway. Query protocol only, as STS itself.
Answer answer_caller_identity(const CallerIdentity& caller, std::string_view request_id);

}  // namespace narrows::aws
