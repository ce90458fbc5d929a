#include "review/har.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/json.h"
#include "codec/text.h"
#include "crypto/hash.h"
#include "evidence/payload.h"
#include "review/words.h"

namespace narrows::review {
namespace {

using codec::Map;
using codec::Value;
using model::RecordKind;

/// Losses that the document lists; more are counted.
constexpr std::size_t kLossesListed = 1'000;

Value name_value(std::string name, std::string value) {
    return Map{{"name", std::move(name)}, {"value", std::move(value)}};
}

codec::List headers_of(const Value& head) {
    codec::List all;
    const codec::List* headers = member(head, "headers").as<codec::List>();
    for (const Value& each : headers == nullptr ? codec::List{} : *headers) {
        const codec::List* pair = each.as<codec::List>();
        if (pair != nullptr && pair->size() == 2) {
            all.push_back(name_value(text_of((*pair)[0]), text_of((*pair)[1])));
        }
    }
    return all;
}

/// Where the request goes or would have gone, as a URI (RFC 3986) whatever its target holds.
std::string url_of(const Value& intent) {
    const Value& observed = member(intent, "observed");
    const Value& request = member(observed, "request");
    std::string host = member(observed, "upstream").text("host");
    if (host.empty()) {
        host = header(request, "host");
    }
    host = codec::percent_encode(host, ":[]");
    std::string target = codec::percent_encode(request.text("target"), "%/?:@!$&'()*+,;=");
    if (target.find("://") != target.npos) {
        return target;
    }
    if (!target.starts_with('/')) {
        target.insert(0, "/");
    }
    return "https://" + (host.empty() ? "unknown.invalid" : host) + target;
}

codec::List query_of(const std::string& target) {
    codec::List all;
    const std::size_t mark = target.find('?');
    if (mark == target.npos || mark + 1 == target.size()) {
        return all;
    }
    const auto decoded = [](std::string_view text) {
        const auto plain = codec::percent_decode(text);
        return plain ? plain.value() : std::string(text);
    };
    for (const std::string_view field :
         codec::split(std::string_view(target).substr(mark + 1), '&')) {
        const std::size_t equals = std::min(field.find('='), field.size());
        all.push_back(name_value(decoded(field.substr(0, equals)),
                                 decoded(field.substr(std::min(equals + 1, field.size())))));
    }
    return all;
}

std::string media_type(const Value& head) {
    const std::string type = header(head, "content-type");
    return type.empty() ? "x-unknown" : type;
}

/// `bytes` without a character that was cut at its end.
ByteView whole_characters(ByteView bytes) {
    for (std::size_t dropped = 0; dropped < std::min<std::size_t>(4, bytes.size()); ++dropped) {
        const ByteView kept = bytes.first(bytes.size() - dropped);
        if (codec::is_utf8(as_text(kept))) {
            return kept;
        }
    }
    return bytes;
}

WallNs time_of(const OperationView& operation, RecordKind kind) {
    const auto at = std::find_if(operation.records.begin(), operation.records.end(),
                                 [&](const RecordView& each) { return each.kind == kind; });
    return at == operation.records.end() ? 0 : at->time;
}

/// Milliseconds between two records; 0 if one is missing or the clock was set back.
double between(WallNs from, WallNs to) {
    return from == 0 || to < from ? 0 : static_cast<double>(to - from) / kNsPerMs;
}

Map timings_of(const OperationView& operation) {
    const WallNs sent = time_of(operation, RecordKind::sent);
    const WallNs head = time_of(operation, RecordKind::head);
    return {{"blocked", sent == 0 ? -1.0 : between(operation.time, sent)},
            {"send", 0},
            {"wait", between(sent, head)},
            {"receive", between(head, operation.ended)}};
}

double sum_of(const Map& timings) {
    double sum = 0;
    for (const auto& [name, value] : timings) {
        const double* each = value.as<double>();
        sum += each == nullptr ? 0 : std::max(*each, 0.0);
    }
    return sum;
}

void put_events(const BodyView& body, WallNs began, Map& to) {
    if (!body.events) {
        return;
    }
    codec::List events;
    for (const EventLine& line : body.events->lines()) {
        events.push_back(json_of(line, began));
    }
    to["_events"] = std::move(events);
}

class HarExporter : public Exporter {
  public:
    HarExporter(std::ostream& out, const SessionSummary& session, HarOptions options)
        : out_(out), session_(session), options_(std::move(options)) {
        out_ << R"({"log":{"version":"1.2","creator":{"name":"Narrows","version":"1"},"entries":[)";
    }
    Result<void> finish(const std::vector<std::string>& cannot_show) override;

  protected:
    void put(const OperationView& operation) override;
    void put(const LossView& loss) override;

  private:
    Map request(const OperationView& operation);
    Map response(const OperationView& operation);
    Map post_data(const OperationView& operation);
    Map extra(const OperationView& operation) const;
    void body(const OperationView& operation, bool is_request, Map& to);
    void large_body(const OperationView& operation, bool is_request, Map& to);
    void keep(const Result<void>& done);

