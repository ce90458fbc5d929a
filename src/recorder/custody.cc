#include "recorder/custody.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "codec/text.h"
#include "evidence/key_ring.h"
#include "evidence/logged_parts.h"

namespace narrows::recorder {
namespace {

using evidence::CloseEntry;
using evidence::Entry;
using evidence::HoldEntry;
using evidence::OpenEntry;
using evidence::ShredEntry;
using journal::KeyClass;

constexpr std::int64_t kNsPerDay = 24 * 3600 * kNsPerSecond;

Result<void> overwrite(io::FileSystem& fs, const std::string& path) {
    NARROWS_TRY(const auto file, fs.open(path, io::Mode::write));
    NARROWS_TRY(const std::uint64_t size, file->size());
    NARROWS_TRY(io::write_all(*file, Bytes(size), 0));
    return file->datasync();
}

}  // namespace

/// What the log says of one session.
struct Custody::Standing {
    std::vector<OpenEntry> opens;
    std::set<std::string> shredded;               ///< envelopes' names
    std::map<std::string, HoldEntry> holds;       ///< in force, by the officer's key
    std::map<std::string, HoldEntry> last_words;  ///< by the officer's key
    std::map<std::uint64_t, WallNs> closed;       ///< parts

    void take(const Entry& entry) {
        if (const auto* open = std::get_if<OpenEntry>(&entry.body)) {
            opens.push_back(*open);
        } else if (const auto* shred = std::get_if<ShredEntry>(&entry.body)) {
            shredded.insert(evidence::envelope_name(shred->part, shred->key));
        } else if (const auto* word = std::get_if<HoldEntry>(&entry.body)) {
            last_words.insert_or_assign(word->vkey, *word);
            if (word->released) {
                holds.erase(word->vkey);
            } else {
                holds.insert_or_assign(word->vkey, *word);
            }
        }
    }
    /// When the last part ended; nothing if one is open.
    std::optional<WallNs> ended() const {
        WallNs last = 0;
        for (const OpenEntry& open : opens) {
            const auto at = closed.find(open.part.value());
            if (at == closed.end()) {
                return std::nullopt;
            }
            last = std::max(last, at->second);
        }
        return last;
    }
};

Custody::Custody(io::FileSystem& fs, const Clock& clock, std::string data_dir, std::string origin,
                 EvidenceKeeper& keeper, Retention retention)
    : fs_(fs),
      clock_(clock),
      data_dir_(std::move(data_dir)),
      origin_(std::move(origin)),
      keeper_(keeper),
      retention_(std::move(retention)) {}

void Custody::set_retention(Retention retention) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < retention.least_ns.size(); ++i) {
        retention.least_ns.at(i) = std::max(retention.least_ns.at(i), retention_.least_ns.at(i));
    }
    retention_ = std::move(retention);
}

Result<Custody::Standing> Custody::standing(const std::string& session) const {
    const Error unknown{ErrorCode::not_found,
                        "no session of that id is in this gateway's log; give the whole id, "
                        "`narrows recording list` shows it"};
    if (session.empty()) {
        return fail(unknown);  // the gateway's own parts are nobody's session
    }
    const auto names_it = [&](ByteView entry) { return evidence::mentions(entry, session); };
    NARROWS_TRY(const std::vector<Entry> about, evidence::logged_entries(fs_, data_dir_, names_it));
    Standing now;
    for (const Entry& entry : about) {
        const bool is_its = std::visit(
            [&](const auto& body) {
                if constexpr (requires { body.session; }) {
                    return body.session == session;
                }
                return false;
            },
            entry.body);
        if (is_its) {
            now.take(entry);
        }
    }
    if (now.opens.empty()) {
        return fail(unknown);
    }
    const auto is_close = [](ByteView entry) { return evidence::mentions(entry, "CLOSE"); };
    NARROWS_TRY(const std::vector<Entry> closes,
                evidence::logged_entries(fs_, data_dir_, is_close));
    for (const Entry& entry : closes) {
        if (const auto* close = std::get_if<CloseEntry>(&entry.body)) {
            now.closed.emplace(close->head.part.value(), entry.time);
        }
    }
    return now;
}

Result<void> Custody::check_word(const HoldEntry& word) const {
    const bool is_bounded = !word.reason.empty() && word.reason.size() <= kReasonMax &&
                            codec::is_utf8(word.reason) && !word.session.empty();
    if (!is_bounded) {
        return fail(ErrorCode::invalid,
                    fmt::format("a hold or release has a reason of 1 to {} bytes", kReasonMax));
    }
    const auto officer = std::find_if(
        retention_.officers.begin(), retention_.officers.end(),
        [&](const evidence::VerifierKey& each) { return vkey_text(each) == word.vkey; });
    if (officer == retention_.officers.end()) {
        return fail(ErrorCode::denied,
                    "the key is no officer's: [retention] officers in the gateway's configuration "
                    "lists those whose holds and releases are taken");
    }
    const std::string text = evidence::hold_text(origin_, word);
    if (!crypto::verify(officer->key, as_bytes(text), word.signature)) {
        return fail(ErrorCode::denied, fmt::format("the officer's signature does not verify; it is "
                                                   "made for the log {}",
                                                   origin_));
    }
    const WallNs now = clock_.wall();
    if (word.at < now - kWordNs || word.at > now + kWordNs) {
        return fail(ErrorCode::invalid,
                    fmt::format("it was signed at {}, which is too far from now by the gateway's "
                                "clock; sign it anew, and see that both clocks are right",
                                rfc3339(word.at)));
    }
    return ok();
}

