#include "review/limits.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/clock.h"
#include "evidence/last_anchor.h"
#include "evidence/logged_parts.h"
#include "review/export.h"
#include "review/words.h"

namespace narrows::review {
namespace {

using codec::Value;
using model::RecordKind;

constexpr std::size_t kNamesMax = 1'000;
constexpr std::size_t kNamesShown = 8;

std::string listed(const std::map<std::string, std::uint64_t>& names) {
    std::string text;
    std::size_t shown = 0;
    for (const auto& [name, count] : names) {
        if (shown++ == kNamesShown) {
            return text + fmt::format(" and {} more", names.size() - kNamesShown);
        }
        text += fmt::format("{}{}{}", text.empty() ? "" : ", ", name,
                            count > 1 ? fmt::format(" ({} times)", count) : "");
    }
    return text;
}

/// By what the log says of itself; only `verify` checks it.
std::string anchoring_words(io::FileSystem& fs, const std::string& data_dir) {
    const auto last = evidence::last_anchor(fs, data_dir);
    if (!last) {
        return "That nobody with control of the gateway rewrote it: no outside anchor or witness "
               "holds the log's checkpoint yet.";
    }
    return fmt::format(
        "That nobody with control of the gateway rewrote what was recorded after {}: so far the "
        "log says it is anchored ({} {}, {} entries); `recording verify --trust` checks it.",
        rfc3339(last->at), last->cosigned ? "witness" : "anchor", last->anchor, last->size);
}

/// By the word of whoever reconciled; the newest that covers the whole stretch counts.
std::string reconciled_words(io::FileSystem& fs, const std::string& data_dir, WallNs first,
                             WallNs last) {
    const auto entries = evidence::logged_entries(
        fs, data_dir, [](ByteView entry) { return evidence::mentions(entry, "RECONCILED"); });
    std::string words =
        "Calls that did not pass the gateway: it has not been reconciled with CloudTrail yet.";
    for (const evidence::Entry& entry :
         entries ? entries.value() : std::vector<evidence::Entry>()) {
        const auto* found = std::get_if<evidence::ReconciledEntry>(&entry.body);
        if (found != nullptr && found->from <= first && last <= found->to) {
            words = fmt::format(
                "Calls that did not pass the gateway, where CloudTrail does not log them: it was "
                "reconciled at {} by {}, with the verdict {}.",
                rfc3339(entry.time), found->by, found->verdict);
        }
    }
    return words;
}

}  // namespace

void Limits::note(std::map<std::string, std::uint64_t>& names, const std::string& name) {
    if (names.size() < kNamesMax || names.contains(name)) {
        ++names[name];
    }
}

void Limits::add(const EventView& event) {
    first_ = first_ == 0 ? event.time : std::min(first_, event.time);
    last_ = std::max(last_, event.time);
    sealed_ += event.sealed ? 1 : 0;
    unreadable_ += event.payload.is_null() && !event.sealed ? 1 : 0;
    if (event.kind == RecordKind::open && !event.sealed) {
        std::string words = enforcement_words(event.payload);
        if (std::find(enforcement_.begin(), enforcement_.end(), words) == enforcement_.end()) {
            enforcement_.push_back(std::move(words));
        }
        closed_ = false;
    } else if (event.kind == RecordKind::open) {
        closed_ = false;
    } else if (event.kind == RecordKind::gap) {
        ++gaps_;
    } else if (event.kind == RecordKind::close) {
        closed_ = true;
        interrupted_ =
            interrupted_ || member(event.payload, "observed").text("reason") == "interrupted";
    }
}

void Limits::add(const OperationView& operation) {
    sealed_ += operation.sealed;
    const std::string name = operation_name(operation.intent);
    if (!withheld_of(operation).empty()) {
        note(withheld_, name);
    }
    if (!operation.allowed()) {
        return;
    }
    const Value& derived = member(operation.intent, "derived");
    const std::string effect = derived.text("effect");
    if (derived.text("service") == "net") {
        const Value& upstream = member(member(operation.intent, "observed"), "upstream");
        note(tunnels_, upstream.text("host", member(derived, "parameters").text("host", name)));
    }
    if (effect == "delegate" || effect == "by-reference") {
        note(set_in_motion_, name);
    }
    if (effect == "credential") {
        note(credentials_, name);
    }
    unknown_ += operation.outcome_kind == RecordKind::unknown ? 1 : 0;
    without_outcome_ += operation.outcome_kind ? 0 : 1;
}

std::vector<std::string> Limits::sentences(io::FileSystem& fs, const std::string& data_dir) const {
    std::vector<std::string> all = enforcement_;
    const auto say = [&](bool holds, std::string text) {
        if (holds) {
            all.push_back(std::move(text));
        }
    };
    say(gaps_ > 0, fmt::format("{} stretches of records are lost and declared as such.", gaps_));
    say(sealed_ > 0,
        fmt::format("What stands in {} records: they are sealed, and no key that was given opens "
                    "them (--key FILE).",
                    sealed_));
    say(unreadable_ > 0, fmt::format("{} records could not be read.", unreadable_));
    say(unknown_ + without_outcome_ > 0,
        fmt::format("What came of {} operations that were let through: they may or may not have "
                    "taken effect.",
                    unknown_ + without_outcome_));
    say(interrupted_, "What happened while the gateway was interrupted, if anything did.");
    say(!closed_, "How the session ends: it has no end on record yet.");
    say(!tunnels_.empty(),
        "What went through tunnels, which are not opened: " + listed(tunnels_) + ".");
    say(!set_in_motion_.empty(),
        "What AWS did later or elsewhere because the session set it in motion: " +
            listed(set_in_motion_) + ".");
    say(!credentials_.empty(),
        "What was done with credentials that were returned: " + listed(credentials_) + ".");
    say(!withheld_.empty(),
        "Secret values, which are withheld and on record by name only: " + listed(withheld_) + ".");
    all.push_back(anchoring_words(fs, data_dir));
    all.push_back(reconciled_words(fs, data_dir, first_, last_));
    return all;
}

}  // namespace narrows::review
