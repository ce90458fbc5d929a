#include <iostream>
#include <string>

#include "codec/json.h"
#include "codec/text.h"
#include "protocols/aws/catalogue/aws_host.h"
#include "protocols/aws/catalogue/recognise.h"
#include "protocols/aws/sigv4/authorization.h"
#include "protocols/aws/sigv4/signature.h"

/// For tests/catalogue: one JSON request a line in, what it is recognised as a line out, and, with
/// a "secret", whether its signature is that of the secret. A line without a method asks what a
/// host is.
namespace {

using namespace narrows;
using codec::List;
using codec::Map;
using codec::Value;

http::RequestHead head_of(const Value& line) {
    http::RequestHead head;
    head.method = line.text("method");
    head.target = line.text("target");
    if (const Value* headers = line.find("headers"); headers && headers->as<Map>()) {
        for (const auto& [name, value] : *headers->as<Map>()) {
            if (const auto* text = value.as<std::string>()) head.headers.push_back({name, *text});
        }
    }
    return head;
}

List actions_of(aws::Operation operation) {
    List actions;
    for (const aws::AccessRule rule : operation.accesses()) actions.push_back(rule.action());
    return actions;
}

Value recognised(const Value& line, const http::RequestHead& head) {
    const std::string body = line.text("body");
    const std::string name = line.text("signing_name");
    const std::string region = line.text("region");
    const std::string host = line.text("host");
    const std::string bucket = line.text("bucket");
    const auto found =
        aws::recognise(aws::Catalogue::embedded(), {head, body, name, region, host, bucket});
    if (!found) return Map{{"error", found.error().what}};
    List candidates;
    for (const auto& candidate : found.value().candidates) {
        candidates.push_back(Map{{"service", candidate.operation.service().id()},
                                 {"operation", candidate.operation.name()},
                                 {"actions", actions_of(candidate.operation)}});
    }
    return Map{{"candidates", std::move(candidates)}};
}

Result<sigv4::Verified> verified(const Value& line, const http::RequestHead& head) {
    NARROWS_TRY(const sigv4::Authorization given, sigv4::read_authorization(head));
    NARROWS_TRY(const Bytes hash, codec::unhex(line.text("body_sha256")));
    crypto::Digest digest{};
    if (hash.size() != digest.size()) return fail(ErrorCode::invalid, "no hash of the body");
    std::copy(hash.begin(), hash.end(), digest.begin());
    const auto key =
        sigv4::SigningKey::derive(Secret(std::string_view(line.text("secret"))), given.scope);
    return sigv4::verify(head, given, key, digest, given.time, 0);
}

/// What a host says: {"host", "bucket", "account", "in_host"}.
Value read_host(const Value& line) {
    const std::string name = line.text("signing_name");
    const std::string region = line.text("region");
    const std::string account = line.text("account");
    const auto read =
        aws::read_aws_host(aws::Catalogue::embedded(), line.text("host"), {name, region, account});
    if (!read) return Map{{"error", read.error().what}};
    const aws::AwsHost& host = read.value();
    return Map{{"host", host.host},
               {"bucket", host.bucket},
               {"account", host.account},
               {"in_host", host.bucket_in_host}};
}

Value answer(const Value& line) {
    if (line.find("method") == nullptr) return read_host(line);
    const http::RequestHead head = head_of(line);
    Value said = recognised(line, head);
    if (line.find("secret") != nullptr) {
        const auto held = verified(line, head);
        said.as<Map>()->emplace("signature", held ? "held" : held.error().what);
    }
    return said;
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        const auto request = codec::json_decode(line);
        const Value said =
            request ? answer(request.value()) : Value(Map{{"error", "this line is not JSON"}});
        std::cout << codec::json_encode(said) << '\n';
    }
    return std::cin.bad() ? 1 : 0;
}
