#include "review/csv.h"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "codec/text.h"
#include "evidence/payload.h"
#include "review/words.h"

namespace narrows::review {
namespace {

using codec::Value;

constexpr std::array kColumns{"row",          "session",        "part",
                              "record",       "time",           "ended",
                              "agent",        "agent_is",       "principal",
                              "principal_is", "task",           "task_is",
                              "connection",   "service",        "operation",
                              "effect",       "actions",        "resources",
                              "verdict",      "reason",         "statement",
                              "why",          "outcome",        "outcome_why",
                              "status",       "exception",      "events",
                              "request_id",   "bytes_out",      "bytes_back",
                              "duration_ms",  "request_sha256", "response_sha256",
                              "withheld",     "leaf",           "lossy"};

/// What a spreadsheet may take for a formula when a field begins with it (OWASP, "CSV Injection":
/// also the full-width forms).
bool begins_formula(std::string_view text) {
    for (const char* start : {"=", "+", "-", "@", "\t", "\r", "\n", "\xEF\xBC\x9D", "\xEF\xBC\x8B",
                              "\xEF\xBC\x8D", "\xEF\xBC\xA0"}) {
        if (text.starts_with(start)) {
            return true;
        }
    }
    return false;
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    if (begins_formula(text)) {
        out += '\'';
    }
    for (const char c : codec::printable(text)) {
        out += c;
        if (c == '"') {
            out += c;
        }
    }
    return out + '"';
}

class CsvExporter : public Exporter {
  public:
    explicit CsvExporter(std::ostream& out) : out_(out) {
        out_ << fmt::format("\"{}\"\r\n", fmt::join(kColumns, "\",\""));
    }
    Result<void> finish(const std::vector<std::string>& /*cannot_show*/) override { return ok(); }

  protected:
    void put(const OperationView& operation) override;
    void put(const LossView& loss) override;

  private:
    using Row = std::map<std::string_view, std::string>;
    static void add_outcome(Row& row, const OperationView& operation);
    static void add_opening(Row& row, const Opening& opening);
    void write(Row row);

    std::ostream& out_;
};

void CsvExporter::add_opening(Row& row, const Opening& opening) {
    row["session"] = opening.session.empty() ? opening.kind : opening.session;
    row["agent"] = opening.agent.value;
    row["agent_is"] = opening.agent.provenance;
    row["principal"] = opening.principal.value;
    row["principal_is"] = opening.principal.provenance;
    row["task"] = opening.task.value;
    row["task_is"] = opening.task.provenance;
}

void CsvExporter::add_outcome(Row& row, const OperationView& operation) {
    const Value& observed = member(operation.outcome, "observed");
    const auto number = [&](const char* name) {
        const auto found = evidence::count_member(observed, name);
        return found ? std::to_string(*found) : std::string();
    };
    row["outcome"] = outcome_word(operation);
    row["outcome_why"] = observed.text("why");
    row["status"] = number("status");
    row["exception"] = observed.text("exception");
    if (const auto events = evidence::count_member(member(observed, "events"), "messages")) {
        row["events"] = std::to_string(*events);
    }
    row["request_id"] = aws_request_id(operation);
    row["bytes_out"] = number("bytes_request");
    row["bytes_back"] = number("bytes_response");
    if (const auto duration = evidence::count_member(observed, "duration_ns")) {
        row["duration_ms"] = fmt::format("{:.3f}", static_cast<double>(*duration) / kNsPerMs);
    }
    row["response_sha256"] = observed.text("sha256_response");
    row["ended"] = operation.ended == 0 ? "" : rfc3339(operation.ended);
}

void CsvExporter::put(const OperationView& operation) {
    Row row{{"row", "operation"}};
    add_opening(row, opening(operation.part));
    add_outcome(row, operation);
    const Value& observed = member(operation.intent, "observed");
    const Value& derived = member(operation.intent, "derived");
    const Value& decision = operation.decision();
    std::vector<std::string> resources;
    for (const ResourceView& each : resources_of(operation.intent)) {
        resources.push_back(each.arn);
    }
    row["part"] = std::to_string(operation.part.value());
    row["record"] = std::to_string(operation.op.value());
    row["time"] = rfc3339(operation.time);
    row["connection"] = observed.text("connection");
    row["service"] = derived.text("service");
    row["operation"] = derived.text("operation", operation_name(operation.intent));
    row["effect"] = derived.text("effect");
    row["actions"] = fmt::format("{}", fmt::join(actions_of(operation.intent), " "));
    row["resources"] = fmt::format("{}", fmt::join(resources, " "));
    row["verdict"] = operation.verdict_words();
    row["reason"] = decision.text("reason");
    row["statement"] = decision.text("statement");
    row["why"] = decision.text("why");
    row["request_sha256"] = member(member(observed, "request"), "body").text("sha256");
    row["withheld"] = fmt::format("{}", fmt::join(withheld_of(operation), " "));
    row["leaf"] = codec::hex(operation.records.front().leaf);
    write(std::move(row));
}

void CsvExporter::put(const LossView& loss) {
    Row row{{"row", "lost"}, {"outcome_why", loss.why}};
    if (loss.part) {
        add_opening(row, opening(*loss.part));
        row["part"] = std::to_string(loss.part->value());
    }
    if (loss.records) {
        const bool one = loss.records->first == loss.records->last;
        row["record"] =
            one ? std::to_string(loss.records->first.value())
                : fmt::format("{} to {}", loss.records->first.value(), loss.records->last.value());
    }
    row["reason"] = loss.declared ? "declared" : "not declared";
    row["time"] = loss.time == 0 ? "" : rfc3339(loss.time);
    write(std::move(row));
}

void CsvExporter::write(Row row) {
    bool lossy = false;
    for (const auto& [name, text] : row) {
        lossy = lossy || codec::printable(text) != text;
    }
    counts_.lossy += lossy ? 1 : 0;
    row["lossy"] = lossy ? "yes" : "";
    std::string line;
    for (const char* column : kColumns) {
        line += (line.empty() ? "" : ",") + quoted(row[column]);
    }
    out_ << line << "\r\n";
}

}  // namespace

std::unique_ptr<Exporter> csv_exporter(std::ostream& out) {
    return std::make_unique<CsvExporter>(out);
}

}  // namespace narrows::review
