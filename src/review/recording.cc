#include "review/recording.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "evidence/payload.h"
#include "evidence/verify.h"
#include "journal/reader.h"
#include "review/words.h"

namespace narrows::review {
namespace {

using codec::Value;
using model::RecordKind;

constexpr std::size_t kHeldBackMax = 4'096;

/// Puts the operations of one part together.
class Assembler {
  public:
    Assembler(const ReadOptions& options, const RecordingSink& sink)
        : options_(options), sink_(sink) {}

    void add(const journal::Frame& frame) {
        auto payload = evidence::decode_payload(frame.kind, frame.payload);
        if (!payload || !evidence::has_operation(frame.kind)) {
            Value value = payload ? std::move(payload.value().value) : Value();
            sink_.event({frame.part, frame.sequence, frame.time, frame.kind, std::move(value)});
            return;
        }
        if (frame.kind == RecordKind::intent) {
            intent(frame, std::move(payload.value().value));
        } else {
            const auto at = open_.find(evidence::operation_of(frame.kind, payload.value()));
            if (at != open_.end()) {
                join(at->second, frame, std::move(payload.value().value));
            }
        }
        release(false);
    }

    void finish() { release(true); }

  private:
    void intent(const journal::Frame& frame, Value payload) {
        OperationView view;
        view.part = frame.part;
        view.op = frame.sequence;
        view.time = frame.time;
        view.intent = std::move(payload);
        const Value& body = member(member(member(view.intent, "observed"), "request"), "body");
        if (const Bytes* bytes = member(body, "inline").as<Bytes>()) {
            take_body(view, true, *bytes);
        }
        open_.insert_or_assign(frame.sequence.value(), std::move(view));
    }

    void join(OperationView& view, const journal::Frame& frame, Value payload) {
        switch (frame.kind) {
            case RecordKind::sent:
                view.sent = std::move(payload);
                break;
            case RecordKind::head:
                view.head = std::move(payload);
                break;
            case RecordKind::body:
                take_body(view, payload.text("dir") == "request",
                          *payload.find("bytes")->as<Bytes>());
                break;
            case RecordKind::result:
            case RecordKind::not_sent:
            case RecordKind::unknown:
                view.outcome = std::move(payload);
                view.outcome_kind = frame.kind;
                view.ended = frame.time;
                break;
            default:
                break;
        }
    }

    void take_body(OperationView& view, bool is_request, ByteView bytes) {
        BodyView& body = is_request ? view.request : view.response;
        body.size += bytes.size();
        const bool wanted = !options_.only || *options_.only == view.op;
        if (wanted && body.bytes.size() < options_.body_bytes_max) {
            const std::size_t room = options_.body_bytes_max - body.bytes.size();
            append(body.bytes, bytes.first(std::min(room, bytes.size())));
        }
        if (options_.only == view.op && options_.body) {
            options_.body(is_request, bytes);
        }
    }

    /// A denied operation whose request body stands in records still gathers it.
    static bool is_over(const OperationView& view) {
        if (view.outcome_kind) {
            return true;
        }
        const Value& body = member(member(member(view.intent, "observed"), "request"), "body");
        const bool gathers = body.text("inline") == "records" &&
                             view.request.size < evidence::count_member(body, "size").value_or(0);
        return !view.allowed() && !gathers;
    }

    void release(bool all) {
        while (!open_.empty() &&
               (all || is_over(open_.begin()->second) || open_.size() > kHeldBackMax)) {
            sink_.operation(open_.begin()->second);
            open_.erase(open_.begin());
        }
    }

    const ReadOptions& options_;
    const RecordingSink& sink_;
    std::map<std::uint64_t, OperationView> open_;
};

}  // namespace

const Value& OperationView::decision() const {
    return member(member(intent, "observed"), "decision");
}

bool OperationView::allowed() const {
    return decision().text("verdict") == "allow";
}

std::string OperationView::verdict_words() const {
    const std::string verdict = decision().text("verdict");
    return verdict == "allow" ? "allowed" : verdict == "hold" ? "held" : "denied";
}

std::string OperationView::outcome_words() const {
    if (!outcome_kind) {
        return allowed() ? "no outcome on record" : "";
    }
    const Value& observed = member(outcome, "observed");
    const std::string why = observed.text("why");
    if (*outcome_kind == RecordKind::not_sent) {
        return "not sent: " + why;
    }
    if (*outcome_kind == RecordKind::unknown) {
        return "unknown: " + why;
    }
    const std::int64_t status = observed.number("status");
    const std::string words = status == 0 ? observed.text("outcome") : std::to_string(status);
    return observed.text("outcome") == "cut" ? fmt::format("{} (cut: {})", words, why) : words;
}

Result<void> read_recording(io::FileSystem& fs, const std::string& data_dir,
                            const SessionSummary& session, const ReadOptions& options,
                            const RecordingSink& sink) {
    for (const model::PartNo part : session.parts) {
        NARROWS_TRY(journal::PartIndex index,
                    journal::PartIndex::build(fs, evidence::journal_directory(data_dir), part));
        Assembler assembler(options, sink);
        for (const journal::PartIndex::Entry& entry : index.entries()) {
            NARROWS_TRY(const journal::Frame frame, index.read(entry));
            assembler.add(frame);
        }
        assembler.finish();
    }
    return ok();
}

}  // namespace narrows::review