Result<void> Custody::hold(const HoldEntry& word) {
    const std::lock_guard lock(mutex_);
    NARROWS_TRY(check_word(word));
    NARROWS_TRY(keeper_.flush());
    NARROWS_TRY(const Standing now, standing(word.session));
    const auto last = now.last_words.find(word.vkey);
    if (last != now.last_words.end() && last->second == word) {
        return ok();  // it was asked again
    }
    if (last != now.last_words.end() && word.at <= last->second.at) {
        return fail(ErrorCode::conflict,
                    "it is no newer than the last word of this officer on this session: a word is "
                    "taken once; sign a new one");
    }
    if (word.released && !now.holds.contains(word.vkey)) {
        return fail(ErrorCode::conflict,
                    "this officer holds no such session; each officer releases their own hold");
    }
    keeper_.add(word);
    return keeper_.flush();
}

Result<void> Custody::check_may_shred(const Standing& now, const ShredRequest& request) const {
    if (!now.holds.empty()) {
        const HoldEntry& word = now.holds.begin()->second;
        return fail(ErrorCode::conflict,
                    fmt::format("session {} is under a legal hold of {} since {}: {}",
                                request.session, word.vkey.substr(0, word.vkey.find('+')),
                                rfc3339(word.at), codec::printable(word.reason)));
    }
    const std::optional<WallNs> ended = now.ended();
    if (!ended) {
        return fail(ErrorCode::conflict, fmt::format("session {} is not over: what is still being "
                                                     "recorded cannot be shredded",
                                                     request.session));
    }
    for (const KeyClass key : journal::kKeyClasses) {
        const std::int64_t least = retention_.least_ns.at(static_cast<std::size_t>(key));
        const bool asked = !request.key || *request.key == key;
        const bool has_one = std::any_of(now.opens.begin(), now.opens.end(), [&](const auto& open) {
            return open.keys.contains(journal::name_of(key));
        });
        if (asked && has_one && clock_.wall() - *ended < least) {
            return fail(
                ErrorCode::conflict,
                fmt::format("the {} of session {} are kept for {:.1f} days from its end, "
                            "until {}",
                            journal::name_of(key), request.session,
                            static_cast<double>(least) / kNsPerDay, rfc3339(*ended + least)));
        }
    }
    return ok();
}

Result<std::uint64_t> Custody::shred(const ShredRequest& request) {
    const std::lock_guard lock(mutex_);
    NARROWS_TRY(keeper_.flush());
    NARROWS_TRY(const Standing now, standing(request.session));
    NARROWS_TRY(check_may_shred(now, request));
    std::vector<std::string> envelopes;
    for (const OpenEntry& open : now.opens) {
        for (const auto& [key, envelope] : open.keys) {
            if (request.key && key != journal::name_of(*request.key)) {
                continue;
            }
            envelopes.push_back(evidence::envelope_name(open.part, key));
            if (!now.shredded.contains(envelopes.back())) {
                keeper_.add(ShredEntry{open.part, request.session, key, envelope.sha256, request.by,
                                       "past its minimum retention"});
            }
        }
    }
    if (envelopes.empty()) {
        return fail(ErrorCode::not_found, "the session has no key of that class");
    }
    NARROWS_TRY(keeper_.flush());
    NARROWS_TRY(destroy(envelopes));
    return std::uint64_t{envelopes.size()};
}

Result<void> Custody::finish_shredding() {
    const std::lock_guard lock(mutex_);
    const auto is_shred = [](ByteView entry) { return evidence::mentions(entry, "SHRED"); };
    NARROWS_TRY(const std::vector<Entry> entries,
                evidence::logged_entries(fs_, data_dir_, is_shred));
    std::vector<std::string> envelopes;
    for (const Entry& entry : entries) {
        if (const auto* shred = std::get_if<ShredEntry>(&entry.body)) {
            envelopes.push_back(evidence::envelope_name(shred->part, shred->key));
        }
    }
    return destroy(envelopes);
}

/// The one place where keys end here, after the log has said so. Copies in an archive go by its
/// archiver, which reads the same entries.
Result<void> Custody::destroy(const std::vector<std::string>& envelopes) {
    const std::string directory = evidence::keys_directory(data_dir_);
    NARROWS_TRY(const std::vector<std::string> present, fs_.list(directory));
    bool any = false;
    for (const std::string& name : envelopes) {
        if (!std::binary_search(present.begin(), present.end(), name)) {
            continue;
        }
        any = true;
        std::string path = directory;
        path.append("/").append(name);
        NARROWS_TRY(overwrite(fs_, path));
        NARROWS_TRY(fs_.remove(path));
    }
    return any ? fs_.sync_directory(directory) : ok();
}

}  // namespace narrows::recorder
