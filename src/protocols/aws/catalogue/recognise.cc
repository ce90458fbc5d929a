#include "protocols/aws/catalogue/recognise.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "codec/text.h"
#include "protocols/aws/catalogue/aws_host.h"
#include "protocols/aws/catalogue/uri_template.h"

namespace narrows::aws {
namespace {

using codec::iequals;
using codec::Pair;

auto refused(std::string what) {
    return fail(ErrorCode::invalid, std::move(what));
}
auto unknown(std::string what) {
    return fail(ErrorCode::not_found, std::move(what));
}

struct Target {
    std::string_view path;
    std::vector<Pair> query;  ///< percent-decoded, in order
};

Result<Target> parse_target(std::string_view target) {
    Target parsed;
    const std::size_t mark = target.find('?');
    parsed.path = target.substr(0, mark);
    if (mark == std::string_view::npos) return parsed;
    for (const std::string_view piece : codec::split(target.substr(mark + 1), '&')) {
        if (piece.empty()) continue;
        const std::size_t equals = piece.find('=');
        NARROWS_TRY(std::string name, codec::percent_decode(piece.substr(0, equals)));
        std::string value;
        if (equals != std::string_view::npos) {
            NARROWS_TRY(value, codec::percent_decode(piece.substr(equals + 1)));
        }
        parsed.query.push_back({std::move(name), std::move(value)});
    }
    return parsed;
}

/// The value of the only pair of that name; nothing if there is none. Two are refused.
Result<std::optional<std::string_view>> only(const std::vector<Pair>& pairs,
                                             std::string_view name) {
    std::optional<std::string_view> found;
    for (const Pair& pair : pairs) {
        if (pair.name != name) continue;
        if (found) return refused(fmt::format("'{}' stands in the request twice.", name));
        found = pair.value;
    }
    return found;
}

Result<std::optional<std::string_view>> only_header(const http::Headers& headers,
                                                    std::string_view name) {
    if (http::count(headers, name) > 1) {
        return refused(fmt::format("The header '{}' stands in the request twice.", name));
    }
    if (http::count(headers, name) == 0) return std::optional<std::string_view>{};
    return std::optional<std::string_view>{http::header(headers, name)};
}

bool is_form(const http::Headers& headers) {
    const std::string_view type = http::header(headers, "content-type");
    return iequals(codec::trim(type.substr(0, type.find(';'))),
                   "application/x-www-form-urlencoded");
}

/// Query protocols' own marker, from the query string or a form body, never both.
struct ActionVersion {
    std::string action;
    std::string version;
};

/// One request on its way to being recognised.
class Recogniser {
  public:
    Recogniser(const Catalogue& catalogue, const Question& question)
        : catalogue_(catalogue),
          question_(question),
          services_(catalogue.services_signed_as(question.signing_name)) {}

    Result<Recognition> run();

  private:
    Result<std::optional<ActionVersion>> action_version() const;
    Result<Recognition> by_cbor_path() const;
    Result<Recognition> by_target(std::string_view target) const;
    Result<Recognition> by_action(const ActionVersion& asked) const;
    Result<Recognition> by_template();
    Result<void> is_rpc_form(std::string_view what) const;
    bool lacks_query(Operation operation) const;
    Result<bool> markers_stand(Operation operation) const;
    Result<void> weigh(Operation operation, const RequestPath& path);
    Recognition with_host(Recognition found) const;
    bool offers_query() const;

