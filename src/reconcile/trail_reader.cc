#include "reconcile/trail_reader.h"

#include "codec/text.h"
#include "crypto/hash.h"
#include "reconcile/events.h"
#include "reconcile/inflate.h"
#include "reconcile/names.h"
#include "reconcile/proof.h"

namespace narrows::reconcile {
namespace {

/// More than any log has; a small file that claims more is no log.
constexpr std::uint64_t kLogBytesMax = std::uint64_t{4} << 30;
/// Names tell the minute of delivery, by another clock than the events'.
constexpr std::int64_t kNameSlackNs = 60 * kNsPerSecond + kSlackNs;

std::string hex_of(crypto::Hasher& hasher) {
    return codec::hex(hasher.finish256());
}

/// Whether an error is about what a file holds, and not about reading it.
bool is_of_content(const Error& error) {
    return error.code == ErrorCode::invalid || error.code == ErrorCode::exhausted;
}

}  // namespace

TrailReader::TrailReader(Database& state, Trail& trail, const PublicKeys& keys,
                         ReadTrailOptions options)
    : state_(state),
      trail_(trail),
      keys_(keys),
      options_(std::move(options)),
      finding_(state.prepare("INSERT OR IGNORE INTO finding VALUES(?,?,?)")) {}

Result<void> TrailReader::read_digests() {
    tell("the list of files");
    NARROWS_TRY(state_.execute("UPDATE file SET run = 0"));
    NARROWS_TRY(trail_.list([this](const TrailFile& file) { return note_file(file); }));
    NARROWS_TRY(state_.commit());
    for (;;) {
        NARROWS_TRY(const std::optional<File> file, next_file(true));
        if (!file) {
            break;
        }
        tell(file->key);
        NARROWS_TRY(read_digest(*file));
    }
    NARROWS_TRY(check_signatures());
    NARROWS_TRY(check_links());
    return state_.commit();
}

Result<void> TrailReader::note_file(const TrailFile& file) {
    const auto name = parse_file_name(file.path);
    if (!name) {
        return ok();
    }
    Query note = state_.prepare(
        "INSERT INTO file VALUES(?,?,?,?,?,?,?,?,'',0,1) ON CONFLICT(key) DO UPDATE SET "
        "path = excluded.path, run = 1, stamp = excluded.stamp, "
        "is_read = CASE WHEN ? OR stamp <> excluded.stamp THEN 0 ELSE is_read END");
    return note.run(name->key, file.path, name->kind == FileKind::digest, name->account,
                    name->region, name->chain, name->time, file.stamp, options_.again);
}

/// The oldest file of that kind that is still to be read.
Result<std::optional<TrailReader::File>> TrailReader::next_file(bool is_digest) {
    Query next = state_.prepare(
        "SELECT key, path, sha256, time FROM file WHERE is_read = 0 AND is_digest = ? AND run = 1 "
        "ORDER BY time LIMIT 1");
    NARROWS_TRY(next.begin(is_digest));
    NARROWS_TRY(const bool found, next.next());
    return found ? std::optional(File{next.text(0), next.text(1), next.text(2), next.number(3)})
                 : std::nullopt;
}

Result<void> TrailReader::mark(const std::string& key, const std::string& sha256) {
    Query mark = state_.prepare("UPDATE file SET is_read = 1, sha256 = ? WHERE key = ?");
    return mark.run(sha256, key);
}

Result<void> TrailReader::finding(const char* kind, const std::string& file,
                                  const std::string& why) {
    return finding_.run(kind, file, why);
}

Result<std::string> TrailReader::unpack(const std::string& path, std::uint64_t bytes_max,
                                        const std::function<Result<void>(ByteView)>& packed,
                                        const std::function<Result<void>(ByteView)>& content) {
    Result<void> inside = ok();
    Inflater inflater(bytes_max, content);
    const auto take = [&](ByteView bytes) -> Result<void> {
        NARROWS_TRY(packed(bytes));
        inside = inflater.feed(bytes);
        return inside;
    };
    const Result<void> read = trail_.read(path, take);
    if (!read.has_value() && inside.has_value()) {
        return fail(read.error());
    }
    if (inside.has_value()) {
        inside = inflater.finish();
    }
    if (!inside.has_value() && !is_of_content(inside.error())) {
        return fail(inside.error());
    }
    return inside.has_value() ? std::string() : inside.error().what;
}

// ---- digests

Result<void> TrailReader::read_digest(const File& file) {
    std::string json;
    crypto::Hasher packed;
    const auto hash = [&](ByteView bytes) -> Result<void> {
        packed.update(bytes);
        return ok();
    };
    const auto content = [&](ByteView bytes) -> Result<void> {
        json.append(as_text(bytes));
        return ok();
    };
    NARROWS_TRY(const std::string damage, unpack(file.path, kDigestBytesMax, hash, content));
    const std::string sha256 = codec::hex(crypto::sha256(json));
    NARROWS_TRY(mark(file.key, sha256));
    if (!damage.empty()) {
        return finding("digest", file.key, damage);
    }
    const Result<Digest> digest = parse_digest(json);
    if (!digest.has_value()) {
        return finding("digest", file.key, digest.error().what);
    }
    return add_digest(file, digest.value(), sha256, hex_of(packed));
}

Result<void> TrailReader::add_digest(const File& file, const Digest& digest,
                                     const std::string& sha256, const std::string& packed_sha256) {
    const auto name = parse_file_name(file.path);
    if (trail_key(digest.object) != file.key) {
        NARROWS_TRY(finding("digest", file.key, "it was made for another place: " + digest.object));
    }
    NARROWS_TRY(const std::string signature, trail_.signature(file.path));
    Query add = state_.prepare("INSERT OR REPLACE INTO digest VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)");
    NARROWS_TRY(add.run(file.key, name->chain, digest.start, digest.end, digest.fingerprint,
                        digest.signed_text, signature, trail_key(digest.previous_object),
                        digest.previous_hash, digest.previous_signature, sha256, packed_sha256,
                        static_cast<std::int64_t>(Proof::unchecked)));
    Query list = state_.prepare(
        "INSERT INTO listed VALUES(?,?,?) ON CONFLICT(key, digest) DO UPDATE SET sha256 = "
        "excluded.sha256");
    for (const ProvenFile& each : digest.files) {
        NARROWS_TRY(list.run(each.key, file.key, each.sha256));
    }
    return ok();
}

/// Of digests that are not proven yet: by the signature beside them, or the one in their successor.
/// That it verifies is enough; who brings it does not matter.
Result<void> TrailReader::check_signatures() {
    Query next = state_.prepare(
        "SELECT key, fingerprint, signed_text, signature FROM digest WHERE proof <> 1 AND key > ? "
        "ORDER BY key LIMIT 1");
    Query later = state_.prepare("SELECT previous_signature FROM digest WHERE previous = ?");
    Query set = state_.prepare("UPDATE digest SET proof = ? WHERE key = ?");
    Query clear =
        state_.prepare("DELETE FROM finding WHERE kind = 'digest' AND file = ? AND why = ?");
    for (std::string key;;) {
        NARROWS_TRY(next.begin(key));
        NARROWS_TRY(const bool found, next.next());
        if (!found) {
            return ok();
        }
        key = next.text(0);
        const std::string fingerprint = next.text(1);
        const std::string text = next.text(2);
        std::vector<std::string> signatures{next.text(3)};
        next.reset();
        NARROWS_TRY(later.begin(key));
        NARROWS_TRY(const bool has_later, later.next());
        signatures.push_back(has_later ? later.text(0) : std::string());
        later.reset();
        const Proof proof = proof_of(keys_, fingerprint, text, signatures);
        NARROWS_TRY(set.run(static_cast<std::int64_t>(proof), key));
        // More keys than at an earlier run may be at hand.
        NARROWS_TRY(clear.run(key, words_of(Proof::unknown_key)));
        if (proof == Proof::unknown_key || proof == Proof::wrong) {
            NARROWS_TRY(finding("digest", key, words_of(proof)));
        }
    }
}

/// Each digest names the one before it, and its hash.
Result<void> TrailReader::check_links() {
    Query walk = state_.prepare(
        "SELECT key, chain, previous, previous_hash, sha256, sha256_packed FROM digest "
        "ORDER BY chain, ends");
    NARROWS_TRY(walk.begin());
    Link before;
    for (;;) {
        NARROWS_TRY(const bool found, walk.next());
        if (!found) {
            return ok();
        }
        Link at{walk.text(0), walk.text(1), walk.text(2), walk.text(3), walk.text(4), walk.text(5)};
        const auto broken = broken_link(before, at);
        if (broken) {
            NARROWS_TRY(finding(broken->kind, broken->file, broken->why));
        }
        before = std::move(at);
    }
}

// ---- logs

Result<void> TrailReader::learn_gateway(Matcher& matcher) {
    Query walk = state_.prepare(
        "SELECT path FROM file WHERE is_read = 0 AND is_digest = 0 AND run = 1 ORDER BY time");
    NARROWS_TRY(walk.begin());
    bool found = matcher.knows_gateway();
    while (!found) {
        NARROWS_TRY(const bool more, walk.next());
        if (!more) {
            return ok();
        }
        tell("who assumes the gateway's roles: " + walk.text(0));
        EventSplitter splitter([&](std::string_view text) -> Result<void> {
            if (found || text.find("\"AssumeRole") == text.npos) {
                return ok();
            }
            const Result<Event> event = read_event(text);
            if (event.has_value()) {
                NARROWS_TRY(found, matcher.learn_gateway(event.value()));
            }
            return ok();
        });
        const auto none = [](ByteView) -> Result<void> { return ok(); };
        const auto content = [&](ByteView bytes) { return splitter.feed(as_text(bytes)); };
        // What is wrong with a file is found when it is read in earnest.
        NARROWS_TRY(const std::string damage, unpack(walk.text(0), kLogBytesMax, none, content));
        static_cast<void>(damage);
    }
    return ok();
}

/// What is to be read again waits until everything was read once: it is often the same files.
Result<void> TrailReader::read_logs(Matcher& matcher) {
    for (;;) {
        NARROWS_TRY(const std::optional<File> file, next_file(false));
        if (!file) {
            NARROWS_TRY(
                state_.execute("UPDATE file SET is_read = 0 WHERE is_read = 2 AND is_digest = 0 "
                               "AND run = 1"));
            if (state_.changed() == 0) {
                return ok();
            }
            continue;
        }
        tell(file->key);
        NARROWS_TRY(read_log(*file, matcher));
        if (const WallNs since = matcher.take_news(); since != 0) {
            NARROWS_TRY(look_again(since));
        }
        NARROWS_TRY(matcher.save_tallies());
        NARROWS_TRY(state_.commit());
    }
}

Result<void> TrailReader::look_again(WallNs since) {
    Query again = state_.prepare(
        "UPDATE file SET is_read = 2 WHERE is_read = 1 AND is_digest = 0 AND time >= ?");
    return again.run(since - kNameSlackNs);
}

Result<void> TrailReader::read_log(const File& file, Matcher& matcher) {
    const bool is_new = file.sha256.empty();
    std::uint64_t unreadable = 0;
    EventSplitter splitter([&](std::string_view text) -> Result<void> {
        const Result<Event> event = read_event(text);
        if (!event.has_value()) {
            ++unreadable;
            return ok();
        }
        return matcher.take(event.value(), text, file.key, is_new);
    });
    crypto::Hasher hasher;
    const auto none = [](ByteView) -> Result<void> { return ok(); };
    const auto content = [&](ByteView bytes) -> Result<void> {
        hasher.update(bytes);
        return splitter.feed(as_text(bytes));
    };
    NARROWS_TRY(const std::string damage, unpack(file.path, kLogBytesMax, none, content));
    const Result<void> whole = splitter.finish();
    const std::string sha256 = hex_of(hasher);
    NARROWS_TRY(mark(file.key, sha256));
    if (!is_new && sha256 != file.sha256) {
        NARROWS_TRY(finding("log", file.key, "it is another one than at an earlier run"));
    }
    if (!damage.empty() || !whole.has_value()) {
        return finding("log", file.key, damage.empty() ? whole.error().what : damage);
    }
    return unreadable == 0 ? ok()
                           : finding("log-events", file.key,
                                     std::to_string(unreadable) +
                                         " events in it are no events that can be read");
}

Result<void> TrailReader::check_files() {
    NARROWS_TRY(state_.execute(
        "INSERT OR IGNORE INTO finding SELECT 'log', file.key, 'its SHA-256 is not the one that "
        "the digest ' || listed.digest || ' lists' FROM listed JOIN file USING(key) WHERE "
        "file.is_read <> 0 AND file.sha256 <> listed.sha256"));
    return state_.commit();
}

void TrailReader::tell(const std::string& doing) const {
    if (options_.progress) {
        options_.progress(doing);
    }
}

}  // namespace narrows::reconcile
