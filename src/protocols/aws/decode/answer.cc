#include "protocols/aws/decode/answer.h"

#include "codec/cbor.h"
#include "codec/json.h"
#include "codec/text.h"
#include "codec/xml.h"

namespace narrows::aws {
namespace {

using codec::Map;

constexpr std::string_view kXmlDeclaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
constexpr std::string_view kStsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/";

std::string element(std::string_view name, std::string_view text) {
    return "<" + std::string(name) + ">" + codec::xml_escape(text) + "</" + std::string(name) + ">";
}

std::string open_tag(std::string_view name, std::string_view xml_namespace) {
    const std::string attribute =
        xml_namespace.empty() ? "" : " xmlns=\"" + codec::xml_escape(xml_namespace) + "\"";
    return "<" + std::string(name) + attribute + ">";
}

bool is_json(Protocol protocol) {
    return protocol == Protocol::json || protocol == Protocol::rest_json;
}

std::string s3_error(const std::string& code, const Refusal& refusal) {
    return std::string(kXmlDeclaration) + "<Error>" + element("Code", code) +
           element("Message", refusal.message) +
           (refusal.resource.empty() ? "" : element("Resource", refusal.resource)) +
           element("RequestId", refusal.request_id) + "</Error>";
}

std::string ec2_error(const std::string& code, const Refusal& refusal) {
    return std::string(kXmlDeclaration) + "<Response><Errors><Error>" + element("Code", code) +
           element("Message", refusal.message) + "</Error></Errors>" +
           element("RequestID", refusal.request_id) + "</Response>";
}

std::string query_error(const Style& style, const std::string& code, const Refusal& refusal) {
    return open_tag("ErrorResponse", style.xml_namespace) + "<Error>" + element("Type", "Sender") +
           element("Code", code) + element("Message", refusal.message) + "</Error>" +
           element("RequestId", refusal.request_id) + "</ErrorResponse>";
}

std::string document(const Style& style, const std::string& code, const Refusal& refusal) {
    if (style.s3) return s3_error(code, refusal);
    switch (style.protocol) {
        case Protocol::ec2:
            return ec2_error(code, refusal);
        case Protocol::query:
        case Protocol::rest_xml:
            return query_error(style, code, refusal);
        case Protocol::json:
            return codec::json_encode(Map{{"__type", code}, {"message", refusal.message}});
        case Protocol::rest_json:
            return codec::json_encode(Map{{"message", refusal.message}});
        case Protocol::rpc_v2_cbor:
            return to_string(
                codec::cbor_encode(Map{{"__type", code}, {"message", refusal.message}}));
    }
    return {};
}

std::string media_type(const Style& style) {
    if (style.s3) return "application/xml";
    switch (style.protocol) {
        case Protocol::json:
            return "application/x-amz-json-" + style.json_version;
        case Protocol::rest_json:
            return "application/json";
        case Protocol::rpc_v2_cbor:
            return "application/cbor";
        default:
            return "text/xml";
    }
}

/// The code that clients of the old query protocol know, for services that moved to JSON.
std::string query_code(const std::string& code) {
    return code == "AccessDeniedException" ? "AccessDenied" : code;
}

}  // namespace

Style style_of(Protocol protocol, Service service, const http::RequestHead& head) {
    Style style;
    style.protocol = protocol;
    style.s3 = service.is_s3();
    style.head = head.method == "HEAD";
    style.query_mode = http::count(head.headers, "x-amzn-query-mode") > 0;
    if (!service.json_version().empty()) style.json_version = service.json_version();
    style.xml_namespace = service.xml_namespace();
    return style;
}

Style guess_style(const http::RequestHead& head, std::string_view signing_name) {
    Style style;
    style.head = head.method == "HEAD";
    const std::string_view type = http::header(head.headers, "content-type");
    if (http::count(head.headers, "smithy-protocol") > 0) {
        style.protocol = Protocol::rpc_v2_cbor;
    } else if (http::count(head.headers, "x-amz-target") > 0) {
        style.protocol = Protocol::json;
        if (type.ends_with("1.1")) style.json_version = "1.1";
    } else if (signing_name.starts_with("s3")) {
        style.protocol = Protocol::rest_xml;
        style.s3 = true;
    } else if (type.starts_with("application/x-www-form-urlencoded")) {
        style.protocol = signing_name == "ec2" ? Protocol::ec2 : Protocol::query;
    }
    return style;
}

std::string_view denial_code(const Style& style) {
    if (style.protocol == Protocol::ec2) return "UnauthorizedOperation";
    const bool modern = is_json(style.protocol) || style.protocol == Protocol::rpc_v2_cbor;
    return modern ? "AccessDeniedException" : "AccessDenied";
}

Answer refuse(const Style& style, const Refusal& refusal) {
    const std::string code = refusal.code.empty() ? std::string(denial_code(style)) : refusal.code;
    Answer answer;
    // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
    const bool rpc = style.protocol == Protocol::json && !style.query_mode;
    answer.status = rpc && refusal.status == 403 ? 400 : refusal.status;
    answer.headers.push_back({"Content-Type", media_type(style)});
    answer.headers.push_back(
        {style.s3 ? "x-amz-request-id" : "x-amzn-RequestId", refusal.request_id});
    if (is_json(style.protocol)) answer.headers.push_back({"x-amzn-ErrorType", code});
    if (style.protocol == Protocol::rpc_v2_cbor) {
        answer.headers.push_back({"smithy-protocol", "rpc-v2-cbor"});
    }
    if (style.query_mode) {
        answer.headers.push_back({"x-amzn-query-error", query_code(code) + ";Sender"});
    }
    if (!style.head) answer.body = document(style, code, refusal);
    return answer;
}

Answer answer_caller_identity(const CallerIdentity& caller, std::string_view request_id) {
    Answer answer;
    answer.status = 200;
    answer.headers.push_back({"Content-Type", "text/xml"});
    answer.headers.push_back({"x-amzn-RequestId", std::string(request_id)});
    answer.body =
        open_tag("GetCallerIdentityResponse", kStsNamespace) + "<GetCallerIdentityResult>" +
        element("Arn", caller.arn) + element("UserId", caller.user_id) +
        element("Account", caller.account) + "</GetCallerIdentityResult><ResponseMetadata>" +
        element("RequestId", request_id) + "</ResponseMetadata></GetCallerIdentityResponse>";
    return answer;
}

}  // namespace narrows::aws
