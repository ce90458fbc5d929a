#include "review/sessions.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "evidence/logged_parts.h"
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
    std::uint64_t body_bytes = 0;  ///< stored, not yet counted
};

class Lister {
  public:
    /// With `only`, these parts alone.
    explicit Lister(const Source& source, const std::vector<model::PartNo>& only = {})
        : only_(only),
          logged_(evidence::logged_parts(source.fs, source.data_dir)),
          custody_(evidence::logged_custody(source.fs, source.data_dir)) {}

    void record(const journal::Frame& frame, const Result<ByteView>& plain) {
        if (!only_.empty() && std::find(only_.begin(), only_.end(), frame.part) == only_.end()) {
            return;
        }
        PartFacts& part = parts_[frame.part.value()];
        ++part.records;
        part.next = std::max(part.next, frame.sequence.value() + 1);
        Value payload;
        if (plain && frame.kind != RecordKind::body) {
            auto decoded = evidence::decode_payload(frame.kind, plain.value());
            part.has_gap |= !decoded;
            payload = decoded ? std::move(decoded.value().value) : Value();
        }
        if (frame.kind == RecordKind::open) {
            open(part, frame, payload);
        } else if (!part.session.empty()) {
            SessionSummary& session = sessions_[part.session];
            session.sealed += plain ? 0 : 1;
            count(part, session, frame, member(payload, "observed"));
        }
    }

    std::vector<SessionSummary> finish() {
        std::vector<SessionSummary> all;
        for (auto& [id, session] : sessions_) {
            session.completeness = completeness(session);
            session.custody = custody_[id];
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
        const auto logged = logged_.find(frame.part.value());
        if (payload.is_null() && logged != logged_.end()) {
            part.session = logged->second.session;
        }
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
                const bool allowed = (frame.flags & journal::kFlagAllowed) != 0;
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
            case RecordKind::body:
                part.body_bytes += frame.payload.size();
                break;
            case RecordKind::result:
                session.bytes += observed.is_null() ? std::exchange(part.body_bytes, 0) : 0;
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
    std::map<std::uint64_t, evidence::OpenEntry> logged_;
    std::map<std::string, evidence::LoggedCustody> custody_;
    std::map<std::uint64_t, PartFacts> parts_;
    std::map<std::string, SessionSummary> sessions_;
};

/// Feeds a lister with the records it is to see; a part with holes says so itself.
Result<std::vector<SessionSummary>> list(const Source& source, journal::Lanes lanes, Lister lister,
                                         const std::function<bool(const journal::Frame&)>& wanted) {
    const evidence::RecordStream::Sink sink{
        [&](const journal::Frame& frame, const evidence::Hash&, const Result<ByteView>& plain) {
            if (wanted(frame)) {
                lister.record(frame, plain);
            }
        },
        [](const journal::Gap&) {}};
    NARROWS_TRY(evidence::RecordStream::read(
        source.fs, evidence::journal_directory(source.data_dir), lanes, source.keys, sink));
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

Result<std::vector<SessionSummary>> list_sessions(const Source& source) {
    return list(source, journal::Lanes::both, Lister(source),
                [](const journal::Frame&) { return true; });
}

Result<SessionSummary> read_session(const Source& source, std::string_view wanted) {
    NARROWS_TRY(const auto known,
                list(source, journal::Lanes::control, Lister(source),
                     [](const auto& frame) { return frame.kind == RecordKind::open; }));
    NARROWS_TRY(const SessionSummary found, find_session(known, wanted));
    NARROWS_TRY(const auto whole, list(source, journal::Lanes::both, Lister(source, found.parts),
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
