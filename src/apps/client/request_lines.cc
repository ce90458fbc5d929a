#include "apps/client/request_lines.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "codec/form_upload.h"
#include "codec/json.h"
#include "codec/text.h"
#include "crypto/hash.h"
#include "policy/session_policy.h"
#include "protocols/aws/adapter/post_object.h"
#include "protocols/aws/catalogue/aws_host.h"
#include "protocols/aws/catalogue/unsigned.h"
#include "protocols/aws/decode/decode.h"
#include "protocols/aws/decode/operation.h"
#include "protocols/aws/decode/swap.h"
#include "protocols/aws/sigv4/authorization.h"
#include "protocols/aws/sigv4/post_policy.h"
#include "protocols/aws/sigv4/presigned.h"
#include "protocols/aws/sigv4/s3_keys.h"

namespace narrows::client {
namespace {

constexpr std::size_t kBodyMax = 64u << 20;
constexpr const char* kAccount = "123456789012";
constexpr const char* kRegion = "us-east-1";

const aws::Catalogue& catalogue() {
    return aws::Catalogue::embedded();
}

/// Service and region of a request, however they were found.
struct Addressed {
    std::string signing_name;
    std::string region;
    std::string host;
    std::string bucket;
};

/// As the gateway reads it: a presigned URL without its proof, a form as the PutObject that it is.
struct RequestLine {
    http::RequestHead head;
    Bytes body;
    Addressed to;
    sigv4::Presented presented;
};

/// The bytes of a text whose code points are all below 256.
Result<Bytes> bytes_of(std::string_view text) {
    Bytes out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<std::uint8_t>(text[i]);
        if (byte < 0x80) {
            out.push_back(byte);
            continue;
        }
        const bool two = (byte == 0xc2 || byte == 0xc3) && i + 1 < text.size();
        if (!two) {
            return fail(ErrorCode::invalid, "the body has a code point above 255");
        }
        ++i;
        out.push_back(static_cast<std::uint8_t>((byte & 3) << 6 | (text[i] & 0x3f)));
    }
    return out;
}

/// A member of the line; nothing where it is left out or null.
const codec::Value* member_of(const codec::Value& line, std::string_view name) {
    const codec::Value* value = line.find(name);
    return value == nullptr || value->is_null() ? nullptr : value;
}

Result<http::Headers> headers_of(const codec::Value& line) {
    const codec::Map none;
    const codec::Value* value = member_of(line, "headers");
    const codec::Map* map = value == nullptr ? &none : value->as<codec::Map>();
    const auto is_text = [](const auto& each) {
        return each.second.template as<std::string>() != nullptr;
    };
    if (map == nullptr || !std::all_of(map->begin(), map->end(), is_text)) {
        return fail(ErrorCode::invalid, "headers is an object whose values are texts");
    }
    http::Headers out;
    for (const auto& [name, each] : *map) {
        out.push_back({name, *each.as<std::string>()});
    }
    return out;
}

Result<Bytes> body_of(const codec::Value& line) {
    const codec::Value* value = member_of(line, "body");
    if (value != nullptr && value->as<std::string>() == nullptr) {
        return fail(ErrorCode::invalid, "body is a text of code points 0 to 255");
    }
    return bytes_of(line.text("body"));
}

Result<void> unfold_form(RequestLine& request) {
    const std::string_view type = http::header(request.head.headers, "content-type");
    NARROWS_TRY(codec::FormUpload form, codec::FormUpload::of(type));
    Bytes file;
    NARROWS_TRY(form.push(request.body, file));
    NARROWS_TRY(form.finish());
    const sigv4::FormFields fields = aws::fields_of(form);
    request.presented = sigv4::classify_form(fields, as_bytes("-"));
    NARROWS_TRY(request.head, aws::put_of_form(request.head, fields));
    request.body = std::move(file);
    return ok();
}

Result<void> take_proof_out(RequestLine& request) {
    using sigv4::Scheme;
    if (aws::is_form_post(request.head)) {
        return unfold_form(request);
    }
    request.presented = sigv4::classify(request.head, as_bytes("-"));
    const Scheme scheme = request.presented.scheme;
    const bool v2 = scheme == Scheme::sigv2_query;
    if (!v2 && scheme != Scheme::sigv4_query && scheme != Scheme::sigv4a_query) {
        return ok();
    }
    NARROWS_TRY(sigv4::Presigned presigned,
                v2 ? sigv4::read_presigned_v2(request.head) : sigv4::read_presigned(request.head));
    request.head = std::move(presigned.request);
    return ok();
}

/// What stands before a service's host in the one asked for: nothing if it is that very host, no
/// value if it is another. Also takes the form without a region ("s3.amazonaws.com").
std::optional<std::string> before_host(aws::Service service, const Addressed& to) {
    const auto endpoint =
        catalogue().endpoint(service, catalogue().partition_of(to.region), to.region);
    if (!endpoint) {
        return std::nullopt;
    }
    const std::string host = endpoint.value().host;
    const std::size_t region = host.find("." + to.region + ".");
    const std::string global =
        region == std::string::npos ? host : std::string(host).erase(region, to.region.size() + 1);
    for (const std::string& each : {host, global}) {
        if (to.host == each) return std::string();
        if (to.host.ends_with("." + each)) {
            return to.host.substr(0, to.host.size() - each.size() - 1);
        }
    }
    return std::nullopt;
}

/// The service whose host it is, or is below of: the one that leaves the least before it.
void address_by_host(Addressed& to) {
    for (const std::string_view label : codec::split(to.host, '.')) {
        const bool is_region = to.region.empty() && !catalogue().partition_of(label).empty();
        if (is_region) to.region = std::string(label);
    }
    if (to.region.empty()) {
        to.region = kRegion;
    }
    std::size_t least = std::string::npos;
    for (const aws::Service service : catalogue().services()) {
        const std::optional<std::string> before = before_host(service, to);
        if (before && before->size() < least) {
            least = before->size();
            to.signing_name = std::string(service.signing_name());
        }
    }
}

/// The bucket of a virtual host, as the gateway takes it from one.
std::string bucket_of(const Addressed& to) {
    const auto named = aws::read_aws_host(catalogue(), to.host, {to.signing_name, to.region, ""});
    if (named) {
        return named.value().bucket;
    }
    const std::optional<aws::Service> s3 = catalogue().service("s3");
    return s3 && to.signing_name == "s3" ? before_host(*s3, to).value_or("") : std::string();
}

Addressed addressed(const codec::Value& line, const std::string& scope, const std::string& host) {
    Addressed to;
    to.host = codec::lower(host.substr(0, host.find(':')));
    const std::vector<std::string_view> parts = codec::split(scope, '/');
    if (parts.size() == 4) {
        to.region = parts[1];
        to.signing_name = parts[2];
    } else if (parts.size() == 3) {
        to.signing_name = parts[1];  // SigV4A's, whose regions stand elsewhere
    }
    if (to.region.empty()) to.region = line.text("region");
    if (to.signing_name.empty()) to.signing_name = line.text("signing_name");
    if (to.signing_name.empty()) address_by_host(to);
    if (to.region.empty()) to.region = kRegion;
    to.bucket = bucket_of(to);
    return to;
}

Result<RequestLine> request_of(std::string_view text) {
    NARROWS_TRY(const codec::Value line, codec::json_decode(text));
    RequestLine request;
    NARROWS_TRY(http::Headers headers, headers_of(line));
    request.head = {line.text("method"), line.text("url"), std::move(headers)};
    std::string host(http::header(request.head.headers, "host"));
    const std::size_t scheme = request.head.target.find("://");
    if (scheme != std::string::npos) {
        const std::size_t path = request.head.target.find_first_of("/?", scheme + 3);
        const std::string authority = request.head.target.substr(scheme + 3, path - scheme - 3);
        host = host.empty() ? authority : host;
        const std::string target =
            path == std::string::npos ? "/" : request.head.target.substr(path);
        request.head.target = target.front() == '?' ? "/" + target : target;
    }
    if (request.head.method.empty() || !request.head.target.starts_with('/')) {
        return fail(ErrorCode::invalid, "a request has a method and a url");
    }
    NARROWS_TRY(request.body, body_of(line));
    NARROWS_TRY(take_proof_out(request));
    request.to = addressed(line, request.presented.scope, host);
    return request;
}

/// The gateway's own rule, whatever the scope says.
std::string never_allowed(const aws::Decoded& candidate) {
    const aws::Operation entry = candidate.entry;
    if (entry.service().id() == "sts" && entry.name() == "GetCallerIdentity") {
        return "";  // answered by the gateway
    }
    if (entry.auth() == aws::Auth::none && entry.no_action()) {
        return "IAM has no action for it: only a connection that names it in unsigned lets it "
               "through";
    }
    const std::string_view never = aws::why_never(entry);
    return never.empty() ? aws::why_not_as_asked(entry, candidate.parameters, true).value_or("")
                         : std::string(never);
}

Result<Explained> explain(const std::vector<aws::Decoded>& candidates, const std::string& region,
                          const ScopeOptions& options, const std::optional<policy::Scope>& scope,
                          const sigv4::S3Proof& proof = {}) {
    Explained explained;
    const aws::Operation first = candidates.front().entry;
    explained.service = std::string(first.service().id());
    explained.operation = std::string(first.name());
    for (const aws::Decoded& each : candidates) {
        if (candidates.size() > 1) explained.tied.push_back(aws::name_of(each.entry));
        if (explained.never.empty()) explained.never = never_allowed(each);
        explained.needs_name = explained.needs_name || each.entry.auth() == aws::Auth::none;
    }
    const std::string account = options.account.empty() ? kAccount : options.account;
    const aws::ConnectionFacts facts{account, std::string(catalogue().partition_of(region)),
                                     region};
    model::Context known{{"aws:requestedregion", {region}}};
    known.merge(sigv4::s3_keys(first.service().signing_name(), proof));
    // Withheld values are only shown as commitments; any key will do where nothing is kept.
    const Bytes key = crypto::random_bytes(32);
    NARROWS_TRY(explained.asked, aws::build_operation(candidates, facts, known, key));
    if (scope) {
        policy::Facts session;
        session.agent = options.agent;
        if (!options.principal.empty()) session.principal = options.principal;
        session.task_id = options.task_id;
        session.now = system_clock().wall();
        const auto compiled = policy::session_policy(*scope, {account, {region}}, nullptr);
        session.enforced_again = compiled && compiled.value().whole;
        explained.decided = policy::explain(*scope, *explained.asked, session);
    }
    return explained;
}

/// A body in chunks of its own is taken for uploads alone, and as a stream.
bool is_chunked(const http::RequestHead& head) {
    const std::string_view codings = http::header(head.headers, "content-encoding");
    const std::vector<std::string_view> each = codec::split(codings, ',');
    return http::header(head.headers, "x-amz-content-sha256").starts_with("STREAMING-") ||
           std::any_of(each.begin(), each.end(), [](std::string_view coding) {
               return codec::iequals(codec::trim(coding), "aws-chunked");
           });
}

Result<std::vector<aws::Decoded>> decode_candidates(const aws::Recognition& found,
                                                    const http::RequestHead& head, ByteView body) {
    std::vector<aws::Decoded> decoded;
    Error misfit;
    for (const aws::Candidate& candidate : found.candidates) {
        const bool streamed = candidate.operation.event_stream_input() || is_chunked(head);
        const ByteView held = streamed ? ByteView() : body;
        Result<codec::Value> parameters =
            aws::decode_parameters({found.protocol, candidate, head, held, streamed});
        if (parameters) {
            decoded.push_back({candidate.operation, std::move(parameters.value())});
        } else {
            misfit = parameters.error();
        }
    }
    if (decoded.empty()) {
        return fail(misfit);
    }
    return decoded;
}

/// The content coding of a blob is the object's own.
bool are_blobs(const aws::Recognition& found) {
    return std::all_of(
        found.candidates.begin(), found.candidates.end(),
        [](const aws::Candidate& each) { return aws::takes_stream(each.operation); });
}

Result<Explained> explain_bytes(const RequestLine& request, const ScopeOptions& options,
                                const std::optional<policy::Scope>& scope) {
    const Result<Bytes> plain = aws::plain_body(request.head, request.body, kBodyMax);
    const bool is_form = codec::lower(http::header(request.head.headers, "content-type"))
                             .starts_with("application/x-www-form-urlencoded");
    const aws::Question question{request.head,
                                 is_form && plain ? as_text(plain.value()) : std::string_view(),
                                 request.to.signing_name,
                                 request.to.region,
                                 request.to.host,
                                 request.to.bucket};
    NARROWS_TRY(const aws::Recognition found, aws::recognise(catalogue(), question));
    const bool blobs = are_blobs(found);
    if (!blobs && !plain) {
        return fail(plain.error());
    }
    NARROWS_TRY(const std::vector<aws::Decoded> decoded,
                decode_candidates(found, request.head, blobs ? request.body : plain.value()));
    const std::string_view payload = http::header(request.head.headers, "x-amz-content-sha256");
    return explain(decoded, request.to.region, options, scope,
                   {request.presented.scheme, {}, payload});
}

/// NAME=VALUE into the map: JSON where it is JSON and no plain text is wanted, else text.
Result<void> add_parameter(codec::Map& to, aws::Operation entry, const std::string& text) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const std::optional<aws::Member> member =
        entry.has_input() ? entry.input().member(name) : std::nullopt;
    if (equals == std::string::npos || !member) {
        return fail(ErrorCode::invalid,
                    fmt::format("--param {}: {} has no such member; write NAME=VALUE with the "
                                "member's name of the AWS API",
                                text, name_of(entry)));
    }
    const std::string value = text.substr(equals + 1);
    const aws::ShapeKind kind = member->shape().kind();
    if (kind == aws::ShapeKind::string || kind == aws::ShapeKind::blob ||
        kind == aws::ShapeKind::timestamp) {
        to[name] = value;
        return ok();
    }
    Result<codec::Value> json = codec::json_decode(value);
    if (!json) {
        return fail(ErrorCode::invalid,
                    fmt::format("--param {}: the value must be JSON: {}", name, json.error().what));
    }
    to[name] = std::move(json.value());
    return ok();
}

