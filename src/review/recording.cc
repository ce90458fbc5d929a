#include "review/recording.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "evidence/payload.h"
#include "evidence/record_stream.h"
#include "evidence/verify.h"
#include "review/export.h"
#include "review/words.h"

namespace narrows::review {
namespace {

using codec::Value;
using model::RecordKind;

constexpr std::size_t kHeldBackMax = 4'096;

/// Puts the operations of one part together.
class Assembler {
  public:
    /// With an `index` bodies can be read again.
    Assembler(const ReadOptions& options, const RecordingSink& sink,
              evidence::KeyRing* keys = nullptr, journal::PartIndex* index = nullptr)
        : options_(options), sink_(sink), keys_(keys), index_(index) {}

    void add(const journal::Frame& frame, const crypto::Digest& leaf,
             const Result<ByteView>& plain) {
        note_sequence(frame);
        auto payload = plain ? evidence::decode_payload(frame.kind, plain.value())
                             : Result<evidence::Payload>(fail(plain.error()));
        const bool is_readable = payload.has_value();
        Value value = is_readable ? std::move(payload.value().value) : Value();
        if ((plain && !is_readable) || !evidence::has_operation(frame.kind)) {
            event(frame, std::move(value), !plain);
            return;
        }
        const std::uint64_t op = frame.op;
        if (frame.kind == RecordKind::intent) {
            intent(frame, std::move(value));
        } else if (const auto at = open_.find(op); at != open_.end()) {
            join(at->second, frame, std::move(value));
        }
        if (const auto at = open_.find(op); at != open_.end()) {
            at->second.sealed += plain ? 0 : 1;
        }
        if (const auto at = open_.find(op); at != open_.end() && frame.kind != RecordKind::body) {
            at->second.records.push_back({frame.kind, frame.sequence, frame.time, leaf});
        }
        release(op);
    }

    /// The part is at its end.
    void finish() {
        release_all();
        for (const LossView& hole : holes_) {
            const bool declared =
                std::any_of(declared_.begin(), declared_.end(), [&](const journal::Range& gap) {
                    return gap.first <= hole.records->first && hole.records->last <= gap.last;
                });
            if (!declared && sink_.lost) {
                sink_.lost(hole);
            }
        }
        holes_.clear();
    }

  private:
    void note_sequence(const journal::Frame& frame) {
        part_ = frame.part;
        if (part_.value() == 0) {
            return;  // the journal's own notices are numbered by segment
        }
        const std::uint64_t sequence = frame.sequence.value();
        if (sequence > next_) {
            holes_.push_back(
                {.part = part_,
                 .records = journal::Range{model::Sequence(next_), model::Sequence(sequence - 1)},
                 .time = frame.time,
                 .why = "missing, and no GAP record declares it"});
        }
        next_ = std::max(next_, sequence + 1);
    }

    void event(const journal::Frame& frame, Value value, bool sealed) {
        const Value& observed = member(value, "observed");
        if (frame.kind == RecordKind::gap) {
            declared_.push_back(
                {model::Sequence(evidence::count_member(observed, "first").value_or(0)),
                 model::Sequence(evidence::count_member(observed, "last").value_or(0))});
        } else if (frame.kind == RecordKind::close) {
            release_all();
        }
        sink_.event({frame.part, frame.sequence, frame.time, frame.kind, std::move(value), sealed});
    }

