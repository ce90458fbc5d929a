#include "apps/recording/story.h"

#include <cstdlib>
#include <iostream>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <unistd.h>

#include "base/clock.h"
#include "codec/json.h"
#include "codec/text.h"
#include "crypto/hash.h"
#include "review/export.h"
#include "review/words.h"

namespace narrows::apps {
namespace {

using codec::printable;
using codec::Value;
using review::member;

constexpr const char* kBold = "1";
constexpr const char* kGreen = "32";
constexpr const char* kRed = "31";
constexpr const char* kYellow = "33";

std::string shown(const review::Claim& claim) {
    return claim.value.empty() ? "not on record"
                               : fmt::format("{} ({})", printable(claim.value), claim.provenance);
}

std::string clock_of(WallNs time) {
    return rfc3339(time).substr(11, 12);
}

std::string resources_of(const Value& derived) {
    std::string text;
    const auto* accesses = member(derived, "access").as<codec::List>();
    for (const Value& access : accesses == nullptr ? codec::List{} : *accesses) {
        const auto* resources = member(access, "resources").as<codec::List>();
        for (const Value& resource : resources == nullptr ? codec::List{} : *resources) {
            const std::string arn =
                resource.text("arn") + (resource.truth("exact", true) ? "" : " (pattern)");
            if (text.find(arn) == text.npos) {
                text += (text.empty() ? "" : ", ") + arn;
            }
        }
    }
    return text;
}

/// Whether most people would call it text: valid UTF-8 with no control characters but white space.
bool is_text(std::string_view bytes) {
    return codec::is_utf8(bytes) && bytes.find('\0') == bytes.npos;
}

}  // namespace

bool wants_colour(const std::ostream& out) {
    return &out == &std::cout && isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
}

std::string Story::paint(const char* code, const std::string& text) const {
    return style_.colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

void Story::line(std::string_view name, const std::string& text) {
    if (!text.empty()) {
        fmt::print(out_, "  {:<12} {}\n", name, text);
    }
}

void Story::header(const review::SessionSummary& session) {
    fmt::print(out_, "{}\n", paint(kBold, "Session " + printable(session.session)));
    if (session.sealed > 0) {
        line("sealed",
             fmt::format("{} records, which no key given here opens (--key FILE)", session.sealed));
    }
    if (!session.custody.shredded.empty()) {
        line("shredded", fmt::format("the keys of {}: what they sealed cannot be read any more",
                                     fmt::join(session.custody.shredded, ", ")));
    }
    for (const std::string& officer : session.custody.held_by) {
        line("held", "under a legal hold of " + printable(officer.substr(0, officer.find('+'))));
    }
    line("agent", shown(session.agent));
    line("for", shown(session.principal));
    line("task", shown(session.task));
    line("started", rfc3339(session.start));
    line("ended", session.end == 0 ? "not on record" : rfc3339(session.end));
    line("operations",
         fmt::format("{}: {} allowed, {} denied, {} unknown; {} bytes carried", session.operations,
                     session.allowed, session.denied, session.unknown, session.bytes));
    line("recording", fmt::format("{}, {} part{}", name_of(session.completeness),
                                  session.parts.size(), session.parts.size() == 1 ? "" : "s"));
}

void Story::connection(const Value& connection) {
    line("granted", printable(fmt::format("{} ({}, account {}, {}) scope sha256 {}",
                                          connection.text("name"), connection.text("type"),
                                          connection.text("account"), connection.text("role_arn"),
                                          connection.text("scope_sha256").substr(0, 16))));
}

void Story::open(const Value& payload) {
    const Value& observed = member(payload, "observed");
    const auto* connections = member(observed, "connections").as<codec::List>();
    for (const Value& each : connections == nullptr ? codec::List{} : *connections) {
        connection(each);
    }
    const review::Sourced task = review::sourced(payload, "task");
    if (task.value != nullptr) {
        line("why", printable(task.value->text("reason")));
        line("link", printable(task.value->text("link")));
        line("asked by", printable(task.value->text("requested_by")));
    }
    const review::Sourced launcher = review::sourced(payload, "launcher");
    if (launcher.value != nullptr) {
        line("launcher", printable(launcher.value->text("id")) + " (" + launcher.provenance + ")");
    }
    line("gateway", printable(member(observed, "gateway").text("name")));
    if (observed.truth("self_started")) {
        line("note", "the agent started this session itself");
    }
    out_ << "\n";
}

void Story::event(const review::EventView& event) {
    if (event.kind == model::RecordKind::open && !event.sealed) {
        open(event.payload);
        return;
    }
    const Value& observed = member(event.payload, "observed");
    std::string text = event.sealed              ? "sealed"
                       : event.payload.is_null() ? "cannot be decoded"
                                                 : codec::json_encode(observed);
    if (text.size() > 240 && !style_.full) {
        text = text.substr(0, 237) + "...";
    }
    fmt::print(out_, "{}  {} {}\n", clock_of(event.time),
               paint(kYellow, model::name_of(event.kind)), printable(text));
}

void Story::operation(const review::OperationView& operation) {
    const bool allowed = operation.allowed();
    fmt::print(out_, "{}  #{:<5} {} {}\n", clock_of(operation.time), operation.op.value(),
               paint(allowed ? kGreen : kRed, operation.verdict_words()),
               paint(kBold, operation.intent.is_null()
                                ? "sealed"
                                : printable(review::operation_name(operation.intent))));
    const Value& derived = member(operation.intent, "derived");
    line("on", printable(resources_of(derived)));
    const Value& carried = member(derived, "carried");
    if (!carried.is_null()) {
        line("carries",
             printable(fmt::format("in {}, for {}: {}:{} on {}", carried.text("parameter"),
                                   carried.text("region"), carried.text("service"),
                                   carried.text("operation"), resources_of(carried))));
    }
    line("with", printable(review::short_parameters(operation.intent, 200)));
    integrity(operation);
    decision(operation);
    events("asked", operation.request, operation.time);
    events("answered", operation.response, operation.time);
    outcome(operation);
    if (style_.full) {
        full(operation);
    }
    if (style_.bodies) {
        body("request", operation.request);
        body("response", operation.response);
    }
}

/// Of a held body in INTENT, of a streamed one in its outcome. Not worth a line: the ordinary body
/// that its signature covers, and that declares nothing else of itself.
void Story::integrity(const review::OperationView& operation) {
    const Value& held = member(member(operation.intent, "observed"), "request_integrity");
    const Value& value =
        held.is_null() ? member(member(operation.outcome, "observed"), "request_integrity") : held;
    const std::string by = value.text("covered_by");
    std::string text = by == "nothing" ? "not covered by the signature" : "covered by " + by;
    bool ordinary = by == "signed-hash";
    const auto* checks = member(value, "checks").as<codec::Map>();
    for (const auto& [name, state] : checks == nullptr ? codec::Map{} : *checks) {
        const std::string word = review::text_of(state);
        text += fmt::format(", {} {}", name, word);
        ordinary = ordinary && name == "x-amz-content-sha256" && word == "held";
    }
    if (!value.is_null() && !ordinary) {
        line("body", printable(text));
    }
}

void Story::decision(const review::OperationView& operation) {
    const Value& decision = operation.decision();
    const std::string statement = decision.text("statement");
    line(operation.allowed() ? "by" : "because",
         printable(fmt::format("{}{}{}", statement, statement.empty() ? "" : ": ",
                               decision.text("why", decision.text("reason")))));
}

void Story::outcome(const review::OperationView& operation) {
    if (!operation.allowed()) {
        return;
    }
    const Value& observed = member(operation.outcome, "observed");
    std::string text = printable(operation.outcome_words());
    const std::string id = observed.text("aws_request_id");
    if (!id.empty()) {
        text += ", request id " + printable(id);
    }
    if (operation.outcome_kind == model::RecordKind::result) {
        text += fmt::format(", {} bytes out, {} bytes back, {:.1f} ms",
                            observed.number("bytes_request"), observed.number("bytes_response"),
                            static_cast<double>(observed.number("duration_ns")) / 1e6);
    }
    line("result", text);
    const codec::List* findings = member(observed, "findings").as<codec::List>();
    for (const Value& each : findings == nullptr ? codec::List() : *findings) {
        const std::string key = each.text("key_id");
        line("finding",
             paint(kRed, printable(fmt::format("the answer holds {}{}{} in the clear, at "
                                               "byte {}",
                                               each.text("kind"), key.empty() ? "" : " ", key,
                                               each.number("at")))));
    }
}

/// A line an event, or a run of small ones, with the time since the operation was asked.
void Story::events(const char* name, const review::BodyView& body, WallNs began) {
    if (!body.events) {
        return;
    }
    for (const review::EventLine& each : body.events->lines()) {
        const std::string type = paint(each.is_failure ? kRed : kBold, printable(each.type));
        line(name, fmt::format("+{:.3f} s {}{}, {} bytes{}{}",
                               static_cast<double>(each.time - began) / kNsPerSecond, type,
                               each.events > 1 ? fmt::format(" x{}", each.events) : "", each.bytes,
                               each.text.empty() ? "" : ": ", printable(each.text)));
    }
}

void Story::full(const review::OperationView& operation) {
    const auto payload = [this](const char* name, const Value& value) {
        if (!value.is_null()) {
            line(name, printable(codec::json_encode(value)));
        }
    };
    payload("INTENT", operation.intent);
    payload("SENT", operation.sent);
    payload("HEAD", operation.head);
    payload(operation.outcome_kind ? model::name_of(*operation.outcome_kind) : "",
            operation.outcome);
    secrets(operation);
}

/// What only a custodian's key opens, and no other record holds.
void Story::secrets(const review::OperationView& operation) {
    if (operation.secrets.empty()) {
        return;
    }
    line("SECRETS", paint(kRed, "opened with a custodian's key; withheld everywhere else"));
    for (const Value& record : operation.secrets) {
        const Value& observed = member(record, "observed");
        const auto* values = member(observed, "values").as<codec::Map>();
        for (const auto& [path, value] : values == nullptr ? codec::Map{} : *values) {
            line("secret", printable(fmt::format("{} {} = {}", observed.text("dir"), path,
                                                 codec::json_encode(value))));
        }
    }
}

void Story::body(const char* name, const review::BodyView& body) {
    if (body.size == 0) {
        return;
    }
    const std::string_view bytes = as_text(body.bytes);
    if (!is_text(bytes)) {
        line(name,
             fmt::format(
                 "{} bytes, binary{}; --operation N --raw FILE writes a response out", body.size,
                 body.complete() ? ", sha256 " + codec::hex(crypto::sha256(body.bytes)) : ""));
        return;
    }
    fmt::print(out_, "  {} body, {} bytes{}\n", name, body.size,
               body.complete() ? "" : fmt::format(", the first {} shown", body.bytes.size()));
    for (const std::string_view each : codec::split(bytes, '\n')) {
        fmt::print(out_, "    | {}\n", printable(each));
    }
}

void Story::findings(const std::vector<std::string>& lines) {
    fmt::print(out_, "\n{}\n", paint(kBold, "Findings: " + lines.front()));
    for (std::size_t i = 1; i < lines.size(); ++i) {
        fmt::print(out_, "  - {}\n", printable(lines[i]));
    }
}

void Story::cannot_show(const std::vector<std::string>& sentences) {
    fmt::print(out_, "\n{}\n", paint(kBold, "What this recording cannot show"));
    for (const std::string& sentence : sentences) {
        fmt::print(out_, "  - {}\n", printable(sentence));
    }
}

Value json_of(const review::SessionSummary& session) {
    const auto claim = [](const review::Claim& each) {
        return Value(codec::Map{{"value", each.value}, {"provenance", each.provenance}});
    };
    codec::List parts;
    for (const model::PartNo part : session.parts) {
        parts.emplace_back(part.value());
    }
    codec::Map map{
        {"session", session.session},
        {"parts", std::move(parts)},
        {"agent", claim(session.agent)},
        {"principal", claim(session.principal)},
        {"task", claim(session.task)},
        {"start", rfc3339(session.start)},
        {"end", session.end == 0 ? Value() : Value(rfc3339(session.end))},
        {"operations", session.operations},
        {"allowed", session.allowed},
        {"denied", session.denied},
        {"unknown", session.unknown},
        {"bytes", session.bytes},
        {"completeness", name_of(session.completeness)},
        {"shredded", codec::List(session.custody.shredded.begin(), session.custody.shredded.end())},
        {"held_by", codec::List(session.custody.held_by.begin(), session.custody.held_by.end())}};
    return map;
}

Value json_of(const review::EventView& event) {
    return codec::Map{{"type", "event"},
                      {"part", event.part.value()},
                      {"sequence", event.sequence.value()},
                      {"kind", model::name_of(event.kind)},
                      {"time", rfc3339(event.time)},
                      {"payload", event.payload}};
}

namespace {

void put_events(const review::BodyView& body, WallNs began, const char* name, codec::Map& to) {
    if (!body.events) {
        return;
    }
    codec::List list;
    for (const review::EventLine& each : body.events->lines()) {
        list.push_back(review::json_of(each, began));
    }
    to[name] = std::move(list);
}

}  // namespace

Value json_of(const review::OperationView& operation, bool bodies) {
    codec::Map map{{"type", "operation"},
                   {"part", operation.part.value()},
                   {"op", operation.op.value()},
                   {"time", rfc3339(operation.time)},
                   {"name", review::operation_name(operation.intent)},
                   {"verdict", operation.verdict_words()},
                   {"outcome", operation.outcome_words()},
                   {"intent", operation.intent},
                   {"sent", operation.sent},
                   {"head", operation.head},
                   {"result", operation.outcome}};
    put_events(operation.request, operation.time, "request_events", map);
    put_events(operation.response, operation.time, "response_events", map);
    if (bodies) {
        map["request_body"] = operation.request.bytes;
        map["response_body"] = operation.response.bytes;
    }
    return map;
}

}  // namespace narrows::apps