    std::ostream& out_;
    const SessionSummary& session_;
    HarOptions options_;
    codec::List losses_;
    Result<void> failed_ = ok();
};

void HarExporter::keep(const Result<void>& done) {
    if (!done && failed_) {
        failed_ = fail(done.error());
    }
}

void HarExporter::body(const OperationView& operation, bool is_request, Map& to) {
    const BodyView& view = is_request ? operation.request : operation.response;
    if (view.size > options_.inline_max) {
        large_body(operation, is_request, to);
        return;
    }
    Bytes bytes;
    keep(operation.read_body(is_request, [&](ByteView stretch) { append(bytes, stretch); }));
    if (codec::is_utf8(as_text(bytes))) {
        to["text"] = to_string(bytes);
    } else {
        to[is_request ? "_encoding" : "encoding"] = "base64";  // HAR has it for answers only
        to["text"] = codec::base64(bytes);
    }
}

/// Into a file of its own, or cut.
void HarExporter::large_body(const OperationView& operation, bool is_request, Map& to) {
    const std::string name = fmt::format("{}-{}-{}", operation.part.value(), operation.op.value(),
                                         is_request ? "request" : "response");
    std::unique_ptr<std::ostream> file;
    if (options_.open_body) {
        auto opened = options_.open_body(name);
        if (!opened) {
            keep(fail(opened.error()));
            return;
        }
        file = std::move(opened).value();
    }
    crypto::Hasher hasher;
    Bytes start;
    keep(operation.read_body(is_request, [&](ByteView stretch) {
        hasher.update(stretch);
        if (file) {
            file->write(as_text(stretch).data(), static_cast<std::streamsize>(stretch.size()));
        } else {
            append(start,
                   stretch.first(std::min(stretch.size(), options_.inline_max - start.size())));
        }
    }));
    to["_sha256"] = codec::hex(hasher.finish());
    if (file) {
        file->flush();
        keep(*file ? Result<void>(ok()) : fail(ErrorCode::io, "could not write the body " + name));
        ++counts_.bodies;
        to["_file"] = name;
        to["comment"] = "The body stands in the file that _file names.";
        return;
    }
    const ByteView kept = whole_characters(start);
    const bool is_text = codec::is_utf8(as_text(kept));
    to["text"] = is_text ? to_string(kept) : codec::base64(start);
    if (!is_text) {
        to[is_request ? "_encoding" : "encoding"] = "base64";
    }
    to["_truncated"] = true;
    to["comment"] = fmt::format("The first {} of {} bytes.", is_text ? kept.size() : start.size(),
                                (is_request ? operation.request : operation.response).size);
}

Map HarExporter::post_data(const OperationView& operation) {
    const Value& request = member(member(operation.intent, "observed"), "request");
    const Value& asked = member(request, "body");
    Map data{{"mimeType", media_type(request)}};
    if (asked.text("form") == "parameters-cbor") {
        data["mimeType"] = "application/cbor";
        data["_form"] = "parameters-cbor";
    }
    if (operation.request.size > 0) {
        body(operation, true, data);
    }
    put_events(operation.request, operation.time, data);
    if (asked.truth("withheld")) {
        data["_withheld"] = true;
        data["comment"] =
            "The bytes that were sent hold secret values and are not on record; the parameters "
            "without them are.";
    }
    return data;
}

Map HarExporter::request(const OperationView& operation) {
    const Value& request = member(member(operation.intent, "observed"), "request");
    const Value& asked = member(request, "body");
    const Value& outcome = member(operation.outcome, "observed");
    const auto size = evidence::count_member(
        outcome, outcome.find("bytes_sent") == nullptr ? "bytes_request" : "bytes_sent");
    const bool as_sent = asked.text("form").empty();
    const auto announced = as_sent ? evidence::count_member(asked, "size") : std::nullopt;
    Map map{{"method", request.text("method")},
            {"url", url_of(operation.intent)},
            {"httpVersion", "unknown"},  // not on record
            {"cookies", codec::List{}},
            {"headers", headers_of(request)},
            {"queryString", query_of(request.text("target"))},
            {"headersSize", -1},
            {"bodySize", size        ? Value(*size)
                         : announced ? Value(*announced)
                                     : Value(-1)},
            {"_target", request.text("target")}};
    if (operation.request.size > 0 || asked.truth("withheld")) {
        map["postData"] = post_data(operation);
    }
    return map;
}

/// An answer that is not on record was made by the gateway, or is unknown; then it is left empty.
Map HarExporter::response(const OperationView& operation) {
    const Value& head = member(operation.head, "observed");
    const Value& outcome = member(operation.outcome, "observed");
    const bool observed = !operation.head.is_null();
    Map content{{"size", operation.response.size}, {"mimeType", media_type(head)}};
    if (operation.response.size > 0) {
        body(operation, false, content);
    }
    const auto carried = evidence::count_member(outcome, "bytes_response");
    if (carried && *carried != operation.response.size) {
        content["_missing"] = static_cast<std::int64_t>(*carried) -
                              static_cast<std::int64_t>(operation.response.size);
    }
    put_events(operation.response, operation.time, content);
    const codec::List* withheld = member(outcome, "withheld").as<codec::List>();
    if (withheld != nullptr && !withheld->empty()) {
        content["_withheld"] = *withheld;
    }
    const auto delivered = evidence::count_member(
        outcome, outcome.find("bytes_delivered") == nullptr ? "bytes_response" : "bytes_delivered");
    Map map{{"status", head.number("status", outcome.number("status"))},
            {"statusText", ""},
            {"httpVersion", "unknown"},
            {"cookies", codec::List{}},
            {"headers", headers_of(head)},
            {"content", std::move(content)},
            {"redirectURL", header(head, "location")},
            {"headersSize", -1},
            {"bodySize", delivered ? Value(*delivered) : Value(-1)},
            {"_observed", observed}};
    const std::string word = outcome_word(operation);
    if (!observed && (word == "denied" || word == "not sent")) {
        map["_made_by"] = "gateway";
        map["comment"] = "Made by the gateway, not by AWS, and not on record; see _narrows.";
    } else if (!observed) {
        map["comment"] = "What was answered, if anything was, is not on record.";
    }
    return map;
}

Map HarExporter::extra(const OperationView& operation) const {
    codec::List records;
    for (const RecordView& each : operation.records) {
        records.emplace_back(Map{{"kind", name_of(each.kind)},
                                 {"sequence", each.sequence.value()},
                                 {"time", rfc3339(each.time)}});
    }
    codec::List withheld;
    for (std::string& each : withheld_of(operation)) {
        withheld.emplace_back(std::move(each));
    }
    const Value& observed = member(operation.intent, "observed");
    return {{"session", session_.session},
            {"part", operation.part.value()},
            {"op", operation.op.value()},
            {"records", std::move(records)},
            {"leaf", codec::hex(operation.records.front().leaf)},
            {"name", operation_name(operation.intent)},
            {"connection", observed.text("connection")},
            {"mode", observed.text("mode")},
            {"peer", observed.text("peer")},
            {"signature", member(observed, "signature")},
            {"verdict", operation.verdict_words()},
            {"decision", operation.decision()},
            {"outcome", outcome_word(operation)},
            {"result", member(operation.outcome, "observed")},
            {"withheld", std::move(withheld)},
            {"derived", member(operation.intent, "derived")},
            {"stated", member(operation.intent, "stated")}};
}

void HarExporter::put(const OperationView& operation) {
    Map timings = timings_of(operation);
    const double time = sum_of(timings);
    const Value raw = Map{{"startedDateTime", rfc3339(operation.time)},
                          {"time", time},
                          {"request", request(operation)},
                          {"response", response(operation)},
                          {"cache", Map{}},
                          {"timings", std::move(timings)},
                          {"_narrows", extra(operation)}};
    bool lossy = false;
    Value entry = utf8(raw, lossy);
    if (lossy) {
        ++counts_.lossy;
        entry.as<Map>()->at("_narrows").as<Map>()->emplace("lossy", true);
    }
    out_ << (counts_.operations == 1 ? "\n" : ",\n") << codec::json_encode(entry);
}

void HarExporter::put(const LossView& loss) {
    if (losses_.size() == kLossesListed) {
        return;
    }
    Map map{{"why", loss.why}, {"declared", loss.declared}};
    if (loss.part) {
        map["part"] = loss.part->value();
    }
    if (loss.records) {
        map["first"] = loss.records->first.value();
        map["last"] = loss.records->last.value();
    }
    losses_.emplace_back(std::move(map));
}

Result<void> HarExporter::finish(const std::vector<std::string>& cannot_show) {
    const auto claim = [](const Claim& each) {
        return Value(Map{{"value", each.value}, {"provenance", each.provenance}});
    };
    codec::List sentences(cannot_show.begin(), cannot_show.end());
    bool lossy = false;
    const Value about =
        utf8(Map{{"session", session_.session},
                 {"agent", claim(session_.agent)},
                 {"principal", claim(session_.principal)},
                 {"task", claim(session_.task)},
                 {"start", rfc3339(session_.start)},
                 {"end", session_.end == 0 ? Value() : Value(rfc3339(session_.end))},
                 {"completeness", name_of(session_.completeness)},
                 {"operations", counts_.operations},
                 {"losses", counts_.losses},
                 {"lost", std::move(losses_)},
                 {"cannot_show", std::move(sentences)}},
             lossy);
    out_ << "\n],\"_narrows\":" << codec::json_encode(about) << "}}\n";
    return failed_;
}

}  // namespace

std::unique_ptr<Exporter> har_exporter(std::ostream& out, const SessionSummary& session,
                                       HarOptions options) {
    return std::make_unique<HarExporter>(out, session, std::move(options));
}

}  // namespace narrows::review
