#include <iostream>
#include <string>

#include "codec/json.h"
#include "protocols/aws/catalogue/recognise.h"

/// For tests/catalogue: one JSON request a line in, what it is recognised as a line out.
namespace {

using narrows::codec::List;
using narrows::codec::Map;
using narrows::codec::Value;

narrows::http::RequestHead head_of(const Value& line) {
    narrows::http::RequestHead head;
    head.method = line.text("method");
    head.target = line.text("target");
    if (const Value* headers = line.find("headers"); headers && headers->as<Map>()) {
        for (const auto& [name, value] : *headers->as<Map>()) {
            if (const auto* text = value.as<std::string>()) head.headers.push_back({name, *text});
        }
    }
    return head;
}

Value answer(const Value& line) {
    const auto& catalogue = narrows::aws::Catalogue::embedded();
    const narrows::http::RequestHead head = head_of(line);
    const std::string body = line.text("body");
    const std::string name = line.text("signing_name");
    const std::string region = line.text("region");
    const std::string host = line.text("host");
    const std::string bucket = line.text("bucket");
    const auto found = narrows::aws::recognise(catalogue, {head, body, name, region, host, bucket});
    if (!found) return Map{{"error", found.error().what}};
    List candidates;
    for (const auto& candidate : found.value().candidates) {
        Map labels;
        for (const auto& label : candidate.labels) labels[std::string(label.name)] = label.value;
        candidates.push_back(Map{{"service", candidate.operation.service().id()},
                                 {"operation", candidate.operation.name()},
                                 {"labels", std::move(labels)}});
    }
    return Map{{"protocol", narrows::aws::name_of(found.value().protocol)},
               {"candidates", std::move(candidates)}};
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        const auto request = narrows::codec::json_decode(line);
        const Value said =
            request ? answer(request.value()) : Value(Map{{"error", "this line is not JSON"}});
        std::cout << narrows::codec::json_encode(said) << '\n';
    }
    return std::cin.bad() ? 1 : 0;
}
