#include "review/sessions.h"

#include <algorithm>
#include <functional>
#include <map>

#include <fmt/format.h>

#include "evidence/payload.h"
#include "evidence/record_stream.h"
#include "evidence/verify.h"
#include "review/words.h"

namespace narrows::review {
namespace {

using codec::Value;
using model::RecordKind;

/// What one pass learns of a part.
struct PartFacts {
    std::string session;
    std::uint64_t records = 0;
    std::uint64_t next = 0;
    bool has_gap = false;
    bool closed = false;
    bool interrupted = false;
    WallNs end = 0;
};

class Lister {
  public:
    /// With `only`, these parts alone.
    explicit Lister(const std::vector<model::PartNo>& only = {}) : only_(only) {}

    void record(const journal::Frame& frame) {
        if (!only_.empty() && std::find(only_.begin(), only_.end(), frame.part) == only_.end()) {
            return;
        }
        PartFacts& part = parts_[frame.part.value()];
        ++part.records;
        part.next = std::max(part.next, frame.sequence.value() + 1);
        if (frame.kind == RecordKind::body || (frame.flags & journal::kFlagSealed) != 0) {
            return;
        }
        const auto payload = evidence::decode_payload(frame.kind, frame.payload);
        if (!payload) {
            part.has_gap = true;
            return;
        }
        if (frame.kind == RecordKind::open) {
            open(part, frame, payload.value().value);
        } else if (!part.session.empty()) {
            count(part, sessions_[part.session], frame, payload.value().observed());
        }
    }

    std::vector<SessionSummary> finish() {
        std::vector<SessionSummary> all;
        for (auto& [id, session] : sessions_) {
            session.completeness = completeness(session);
            const PartFacts& last = parts_[session.parts.back().value()];
            session.end = last.closed ? last.end : 0;
            all.push_back(std::move(session));
        }
        std::sort(all.begin(), all.end(), [](const SessionSummary& a, const SessionSummary& b) {
            return a.parts.front() < b.parts.front();
        });
        return all;
    }

  private:
    void open(PartFacts& part, const journal::Frame& frame, const Value& payload) {
        part.session = member(payload, "observed").text("session");
        if (part.session.empty()) {
            return;
        }
        SessionSummary& session = sessions_[part.session];
        if (session.parts.empty()) {
            session.session = part.session;
            session.agent = claim_of(payload, "agent");
            session.principal = claim_of(payload, "principal");
            session.task = claim_of(payload, "task");
            session.start = frame.time;
        }
        session.parts.push_back(frame.part);
    }

    static void count(PartFacts& part, SessionSummary& session, const journal::Frame& frame,
                      const Value& observed) {
        switch (frame.kind) {
            case RecordKind::intent: {
                const bool allowed = member(observed, "decision").text("verdict") == "allow";
                ++session.operations;
                ++(allowed ? session.allowed : session.denied);
                break;
            }
            case RecordKind::unknown:
                ++session.unknown;
                break;
            case RecordKind::gap:
                part.has_gap = true;
                break;
            case RecordKind::result:
                session.bytes += evidence::count_member(observed, "bytes_request").value_or(0) +
                                 evidence::count_member(observed, "bytes_response").value_or(0);
                break;
            case RecordKind::close:
                part.closed = true;
                part.end = frame.time;
                part.interrupted = observed.text("reason") == "interrupted";
                break;
            default:
                break;
        }
    }

    Completeness completeness(const SessionSummary& session) {
        Completeness found = Completeness::complete;
        for (const model::PartNo number : session.parts) {
            const PartFacts& part = parts_[number.value()];
            if (part.has_gap || part.records != part.next) {
                return Completeness::gaps;
            }
            if (!part.closed) {
                found = Completeness::open;
            } else if (part.interrupted && found == Completeness::complete) {
                found = Completeness::interrupted;
            }
        }
        return found;
    }

    std::vector<model::PartNo> only_;
    std::map<std::uint64_t, PartFacts> parts_;
    std::map<std::string, SessionSummary> sessions_;
};

/// Feeds a lister with the records it is to see; a part with holes says so itself.
Result<std::vector<SessionSummary>> list(io::FileSystem& fs, const std::string& data_dir,
                                         journal::Lanes lanes, Lister lister,
                                         const std::function<bool(const journal::Frame&)>& wanted) {
    const evidence::RecordStream::Sink sink{
        [&](const journal::Frame& frame, const evidence::Hash&) {
            if (wanted(frame)) {
                lister.record(frame);
            }
        },
        [](const journal::Gap&) {}};
    NARROWS_TRY(
        evidence::RecordStream::read(fs, evidence::journal_directory(data_dir), lanes, sink));
    return lister.finish();
}

}  // namespace

const char* name_of(Completeness completeness) {
    switch (completeness) {
        case Completeness::complete:
            return "complete";
        case Completeness::open:
            return "open";
        case Completeness::interrupted:
            return "interrupted";
        case Completeness::gaps:
            return "gaps";
    }
    return "gaps";
}

Result<std::vector<SessionSummary>> list_sessions(io::FileSystem& fs, const std::string& data_dir) {
    return list(fs, data_dir, journal::Lanes::both, Lister(),
                [](const journal::Frame&) { return true; });
}

Result<SessionSummary> read_session(io::FileSystem& fs, const std::string& data_dir,
                                    std::string_view wanted) {
    NARROWS_TRY(const auto known,
                list(fs, data_dir, journal::Lanes::control, Lister(),
                     [](const auto& frame) { return frame.kind == RecordKind::open; }));
    NARROWS_TRY(const SessionSummary found, find_session(known, wanted));
    NARROWS_TRY(const auto whole, list(fs, data_dir, journal::Lanes::both, Lister(found.parts),
                                       [](const journal::Frame&) { return true; }));
    return find_session(whole, found.session);
}

Result<SessionSummary> find_session(const std::vector<SessionSummary>& sessions,
                                    std::string_view wanted) {
    if (sessions.empty()) {
        return fail(ErrorCode::not_found, "the data directory holds no session");
    }
    if (wanted == "last") {
        return sessions.back();
    }
    const SessionSummary* found = nullptr;
    for (const SessionSummary& session : sessions) {
        if (session.session == wanted) {
            return session;
        }
        if (session.session.starts_with(wanted) ||
            session.session.substr(std::min<std::size_t>(3, session.session.size()))
                .starts_with(wanted)) {
            if (found != nullptr) {
                return fail(ErrorCode::invalid,
                            "several sessions begin like that: give more of the id");
            }
            found = &session;
        }
    }
    if (found == nullptr) {
        return fail(ErrorCode::not_found,
                    "no session begins like that: `narrows recording list` shows all");
    }
    return *found;
}

}  // namespace narrows::review