/// "s3:GetObject" by the catalogue's, the signing or the IAM name of the service.
Result<aws::Operation> find_operation(const std::string& text) {
    const std::size_t colon = text.find(':');
    const std::string prefix = text.substr(0, colon);
    const std::string name = colon == std::string::npos ? "" : text.substr(colon + 1);
    for (const bool by_id : {true, false}) {
        for (const aws::Service service : catalogue().services()) {
            const bool meant =
                by_id ? service.id() == prefix
                      : service.signing_name() == prefix || service.iam_prefix() == prefix;
            const auto found = meant ? service.operation(name) : std::nullopt;
            if (found) return *found;
        }
    }
    return fail(ErrorCode::invalid,
                fmt::format("{} is no operation of the catalogue; write SERVICE:OPERATION, such "
                            "as s3:GetObject (operations, not IAM actions: s3:ListObjectsV2)",
                            text));
}

codec::List texts(const std::set<std::string>& from) {
    return {from.begin(), from.end()};
}

}  // namespace

Result<Explained> explain_named(const ScopeOptions& options,
                                const std::optional<policy::Scope>& scope) {
    NARROWS_TRY(const aws::Operation entry, find_operation(options.operation));
    codec::Map parameters;
    for (const std::string& each : options.parameters) {
        NARROWS_TRY(add_parameter(parameters, entry, each));
    }
    const std::string region = options.regions.empty() ? kRegion : options.regions.front();
    return explain({{entry, std::move(parameters)}}, region, options, scope);
}

