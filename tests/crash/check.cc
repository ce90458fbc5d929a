#include "check.h"

#include <algorithm>
#include <sstream>

#include "evidence/checkpoint.h"
#include "evidence/note.h"
#include "evidence/verify.h"
#include "journal/reader.h"

namespace narrows::crash {
namespace {

using model::RecordKind;

Told::Record& record_of(Told& told, std::istringstream& words) {
    std::size_t number = 0;
    words >> number;
    told.records.resize(std::max(told.records.size(), number));
    return told.records[number - 1];
}

std::string name_of(const Key& key) {
    return fmt::format("{}:{}", key.first, key.second);
}

}  // namespace

Told parse_told(const std::string& lines) {
    Told told;
    std::size_t begin = 0;
    for (std::size_t end = lines.find('\n'); end != std::string::npos;
         begin = end + 1, end = lines.find('\n', begin)) {
        std::istringstream words(lines.substr(begin, end - begin));
        std::string what;
        words >> what;
        if (what == "signed") {
            words >> told.signed_size;
            continue;
        }
        Told::Record& record = record_of(told, words);
        if (what == "about") {
            words >> record.lane >> record.kind;
        } else if (what == "as") {
            words >> record.key.first >> record.key.second >> record.leaf;
            record.placed = true;
        } else {
            record.durable = what == "durable";
            record.held = record.durable || what == "held";
        }
    }
    return told;
}

std::vector<std::string> History::check(const Told& told, End end) {
    wrong_.clear();
    before_ = std::move(now_);
    read();
    check_old(end);
    check_told(told, end);
    check_prefixes(told);
    check_invented(told);
    check_log(told);
    if (end == End::in_order) {
        check_declared();
    }
    check_verifier(end);
    return wrong_;
}

void History::read() {
    now_.clear();
    gaps_.clear();
    open_.clear();
    new_.clear();
    auto reader = journal::Reader::open(io::posix(), data_dir_ + "/journal");
    while (reader.has_value()) {
        const auto item = reader.value().next();
        if (!item.has_value()) {
            return wrong("the journal cannot be read: {}", item.error().what);
        }
        if (!item.value()) {
            return;
        }
        if (const auto* gap = std::get_if<journal::Gap>(&*item.value())) {
            if (gap->kind != journal::Gap::Kind::torn_tail) {
                wrong("{} at {}: {}", gap->file, gap->location.offset, gap->why);
            }
            continue;
        }
        take(std::get<journal::Frame>(*item.value()), reader.value().origin());
    }
}

void History::take(const journal::Frame& frame, const std::string& origin) {
    const Key key{frame.part.value(), frame.sequence.value()};
    const Found found{journal::name_of(frame.location.lane), static_cast<int>(frame.kind),
                      codec::hex(journal::leaf_of(origin, frame))};
    if (!now_.emplace(key, found).second) {
        wrong("record {} stands twice", name_of(key));
    }
    if (const auto why = journal::why_invalid(frame)) {
        wrong("{}", *why);
    }
    if (!before_.contains(key) && !is_declaration(frame)) {
        new_.push_back(key);
    }
    if (frame.kind == RecordKind::gap) {
        gaps_[key.first].push_back(declared(frame));
    } else if (frame.kind == RecordKind::intent && (frame.flags & journal::kFlagAllowed) != 0) {
        open_[key.first].insert(frame.op);
    } else if (frame.kind == RecordKind::result || frame.kind == RecordKind::not_sent ||
               frame.kind == RecordKind::unknown) {
        open_[key.first].erase(frame.op);
    }
}

/// What a restart has found stays, whatever happens to the process that found it.
void History::check_old(End end) {
    for (const auto& [key, old] : before_) {
        const auto at = now_.find(key);
        if (at == now_.end() && end != End::power_cut) {
            wrong("record {} was there before", name_of(key));
        } else if (at != now_.end() && at->second.leaf != old.leaf) {
            wrong("record {} is another one now", name_of(key));
        }
    }
}

/// Acknowledged is a subset of what is there, and what is there is what was given.
void History::check_told(const Told& told, End end) {
    for (const Told::Record& record : told.records) {
        const bool promised = end == End::power_cut ? record.durable : record.held;
        if (!record.placed) {
            continue;
        }
        const auto at = now_.find(record.key);
        if (at == now_.end()) {
            if (promised || end == End::in_order) {
                wrong("record {} was acknowledged and is not there", name_of(record.key));
            }
            continue;
        }
        const Found& found = at->second;
        if (found.leaf != record.leaf || found.lane != record.lane || found.kind != record.kind) {
            wrong("record {} is not the one that was appended", name_of(record.key));
        }
    }
}

/// A lane keeps the first of what it was given, without holes.
void History::check_prefixes(const Told& told) {
    for (const char* lane : {"control", "bulk"}) {
        Key missing;
        bool ended = false;
        for (const Told::Record& record : told.records) {
            if (!record.placed || record.lane != lane) {
                continue;
            }
            const bool is_there = now_.contains(record.key);
            if (ended && is_there) {
                wrong("record {} is there, {} before it in the {} lane is not", name_of(record.key),
                      name_of(missing), lane);
                break;
            }
            missing = is_there || ended ? missing : record.key;
            ended = ended || !is_there;
        }
    }
}

/// Every record was given to the journal; its leaf says, with this payload. Of the last one given the process may
/// have died before it could tell its number.
void History::check_invented(const Told& told) {
    std::map<Key, const Told::Record*> placed;
    std::vector<const Told::Record*> unplaced;
    for (const Told::Record& record : told.records) {
        if (record.placed) {
            placed.emplace(record.key, &record);
        } else {
            unplaced.push_back(&record);
        }
    }
    if (unplaced.size() > 1) {
        wrong("{} records were given and got no number", unplaced.size());
    }
    for (const Key& key : new_) {
        const auto at = placed.find(key);
        const Told::Record* record = at != placed.end() ? at->second : nullptr;
        if (record == nullptr && !unplaced.empty()) {
            record = unplaced.back();
            unplaced.pop_back();
        }
        if (record == nullptr || record->kind != now_.at(key).kind) {
            wrong("record {} was invented", name_of(key));
        }
    }
    if (!unplaced.empty() && unplaced.back()->held) {
        wrong("a record was acknowledged and is not there");
    }
}

/// Every hole stands in a GAP record, every allowed operation has an outcome.
void History::check_declared() {
    std::map<std::uint64_t, std::uint64_t> next;
    for (const auto& [key, found] : now_) {
        const auto& [part, sequence] = key;
        for (std::uint64_t& hole = next[part]; hole < sequence; ++hole) {
            const auto& gaps = gaps_[part];
            const bool declared = std::any_of(gaps.begin(), gaps.end(), [&](const auto& gap) {
                return gap.first <= hole && hole <= gap.second;
            });
            if (!declared) {
                wrong("record {}:{} is missing and no GAP says so", part, hole);
            }
        }
        next[part] = sequence + 1;
    }
    for (const auto& [part, open] : open_) {
        if (!open.empty()) {
            wrong("operation {}:{} has no outcome", part, *open.begin());
        }
    }
}

void History::check_log(const Told& told) {
    const auto bytes = io::read_all(io::posix(), data_dir_ + "/log/checkpoint", 1 << 20);
    std::uint64_t size = 0;
    if (bytes.has_value()) {
        const auto note = evidence::parse_note(as_text(bytes.value()));
        size = evidence::parse_checkpoint(note.value().text).value().size;
    }
    if (size < told.signed_size) {
        wrong("the log has {} entries; {} were signed", size, told.signed_size);
    }
}

void History::check_verifier(End end) {
    evidence::VerifyOptions options{
        .data_dir = data_dir_, .trust = {}, .checkpoints = {}, .progress = {}};
    if (end == End::in_order) {
        const Bytes trust = io::read_all(io::posix(), data_dir_ + "/trust", 1 << 20).value();
        options.trust = evidence::parse_trust(as_text(trust)).value();
    }
    const evidence::Report report = evidence::verify(io::posix(), options);
    for (const evidence::Finding& finding : report.findings.kept()) {
        if (evidence::is_wanting(finding.kind)) {
            wrong("the verifier says {}: {}", evidence::name_of(finding.kind), finding.what);
        }
    }
    if (end == End::in_order && report.verdict != evidence::Verdict::verified) {
        wrong("the verifier says: {}", evidence::name_of(report.verdict));
    }
}

}  // namespace narrows::crash
