#include "evidence/operation_check.h"

#include <algorithm>

#include <fmt/format.h>

namespace narrows::evidence {
namespace {

using codec::Value;
using model::RecordKind;

constexpr const char* kMeansUnrecorded =
    "Something was done before, or without, the record that must stand first.";
constexpr const char* kMeansChangedBody =
    "The body on record is not the one that was carried, or a part of it was changed or removed.";

const Value& member(const Value& map, std::string_view name) {
    static const Value none;
    const Value* found = map.find(name);
    return found == nullptr ? none : *found;
}

bool has_items(const Value& value) {
    const codec::List* list = value.as<codec::List>();
    const codec::Map* map = value.as<codec::Map>();
    return (list != nullptr && !list->empty()) || (map != nullptr && !map->empty());
}

}  // namespace

void OperationCheck::wrong(std::string what, std::string means) {
    reporter_.report(FindingKind::disorder, std::move(what), std::move(means));
}

void OperationCheck::add(const journal::Frame& frame, const Payload* payload) {
    const RecordKind kind = frame.kind;
    const std::uint64_t op = frame.op;
    if (kind == RecordKind::intent) {
        intent(frame, payload);
        return;
    }
    const auto at = operations_.find(op);
    if (at == operations_.end()) {
        stray(frame);
        return;
    }
    Operation& operation = at->second;
    if (kind == RecordKind::body) {
        body(frame, operation, payload);
        return;
    }
    if (kind == RecordKind::approval) {
        if (payload != nullptr) {
            approval(operation, *payload);
        }
        return;
    }
    if (!operation.allowed || operation.held) {
        wrong(fmt::format("operation {} was {}, yet a {} record follows", op,
                          operation.held ? "held for approval" : "denied", model::name_of(kind)),
              "What was not allowed was done, or the record of the decision was changed.");
    }
    if (kind == RecordKind::secrets) {
        return;
    }
    if (kind == RecordKind::sent) {
        operation.sent = true;
        return;
    }
    if ((kind == RecordKind::head || kind == RecordKind::result) && !operation.sent &&
        !operation.lossy) {
        wrong(
            fmt::format("operation {} has a {} without a SENT before it", op, model::name_of(kind)),
            "An answer is on record to a request that was never recorded as sent.");
    }
    if (kind == RecordKind::head || kind == RecordKind::secrets) {
        return;
    }
    if (kind == RecordKind::result && payload != nullptr) {
        result(op, operation, *payload);
    }
    checked_.unknown += kind == RecordKind::unknown ? 1 : 0;
    operations_.erase(at);
}

void OperationCheck::stray(const journal::Frame& frame) {
    const bool request_body =
        frame.kind == RecordKind::body && (frame.flags & journal::kFlagResponse) == 0;
    if (request_body && std::binary_search(opaque_.begin(), opaque_.end(), frame.op)) {
        return;  // whether its INTENT announces them cannot be read
    }
    if (std::binary_search(denied_.begin(), denied_.end(), frame.op)) {
        wrong(fmt::format("operation {} was denied, yet a {} record follows", frame.op,
                          model::name_of(frame.kind)),
              "What was not allowed was done, or the record of the decision was changed.");
        return;
    }
    reporter_.suspect(frame.op,
                      fmt::format("a {} record names operation {}, which is over or has no INTENT "
                                  "before it",
                                  model::name_of(frame.kind), frame.op),
                      kMeansUnrecorded);
}

void OperationCheck::intent(const journal::Frame& frame, const Payload* payload) {
    const std::uint64_t sequence = frame.sequence.value();
    if (frame.op != sequence) {
        wrong(fmt::format("the INTENT at {} calls itself operation {}", sequence, frame.op),
              "An INTENT's operation number is its place: it was moved or written wrongly.");
    }
    Operation operation;
    operation.allowed = (frame.flags & journal::kFlagAllowed) != 0;
    ++checked_.operations;
    checked_.allowed += operation.allowed ? 1 : 0;
    if (payload != nullptr) {
        intent_content(frame.op, operation, *payload);
    } else if (!operation.allowed) {
        opaque_.push_back(sequence);
    }
    if (operation.allowed || operation.request.in_records) {
        operations_.insert_or_assign(sequence, std::move(operation));
    } else {
        denied_.push_back(sequence);
    }
}

void OperationCheck::intent_content(std::uint64_t op, Operation& operation,
                                    const Payload& payload) {
    const Value& observed = payload.observed();
    const std::string verdict = member(observed, "decision").text("verdict");
    if (verdict != "allow" && verdict != "deny" && verdict != "hold") {
        wrong(fmt::format("the INTENT of operation {} carries no decision", op),
              "Nobody can tell whether the operation was allowed.");
    }
    const Value& body = member(member(observed, "request"), "body");
    operation.held = verdict == "hold";
    operation.allowed = operation.allowed || operation.held;
    operation.opaque = payload.group("derived").text("service") == "net";
    operation.request.in_records = body.text("inline") == "records";
    operation.request.size_claimed = count_member(body, "size");
    operation.request.digest_claimed = digest_member(body, "sha256");
    if (const Bytes* bytes = member(body, "inline").as<Bytes>()) {
        inline_body(op, body, *bytes);
    }
}

void OperationCheck::inline_body(std::uint64_t op, const Value& body, const Bytes& bytes) {
    Body held;
    held.size_claimed = count_member(body, "size");
    held.digest_claimed = digest_member(body, "sha256");
    held.size = bytes.size();
    held.hasher.emplace();
    held.hasher->update(bytes);
    compare(op, held, "request");
}

void OperationCheck::approval(Operation& operation, const Payload& payload) {
    if (payload.observed().text("verdict") == "allow") {
        operation.held = false;
    }
}

void OperationCheck::body(const journal::Frame& frame, Operation& operation,
                          const Payload* payload) {
    const bool is_response = (frame.flags & journal::kFlagResponse) != 0;
    if (is_response && !operation.sent && !operation.lossy) {
        wrong(fmt::format("operation {} has a response body without a SENT before it", frame.op),
              "An answer is on record to a request that was never recorded as sent.");
    }
    if (payload != nullptr) {
        body_content(frame.op, operation, *payload);
    } else {
        operation.unread = true;
    }
}

void OperationCheck::body_content(std::uint64_t op, Operation& operation, const Payload& payload) {
    const bool is_request = payload.value.text("dir") == "request";
    Body& body = is_request ? operation.request : operation.response;
    const std::uint64_t index = count_member(payload.value, "index").value_or(0);
    if (index != body.chunks && !operation.lossy) {
        wrong(fmt::format("piece {} of operation {}'s {} body stands where piece {} belongs", index,
                          op, is_request ? "request" : "response", body.chunks),
              kMeansChangedBody);
    }
    body.in_records = true;
    body.chunks = index + 1;
    if (!body.hasher) {
        body.hasher.emplace();
    }
    const Bytes* bytes = member(payload.value, "bytes").as<Bytes>();
    body.hasher->update(*bytes);
    body.size += bytes->size();
    const bool denied_is_whole =
        !operation.allowed && is_request && body.size_claimed && body.size >= *body.size_claimed;
    if (denied_is_whole && !operation.lossy) {
        compare(op, body, "request");
    }
}

void OperationCheck::result(std::uint64_t op, Operation& operation, const Payload& payload) {
    const Value& observed = payload.observed();
    const bool is_cut = observed.text("outcome") == "cut";
    Body& response = operation.response;
    response.digest_claimed = digest_member(observed, "sha256_response");
    response.size_claimed = is_cut ? std::nullopt : count_member(observed, "bytes_response");
    checked_.withheld += operation.opaque || has_items(member(observed, "withheld")) ? 1 : 0;
    if (operation.opaque || operation.lossy || operation.unread) {
        return;
    }
    compare(op, response, "response");
    Body& request = operation.request;
    if (!request
             .digest_claimed) {  // it streamed: INTENT has what its framing said, RESULT what came
        request.size_claimed = count_member(observed, "bytes_request");
    }
    if (request.in_records && !is_cut) {
        compare(op, request, "request");
    }
}

void OperationCheck::compare(std::uint64_t op, Body& body, const char* which) {
    if (!body.size_claimed && !body.digest_claimed) {
        return;
    }
    ++checked_.bodies;
    if (body.size_claimed && *body.size_claimed != body.size) {
        reporter_.report(FindingKind::tampering,
                         fmt::format("the {} body of operation {} has {} bytes on record where {} "
                                     "are stated",
                                     which, op, body.size, *body.size_claimed),
                         kMeansChangedBody);
        return;
    }
    const Bytes digest = body.hasher ? body.hasher->finish() : crypto::Hasher().finish();
    body.hasher.reset();
    if (body.digest_claimed && *body.digest_claimed != digest) {
        reporter_.report(
            FindingKind::tampering,
            fmt::format("the {} body of operation {} does not have the SHA-256 that is stated",
                        which, op),
            kMeansChangedBody);
    }
}

void OperationCheck::lost() {
    for (auto& [op, operation] : operations_) {
        operation.lossy = true;
    }
}

void OperationCheck::finish(bool ended) {
    for (const auto& [op, operation] : operations_) {
        if (ended && operation.allowed && !operation.lossy) {
            wrong(fmt::format("operation {} has no RESULT, NOT_SENT or UNKNOWN, and its part ended "
                              "in order",
                              op),
                  "How the operation ended is not on record.");
        }
    }
    operations_.clear();
}

}  // namespace narrows::evidence