Explained explain_request(std::string_view line, const ScopeOptions& options,
                          const std::optional<policy::Scope>& scope) {
    Explained refused;
    Result<RequestLine> request = request_of(line);
    if (!request) {
        refused.error = request.error().what;
        return refused;
    }
    Result<Explained> explained = explain_bytes(request.value(), options, scope);
    if (!explained) {
        refused.error = explained.error().what;
        return refused;
    }
    return std::move(explained.value());
}

codec::Value json_of(const Explained& explained) {
    if (!explained.error.empty()) {
        return codec::Map{{"error", explained.error}};
    }
    std::set<std::string> actions;
    std::set<std::string> resources;
    for (const model::Access& access : explained.asked->accesses) {
        actions.insert(access.action);
        for (const model::Resource& resource : access.resources) {
            resources.insert(resource.arn);
        }
    }
    codec::Map line{{"service", explained.service},
                    {"operation", explained.operation},
                    {"effect", model::name_of(explained.asked->effect)},
                    {"actions", texts(actions)},
                    {"resources", texts(resources)},
                    {"parameters", explained.asked->parameters}};
    if (!explained.tied.empty()) {
        line.emplace("candidates", codec::List(explained.tied.begin(), explained.tied.end()));
    }
    if (!explained.never.empty()) {
        line.emplace("never", explained.never);
    }
    if (explained.needs_name) {
        line.emplace("unsigned", true);
    }
    if (explained.decided) {
        const model::Decision& decision = explained.decided->decision;
        const bool never = !explained.never.empty();
        line.emplace("decision", never ? "deny" : model::name_of(decision.verdict));
        line.emplace("reason", never ? "not-supported" : model::name_of(decision.reason));
        line.emplace("statement", decision.statement);
        line.emplace("why", never ? explained.never : decision.why);
    }
    return line;
}

}  // namespace narrows::client