    void intent(const journal::Frame& frame, Value payload) {
        OperationView view;
        view.part = frame.part;
        view.op = frame.sequence;
        view.time = frame.time;
        view.intent = std::move(payload);
        view.allowed_by_header = (frame.flags & journal::kFlagAllowed) != 0;
        const Value& body = member(member(member(view.intent, "observed"), "request"), "body");
        if (const Bytes* bytes = member(body, "inline").as<Bytes>()) {
            take_body(view, true, frame.time, *bytes);
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
            case RecordKind::secrets:
                if (!payload.is_null()) {
                    view.secrets.push_back(std::move(payload));
                }
                break;
            case RecordKind::body: {
                const bool is_request = (frame.flags & journal::kFlagResponse) == 0;
                if (payload.is_null()) {
                    (is_request ? view.request : view.response).size += frame.payload.size();
                    break;
                }
                take_body(view, is_request, frame.time, *payload.find("bytes")->as<Bytes>());
                (is_request ? view.request : view.response)
                    .stretches.push_back({frame.sequence, frame.kind,
                                          static_cast<std::uint32_t>(frame.payload.size()),
                                          frame.location});
                break;
            }
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

    void take_body(OperationView& view, bool is_request, WallNs time, ByteView bytes) {
        BodyView& body = is_request ? view.request : view.response;
        if (body.size == 0 && is_event_stream(header(head_of(view, is_request), "content-type"))) {
            body.events.emplace();
        }
        if (body.events) {
            body.events->add(time, bytes);
        }
        body.size += bytes.size();
        const bool wanted = (!options_.only || *options_.only == view.op) &&
                            (!options_.wants_body || options_.wants_body(view, is_request));
        if (wanted && body.bytes.size() < options_.body_bytes_max) {
            const std::size_t room = options_.body_bytes_max - body.bytes.size();
            append(body.bytes, bytes.first(std::min(room, bytes.size())));
        }
        if (options_.only == view.op && options_.body) {
            options_.body(is_request, bytes);
        }
    }

    static const Value& head_of(const OperationView& view, bool is_request) {
        return is_request ? member(member(view.intent, "observed"), "request")
                          : member(view.head, "observed");
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

    /// Hands out what is over, now that a record of `op` has come.
    void release(std::uint64_t op) {
        if (!options_.in_order) {
            if (const auto at = open_.find(op); at != open_.end() && is_over(at->second)) {
                release(at);
            }
        }
        while (!open_.empty() && ((options_.in_order && is_over(open_.begin()->second)) ||
                                  open_.size() > kHeldBackMax)) {
            release(open_.begin());
        }
    }

    void release(std::map<std::uint64_t, OperationView>::iterator at) {
        OperationView& view = at->second;
        if (index_ != nullptr) {
            view.read_body = [this, &view](bool is_request, const auto& take) {
                return read_body(view, is_request, take);
            };
        }
        sink_.operation(view);
        open_.erase(at);
    }

    void release_all() {
        while (!open_.empty()) {
            release(open_.begin());
        }
    }

    Result<void> read_body(const OperationView& view, bool is_request,
                           const std::function<void(ByteView)>& take) {
        const Value& body = member(member(member(view.intent, "observed"), "request"), "body");
        const Bytes* inlined = member(body, "inline").as<Bytes>();
        if (is_request && inlined != nullptr) {
            take(*inlined);
        }
        const BodyView& wanted = is_request ? view.request : view.response;
        for (const journal::PartIndex::Entry& entry : wanted.stretches) {
            NARROWS_TRY(const journal::Frame frame, index_->read(entry));
            NARROWS_TRY(const ByteView plain, keys_->open(index_->origin(), frame));
            NARROWS_TRY(const evidence::Payload payload,
                        evidence::decode_payload(frame.kind, plain));
            take(*payload.value.find("bytes")->as<Bytes>());
        }
        return ok();
    }

    const ReadOptions& options_;
    const RecordingSink& sink_;
    evidence::KeyRing* keys_;
    journal::PartIndex* index_;
    model::PartNo part_;
    std::uint64_t next_ = 0;
    std::vector<LossView> holes_;
    std::vector<journal::Range> declared_;
    std::map<std::uint64_t, OperationView> open_;
};

LossView loss_of(const journal::Gap& gap) {
    return {.why = fmt::format("{}, {} at offset {}, {} bytes: {}", journal::name_of(gap.kind),
                               gap.file, gap.location.offset, gap.bytes, gap.why)};
}

}  // namespace

const Value& OperationView::decision() const {
    return member(member(intent, "observed"), "decision");
}

bool OperationView::allowed() const {
    return intent.is_null() ? allowed_by_header : decision().text("verdict") == "allow";
}

std::string OperationView::verdict_words() const {
    const std::string verdict = decision().text("verdict");
    return allowed() ? "allowed" : verdict == "hold" ? "held" : "denied";
}

std::string OperationView::outcome_words() const {
    if (!outcome_kind) {
        return allowed() ? "no outcome on record" : "";
    }
    if (outcome.is_null()) {
        return fmt::format("{}, sealed", model::name_of(*outcome_kind));
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
    const std::string exception = observed.text("exception");
    if (observed.text("outcome") == "cut") {
        return fmt::format("{} (cut: {})", words, why);
    }
    return exception.empty() ? words : fmt::format("{} (ended by {})", words, exception);
}

Result<void> read_recording(const Source& source, const SessionSummary& session,
                            const ReadOptions& options, const RecordingSink& sink) {
    const std::string directory = evidence::journal_directory(source.data_dir);
    for (const model::PartNo part : session.parts) {
        NARROWS_TRY(journal::PartIndex index,
                    journal::PartIndex::build(source.fs, directory, part));
        for (const journal::Gap& gap : index.gaps()) {
            if (sink.lost && part == session.parts.front()) {
                sink.lost(loss_of(gap));
            }
        }
        Assembler assembler(options, sink, &source.keys, &index);
        for (const journal::PartIndex::Entry& entry : index.entries()) {
            NARROWS_TRY(const journal::Frame frame, index.read(entry));
            assembler.add(frame, journal::leaf_of(index.origin(), frame),
                          source.keys.open(index.origin(), frame));
        }
        assembler.finish();
    }
    return ok();
}

Result<void> read_everything(const Source& source, const ReadOptions& options,
                             const RecordingSink& sink) {
    std::map<std::uint64_t, Assembler> parts;
    const evidence::RecordStream::Sink stream{
        [&](const journal::Frame& frame, const evidence::Hash& leaf,
            const Result<ByteView>& plain) {
            Assembler& part = parts.try_emplace(frame.part.value(), options, sink).first->second;
            part.add(frame, leaf, plain);
        },
        [&](const journal::Gap& gap) {
            if (sink.lost) {
                sink.lost(loss_of(gap));
            }
        }};
    NARROWS_TRY(evidence::RecordStream::read(source.fs,
                                             evidence::journal_directory(source.data_dir),
                                             journal::Lanes::both, source.keys, stream));
    for (auto& [number, part] : parts) {
        part.finish();
    }
    return ok();
}

}  // namespace narrows::review