    const Catalogue& catalogue_;
    const Question& question_;
    std::vector<Service> services_;
    Target target_;
    std::pair<std::string, std::size_t> best_;  ///< rank and number of markers of the best so far
    std::vector<Candidate> candidates_;
};

bool Recogniser::offers_query() const {
    return std::any_of(services_.begin(), services_.end(), [](Service service) {
        return service.protocols().has(Protocol::query) || service.protocols().has(Protocol::ec2);
    });
}

Result<std::optional<ActionVersion>> Recogniser::action_version() const {
    std::vector<Pair> form;
    if (is_form(question_.head.headers)) {
        NARROWS_TRY(form, codec::form_decode(question_.body));
    }
    NARROWS_TRY(const auto in_query, only(target_.query, "Action"));
    NARROWS_TRY(const auto in_form, only(form, "Action"));
    if (!in_query && !in_form) return std::optional<ActionVersion>{};
    if (in_query && in_form) {
        return refused("'Action' stands both in the query string and in the body.");
    }
    NARROWS_TRY(const auto version, only(in_form ? form : target_.query, "Version"));
    if (!version) return refused("The request has an 'Action' and no 'Version'.");
    return std::optional<ActionVersion>{
        ActionVersion{std::string(in_form ? *in_form : *in_query), std::string(*version)}};
}

Result<Recognition> Recogniser::run() {
    if (services_.empty()) {
        return unknown(
            fmt::format("No AWS service signs as '{}'.", codec::printable(question_.signing_name)));
    }
    NARROWS_TRY(target_, parse_target(question_.head.target));
    NARROWS_TRY(const auto smithy, only_header(question_.head.headers, "smithy-protocol"));
    NARROWS_TRY(const auto target, only_header(question_.head.headers, "x-amz-target"));
    std::optional<ActionVersion> action;
    if (offers_query()) {
        NARROWS_TRY(action, action_version());
    }
    if (int{smithy.has_value()} + int{target.has_value()} + int{action.has_value()} > 1) {
        return refused("The request carries the markers of two protocols at once.");
    }
    if (smithy) {
        if (*smithy != "rpc-v2-cbor") return unknown("The smithy-protocol is not rpc-v2-cbor.");
        return by_cbor_path();
    }
    if (target) return by_target(*target);
    if (action) return by_action(*action);
    return by_template();
}

Result<void> Recogniser::is_rpc_form(std::string_view what) const {
    if (question_.head.method != "POST" || target_.path != "/" || !question_.bucket.empty()) {
        return refused(fmt::format("A request with {} is a POST to '/', and this is not.", what));
    }
    if (!target_.query.empty()) {
        return refused(fmt::format("A request with {} has no query string, and this has.", what));
    }
    return ok();
}

Result<Recognition> Recogniser::by_cbor_path() const {
    const auto pieces = codec::split(target_.path, '/');
    const bool good = question_.head.method == "POST" && target_.query.empty() &&
                      question_.bucket.empty() && pieces.size() == 5 && pieces[0].empty() &&
                      pieces[1] == "service" && pieces[3] == "operation";
    if (!good) return refused("An rpc-v2-cbor request is a POST to /service/S/operation/O.");
    Recognition found{Protocol::rpc_v2_cbor, {}};
    for (const Service service : services_) {
        if (!service.protocols().has(Protocol::rpc_v2_cbor)) continue;
        if (service.target_prefix() != pieces[2]) continue;
        if (const auto operation = service.operation(pieces[4])) {
            found.candidates.push_back({*operation, {}});
        }
    }
    if (found.candidates.empty()) return unknown("No model knows this rpc-v2-cbor operation.");
    return found;
}

Result<Recognition> Recogniser::by_target(std::string_view target) const {
    NARROWS_TRY(is_rpc_form("an x-amz-target"));
    const std::size_t dot = target.rfind('.');
    Recognition found{Protocol::json, {}};
    for (const Service service : services_) {
        if (dot == std::string_view::npos || !service.protocols().has(Protocol::json)) continue;
        if (service.target_prefix() != target.substr(0, dot)) continue;
        if (const auto operation = service.operation(target.substr(dot + 1))) {
            found.candidates.push_back({*operation, {}});
        }
    }
    if (found.candidates.empty()) {
        return unknown(fmt::format("No service that signs as '{}' has the x-amz-target '{}'.",
                                   question_.signing_name, codec::printable(target)));
    }
    return with_host(std::move(found));
}

Result<Recognition> Recogniser::by_action(const ActionVersion& asked) const {
    const std::string& method = question_.head.method;
    if ((method != "POST" && method != "GET") || !question_.bucket.empty()) {
        return refused("A request with an 'Action' is a POST or a GET, and this is not.");
    }
    Recognition found{Protocol::query, {}};
    for (const Service service : services_) {
        const bool ec2 = service.protocols().has(Protocol::ec2);
        if (!ec2 && !service.protocols().has(Protocol::query)) continue;
        // SQS's older clients send to the queue's own path; the decoder checks it against QueueUrl.
        if (target_.path != "/" && service.id() != "sqs") continue;
        if (service.api_version() != asked.version) continue;
        if (const auto operation = service.operation(asked.action)) {
            found.candidates.push_back({*operation, {}});
            if (ec2) found.protocol = Protocol::ec2;
        }
    }
    if (found.candidates.empty()) {
        return unknown(
            fmt::format("No service that signs as '{}' has the Action '{}' in Version "
                        "'{}'.",
                        question_.signing_name, codec::printable(asked.action),
                        codec::printable(asked.version)));
    }
    return with_host(std::move(found));
}

/// Whether all query keys and headers that the operation's form requires are there.
Result<bool> Recogniser::markers_stand(Operation operation) const {
    for (const Literal literal : operation.literals()) {
        std::optional<std::string_view> value;
        if (literal.is_header()) {
            NARROWS_TRY(value, only_header(question_.head.headers, literal.name()));
        } else {
            NARROWS_TRY(value, only(target_.query, literal.name()));
        }
        if (!value || (!literal.any_value() && *value != literal.value())) return false;
    }
    return true;
}

/// The cheap half of markers_stand, which settles most of S3's operations.
bool Recogniser::lacks_query(Operation operation) const {
    if (!target_.query.empty()) return false;
    const Range<Literal> literals = operation.literals();
    return std::any_of(literals.begin(), literals.end(),
                       [](Literal literal) { return !literal.is_header(); });
}

/// Keeps the operation if it fits, drops what fits worse.
Result<void> Recogniser::weigh(Operation operation, const RequestPath& path) {
    if (operation.method() != question_.head.method) return ok();
    if (lacks_query(operation) || !may_match(operation.uri(), path)) return ok();
    const Service service = operation.service();
    auto match = match_template(operation.uri(), path, service.is_s3());
    if (!match) return ok();
    NARROWS_TRY(const bool stands, markers_stand(operation));
    if (!stands) return ok();
    std::pair weight{std::move(match->rank), operation.literals().size()};
    if (!candidates_.empty() && weight < best_) return ok();
    if (candidates_.empty() || weight > best_) {
        candidates_.clear();
        best_ = std::move(weight);
    }
    candidates_.push_back({operation, std::move(match->labels)});
    return ok();
}

Result<Recognition> Recogniser::by_template() {
    NARROWS_TRY(const RequestPath path, RequestPath::parse(target_.path, question_.bucket));
    const bool express = question_.signing_name == "s3express";
    for (const Service service : services_) {
        const Protocols offered = service.protocols();
        if (!offered.has(Protocol::rest_json) && !offered.has(Protocol::rest_xml)) continue;
        if (!question_.bucket.empty() && !service.is_s3()) continue;
        for (const Operation operation : service.operations()) {
            if (operation.s3_express_only() && !express) continue;
            NARROWS_TRY(weigh(operation, path));
        }
    }
    if (candidates_.empty()) {
        return unknown(
            fmt::format("No service that signs as '{}' has an operation of the form "
                        "{} {}.",
                        question_.signing_name, codec::printable(question_.head.method),
                        codec::printable(target_.path)));
    }
    const Protocols offered = candidates_[0].operation.service().protocols();
    const bool xml = offered.has(Protocol::rest_xml);
    return with_host({xml ? Protocol::rest_xml : Protocol::rest_json, std::move(candidates_)});
}

/// In proxy mode the host tells services apart that share a signing name. A host that tells
/// nothing changes nothing.
Recognition Recogniser::with_host(Recognition found) const {
    if (question_.host.empty() || found.candidates.size() < 2) return found;
    const std::string host = codec::lower(question_.host);
    std::vector<Candidate> here;
    for (const Candidate& candidate : found.candidates) {
        if (is_host_of(catalogue_, candidate.operation.service(), host, question_.region)) {
            here.push_back(candidate);
        }
    }
    if (!here.empty()) found.candidates = std::move(here);
    return found;
}

}  // namespace

Result<Recognition> recognise(const Catalogue& catalogue, const Question& question) {
    return Recogniser(catalogue, question).run();
}

}  // namespace narrows::aws
