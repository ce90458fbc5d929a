#include <array>
#include <string>

#include "codec/text.h"
#include "protocols/aws/catalogue/recognise.h"
#include "protocols/aws/decode/decode.h"
#include "protocols/aws/decode/encode.h"
#include "protocols/aws/decode/operation.h"

using namespace narrows;
using namespace narrows::aws;

namespace {

constexpr std::array<std::string_view, 8> kServices = {"s3",     "dynamodb",   "iam", "ec2",
                                                       "lambda", "monitoring", "sqs", "route53"};

/// First byte: the service. Then "METHOD target", header lines, an empty line, the body.
http::RequestHead head_of(std::string_view& text) {
    http::RequestHead head;
    bool first = true;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty()) break;
        const std::size_t at = std::min(line.find(first ? ' ' : ':'), line.size());
        const std::string name(line.substr(0, at));
        const std::string rest(codec::trim(line.substr(std::min(at + 1, line.size()))));
        if (first) {
            head.method = name;
            head.target = "/" + rest;
        } else {
            head.headers.push_back({name, rest});
        }
        first = false;
    }
    return head;
}

}  // namespace

/// No crash on any request; what decodes can be decided on and built anew.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::string_view text = as_text({data + 1, size - 1});
    const std::string_view service = kServices[data[0] % kServices.size()];
    const http::RequestHead head = head_of(text);
    const Question question{head, text, service, "eu-west-1", {}, {}};
    const auto found = recognise(Catalogue::embedded(), question);
    if (!found) return 0;
    for (const Candidate& candidate : found.value().candidates) {
        const Incoming request{found.value().protocol, candidate, head, as_bytes(text)};
        const auto parameters = decode_parameters(request);
        if (!parameters) continue;
        const ConnectionFacts facts{"123456789012", "aws", "eu-west-1"};
        (void)build_operation({{candidate.operation, parameters.value()}}, facts, {},
                              as_bytes("key"));
        (void)encode_request(request, parameters.value(), "narrows");
    }
    return 0;
}
