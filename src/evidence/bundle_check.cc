#include "evidence/bundle_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "evidence/bundle_files.h"
#include "evidence/log_check.h"
#include "evidence/part_check.h"
#include "evidence/tlog_proof.h"
#include "journal/scan.h"

namespace narrows::evidence {
namespace {

constexpr const char* kMeansOtherRecord = "Records were changed, exchanged or removed.";
constexpr const char* kMeansForgedFields = "What is shown is not what was recorded.";
constexpr const char* kMeansLeftOut =
    "Whoever made this left it out and says what it was; only its digest is proven.";

/// What a record's content comes to, checked against its header.
class ContentCheck {
  public:
    explicit ContentCheck(KeyRing& keys) : keys_(keys) {}

    /// Its payload, or why there is none: ErrorCode::not_found if nothing is wrong with that.
    /// `frame.payload` is set to what is stored.
    Result<ByteView> plain(std::string_view origin, const BundleRecord& record,
                           journal::Frame& frame) {
        if (const Bytes* stored = std::get_if<Bytes>(&record.content)) {
            frame.payload = *stored;
            // The leaf does not hold the header's first four bytes, the size.
            const auto size = load_le<std::uint32_t>(record.header.data());
            const bool fits = size == journal::kFrameHeaderSize + stored->size() &&
                              crypto::sha256(*stored) == frame.payload_sha256;
            return fits ? keys_.open(origin, frame)
                        : forged(frame, "the payload of record {} is not the one of its leaf");
        }
        if (!frame.sealed()) {
            return forged(frame, "record {} is not sealed and its payload is not there");
        }
        const auto* fields = std::get_if<Disclosure>(&record.content);
        if (fields == nullptr) {
            return fail(ErrorCode::not_found, "the record is withheld");
        }
        if (commitment_of(*fields) != frame.commitment) {
            return forged(frame, "the fields of record {} are not those its leaf commits to");
        }
        NARROWS_TRY(plain_, payload_of(*fields));
        return ByteView(plain_);
    }

  private:
    static Result<ByteView> forged(const journal::Frame& frame, const char* what) {
        return fail(ErrorCode::corrupt, fmt::format(fmt::runtime(what), frame.sequence.value()));
    }

    KeyRing& keys_;
    Bytes plain_;
};

std::vector<std::string> left_out(const BundleRecord& record) {
    if (const auto* fields = std::get_if<Disclosure>(&record.content)) {
        return withheld_paths(*fields);
    }
    const bool whole = std::holds_alternative<std::monostate>(record.content);
    return whole ? std::vector<std::string>{"all of it"} : std::vector<std::string>{};
}

/// One part's records against the rules, each other, and what the log says of them.
class BundlePart {
  public:
    BundlePart(model::PartNo part, const Claims* claims, KeyRing& keys, Report& report)
        : part_(part),
          claims_(claims),
          content_(keys),
          report_(report),
          check_(part, report.findings, report.checked) {}

    void read(const BundleFiles::Range& range) {
        constexpr std::uint64_t kLength = sizeof(std::uint32_t);
        for (at_ = 0; at_ < range.size;) {
            const Result<Bytes> head = range.read(at_, kLength);
            const std::uint64_t length = head && head.value().size() == kLength
                                             ? load_le<std::uint32_t>(head.value().data())
                                             : kBundleRecordMax + 1;
            if (length > kBundleRecordMax || length > range.size - at_ - kLength) {
                wrong(FindingKind::tampering, "bytes that are no record stand here",
                      kMeansOtherRecord);
                return;
            }
            const Result<Bytes> body = range.read(at_ + kLength, length);
            if (!body) {
                wrong(FindingKind::unreadable, body.error().what,
                      "It could not be read to its end.");
                return;
            }
            take(body.value());
            at_ += kLength + length;
        }
    }

    /// `before`: the part of the session before this one.
    void finish(std::optional<model::PartNo> before, bool is_last) {
        at_ = 0;
        check_.finish(std::nullopt);
        compare_end();
        if (predecessor_ && *predecessor_ != (before ? before->value() : 0)) {
            wrong(FindingKind::truncation,
                  fmt::format("part {} goes on from part {}, which is not before it here",
                              part_.value(), *predecessor_),
                  "A part of the session is missing.");
        }
        if (!check_.closed()) {
            wrong(FindingKind::note,
                  fmt::format("part {} has no end here: it may have gone on", part_.value()),
                  "What came later is not shown.");
        }
        if (is_last && continues_) {
            wrong(FindingKind::note, "a later part may go on with the session",
                  "It was drained; whether it went on is not shown here.");
        }
        for (const auto& [what, left] : withheld_) {
            wrong(FindingKind::note,
                  fmt::format("withheld in {} records, {} to {}: {}", left.records, left.first,
                              left.last, what),
                  kMeansLeftOut);
        }
    }

    std::uint64_t records() const { return report_.checked.records; }

  private:
    struct LeftOut {
        std::uint64_t records = 0;
        std::uint64_t first = 0;
        std::uint64_t last = 0;
    };
    static constexpr std::size_t kLeftOutMax = 256;  ///< different ones of a part that are named

    void wrong(FindingKind kind, std::string what, const char* means) {
        report_.findings.add({kind, std::move(what), means, {part_file(part_), at_, part_, {}}});
    }

    void take(ByteView bytes) {
        const Result<BundleRecord> record = decode_record(bytes);
        const auto header = record ? decode_record_header(record.value().header)
                                   : Result<journal::FrameHeader>(fail(record.error()));
        if (!header) {
            return wrong(FindingKind::tampering, header.error().what, kMeansOtherRecord);
        }
        journal::Frame frame = journal::frame_of(header.value(), {}, {{}, 0, at_});
        const std::uint64_t sequence = frame.sequence.value();
        if (frame.part != part_ || sequence < check_.size()) {
            return wrong(FindingKind::tampering,
                         fmt::format("record {} of part {} does not belong here", sequence,
                                     frame.part.value()),
                         kMeansOtherRecord);
        }
        if (sequence == check_.size() && frame.prev_leaf != check_.last_leaf()) {
            wrong(FindingKind::tampering,
                  fmt::format("record {} does not continue the one before it", sequence),
                  kMeansOtherRecord);
        }
        add(record.value(), header.value(), frame);
    }

    void add(const BundleRecord& record, const journal::FrameHeader& header,
             journal::Frame& frame) {
        const Hash leaf = journal::leaf_of(report_.origin, header);
        const Result<ByteView> plain = content_.plain(report_.origin, record, frame);
        check_.add(frame, leaf, plain, part_file(part_));
        compare_heads();
        note_left_out(record, frame);
        if (frame.kind == model::RecordKind::open && plain) {
            learn_predecessor(plain.value());
        }
        continues_ =
            frame.kind == model::RecordKind::close && (frame.flags & journal::kFlagContinues) != 0;
    }

    void note_left_out(const BundleRecord& record, const journal::Frame& frame) {
        for (const std::string& path : left_out(record)) {
            const std::string what = std::string(model::name_of(frame.kind)) + " " + path;
            if (withheld_.size() < kLeftOutMax || withheld_.contains(what)) {
                LeftOut& left = withheld_[what];
                left.first = left.records == 0 ? frame.sequence.value() : left.first;
                left.last = frame.sequence.value();
                ++left.records;
            }
        }
    }

    void learn_predecessor(ByteView plain) {
        const auto payload = decode_payload(model::RecordKind::open, plain);
        if (payload && payload.value().observed().find("predecessor") != nullptr) {
            predecessor_ =
                static_cast<std::uint64_t>(payload.value().observed().number("predecessor", 0));
        }
    }

    void compare_heads() {
        if (claims_ == nullptr) {
            return;
        }
        for (const PartHead& head : claims_->heads) {
            if (head.size != check_.size()) {
                continue;
            }
            ++report_.checked.log_heads;
            const std::optional<Hash> root = check_.root();
            if (head.last != check_.last_leaf() || (head.root && root && *head.root != *root)) {
                wrong(FindingKind::tampering,
                      fmt::format("the first {} records of part {} are not those the log vouches "
                                  "for",
                                  head.size, part_.value()),
                      kMeansOtherRecord);
            }
        }
    }

    void compare_end() {
        if (claims_ == nullptr || !claims_->open) {
            return wrong(
                FindingKind::truncation,
                fmt::format("nothing here proves that part {} is in the log", part_.value()),
                "Nobody vouches for these records.");
        }
        if (claims_->open->leaf != check_.open_leaf() ||
            (check_.session() && *check_.session() != claims_->open->session)) {
            wrong(FindingKind::tampering,
                  fmt::format("part {} does not begin with the OPEN that the log vouches for",
                              part_.value()),
                  kMeansOtherRecord);
        }
        const std::uint64_t vouched = claims_->heads.empty() ? 1 : claims_->heads.back().size;
        if (check_.size() < vouched && !check_.is_declared(vouched - 1)) {
            wrong(FindingKind::truncation,
                  fmt::format("part {} has {} records where the log vouches for {}", part_.value(),
                              check_.size(), vouched),
                  "The end of the part was cut off.");
        }
        if (check_.size() > vouched) {
            wrong(FindingKind::disorder,
                  fmt::format("part {} has {} records, and the log vouches for {} here",
                              part_.value(), check_.size(), vouched),
                  "A bundle holds no record that is not vouched for: these may be anybody's.");
        }
        if (!check_.sealed_under(claims_->open->keys)) {
            wrong(
                FindingKind::disorder,
                fmt::format("records of part {} are sealed under a key that its OPEN does not name",
                            part_.value()),
                "Nobody the log names can read them.");
        }
        if (claims_->close && !check_.has_counts(claims_->close->counts)) {
            wrong(FindingKind::disorder,
                  fmt::format("the log counts other records of part {} than it has", part_.value()),
                  kMeansOtherRecord);
        }
    }

    const model::PartNo part_;
    const Claims* claims_;
    ContentCheck content_;
    Report& report_;
    PartCheck check_;
    std::uint64_t at_ = 0;
    std::map<std::string, LeftOut> withheld_;
    std::optional<std::uint64_t> predecessor_;
    bool continues_ = false;
};

class BundleCheck {
  public:
    BundleCheck(io::FileSystem& fs, const VerifyOptions& options, BundleFiles files)
        : options_(options),
          files_(std::move(files)),
          keys_([this](model::PartNo part, journal::KeyClass key,
                       std::span<const crypto::AgeIdentity> identities) {
              return read_key(part, key, identities);
          }),
          log_(fs, options, keys_, report_) {}

    Report run() {
        const Result<Bytes> bytes = files_.read(std::string(kManifestName), kManifestMax);
        Result<BundleManifest> manifest =
            bytes ? decode_manifest(bytes.value()) : Result<BundleManifest>(fail(bytes.error()));
        if (!manifest) {
            find(FindingKind::unreadable, manifest.error().what, "It cannot be checked.",
                 std::string(kManifestName), {});
            report_.verdict = verdict_of(report_, log_);
            return std::move(report_);
        }
        manifest_ = std::move(manifest).value();
        check_log();
        add_keys(keys_, options_.keys, report_);
        std::optional<model::PartNo> before;
        for (const model::PartNo part : manifest_.parts) {
            check_part(part, before);
            before = part;
        }
        for (const auto& [number, claims] : log_.claims()) {
            check_listed(model::PartNo(number), claims);
        }
        report_.checked.parts = manifest_.parts.size();
        report_.verdict = verdict_of(report_, log_);
        return std::move(report_);
    }

  private:
    void find(FindingKind kind, std::string what, const char* means, std::string file,
              std::optional<model::PartNo> part) {
        report_.findings.add({kind, std::move(what), means, {std::move(file), 0, part, {}}});
    }

    void check_log() {
        GivenLog given{files_.read(std::string(kBundleCheckpoint), kNoteBytesMax), {}, {}};
        if (Result<Bytes> cosigned = files_.read(std::string(kBundleCosigned), kNoteBytesMax)) {
            given.cosigned = std::move(cosigned).value();
        }
        const Result<Bytes> bytes = files_.read(std::string(kBundleExcerpt), kExcerptMax);
        Result<LogExcerpt> excerpt =
            bytes ? decode_excerpt(bytes.value()) : Result<LogExcerpt>(fail(bytes.error()));
        if (excerpt) {
            given.excerpt = std::move(excerpt).value();
        } else {
            find(FindingKind::tampering, excerpt.error().what, kMeansOtherRecord,
                 std::string(kBundleExcerpt), {});
        }
        log_.run(given);
        if (log_.readable() && report_.origin != manifest_.origin) {
            find(FindingKind::tampering, "the checkpoint is of another log than the manifest says",
                 kMeansOtherRecord, std::string(kManifestName), {});
        }
    }

    void check_part(model::PartNo part, std::optional<model::PartNo> before) {
        const auto found = log_.claims().find(part.value());
        const Claims* claims = found == log_.claims().end() ? nullptr : &found->second;
        if (claims != nullptr && claims->open) {
            check_keys(part, *claims);
            if (claims->open->session != manifest_.session) {
                find(FindingKind::tampering,
                     fmt::format("part {} is of another session than the manifest says",
                                 part.value()),
                     kMeansOtherRecord, part_file(part), part);
            }
        }
        BundlePart check(part, claims, keys_, report_);
        if (const auto range = files_.range(part_file(part))) {
            check.read(range.value());
            report_.checked.bytes += range.value().size;
        }
        check.finish(before, part == manifest_.parts.back());
        if (options_.progress) {
            options_.progress(check.records());
        }
    }

    /// Heads of an INTERVAL may be of other sessions' parts; an OPEN may not.
    void check_listed(model::PartNo part, const Claims& claims) {
        const auto& parts = manifest_.parts;
        if (claims.open && std::find(parts.begin(), parts.end(), part) == parts.end()) {
            find(FindingKind::truncation,
                 fmt::format("part {} is in the log's excerpt and not among the records",
                             part.value()),
                 "A part of the session was removed.", std::string(kManifestName), part);
        }
    }

    void check_keys(model::PartNo part, const Claims& claims) {
        for (const auto& [name, envelope] : claims.open->keys) {
            if (claims.shreds.contains(name)) {
                ++report_.checked.shredded;
                find(FindingKind::note,
                     fmt::format("the key of part {}'s {} was shredded, as the log says",
                                 part.value(), name),
                     "What it sealed cannot be read any more; that it was there still shows.", "",
                     part);
            } else if (manifest_.keys != BundleKeys::none) {
                check_key(part, name, envelope);
            }
        }
    }

    void check_key(model::PartNo part, const std::string& name, const Envelope& envelope) {
        const auto key =
            std::find_if(journal::kKeyClasses.begin(), journal::kKeyClasses.end(),
                         [&](journal::KeyClass each) { return name == journal::name_of(each); });
        if (key == journal::kKeyClasses.end()) {
            return;
        }
        const std::string file = key_file(part, *key, manifest_.keys == BundleKeys::open);
        const Result<Bytes> bytes = files_.read(file, kEnvelopeMax);
        if (!bytes) {
            return find(FindingKind::missing_key, file + " is not in the bundle",
                        "What it sealed cannot be read here.", file, part);
        }
        ++report_.checked.envelopes;
        if (manifest_.keys == BundleKeys::original &&
            crypto::sha256(bytes.value()) != envelope.sha256) {
            find(FindingKind::tampering, file + " is not the envelope that the log knows",
                 "A key was exchanged.", file, part);
        } else if (const auto held = keys_.check(report_.origin, part, *key);
                   !held && held.error().code == ErrorCode::corrupt) {
            find(FindingKind::tampering, held.error().what, "A key was exchanged.", file, part);
        }
    }

    Result<Secret> read_key(model::PartNo part, journal::KeyClass key,
                            std::span<const crypto::AgeIdentity> identities) {
        const bool open = manifest_.keys == BundleKeys::open;
        if (manifest_.keys == BundleKeys::none || (identities.empty() && !open)) {
            return fail(ErrorCode::not_found, "there is no key");
        }
        NARROWS_TRY(Bytes file, files_.read(key_file(part, key, open), kEnvelopeMax));
        if (open) {
            return Secret(std::move(file));
        }
        return crypto::age_decrypt(identities, file);
    }

    const VerifyOptions& options_;
    BundleFiles files_;
    Report report_;
    BundleManifest manifest_;
    KeyRing keys_;
    LogCheck log_;
};

/// A tlog-proof of one record.
class ProofCheck {
  public:
    ProofCheck(io::FileSystem& fs, const VerifyOptions& options)
        : keys_(fs, ""), log_(fs, options, keys_, report_) {}

    Report run(const TlogProof& proof) {
        const Result<RecordProof> extra = decode_record_proof(proof.extra);
        if (extra) {
            log_.run({to_bytes(as_bytes(proof.checkpoint)),
                      {},
                      {{{proof.index, extra.value().entry, proof.proof}}, {}}});
            check(extra.value());
        } else {
            find(FindingKind::unreadable, extra.error().what, "What it proves cannot be told.");
        }
        report_.verdict = verdict_of(report_, log_);
        return std::move(report_);
    }

  private:
    void find(FindingKind kind, std::string what, const char* means) {
        report_.findings.add({kind, std::move(what), means, {}});
    }

    void check(const RecordProof& proof) {
        const auto header = decode_record_header(proof.record.header);
        if (!header) {
            return find(FindingKind::tampering, header.error().what, kMeansOtherRecord);
        }
        const auto claims = log_.claims().find(header.value().part);
        const bool stated = claims != log_.claims().end() && !claims->second.heads.empty() &&
                            claims->second.heads.back().root;
        const Hash leaf = journal::leaf_of(report_.origin, header.value());
        if (!stated ||
            !verify_inclusion(leaf, header.value().sequence, claims->second.heads.back().size,
                              proof.path, *claims->second.heads.back().root)) {
            return find(FindingKind::tampering,
                        "the record is not proven to be in the part that the log vouches for",
                        kMeansOtherRecord);
        }
        ++report_.checked.log_heads;
        ++report_.checked.records;
        tell(proof.record, journal::frame_of(header.value(), {}, {}));
    }

    void tell(const BundleRecord& record, journal::Frame frame) {
        const Result<ByteView> plain = ContentCheck(keys_).plain(report_.origin, record, frame);
        if (!plain && plain.error().code == ErrorCode::corrupt) {
            return find(FindingKind::tampering, plain.error().what, kMeansForgedFields);
        }
        const bool allowed = (frame.flags & journal::kFlagAllowed) != 0;
        find(FindingKind::note,
             fmt::format("record {} of part {}, {}{}, was made at {} and is in the log",
                         frame.sequence.value(), frame.part.value(), model::name_of(frame.kind),
                         allowed ? ", allowed" : "", rfc3339(frame.time)),
             plain ? "What it says is shown in the proof." : "Not all it says is in the proof.");
    }

    Report report_;
    KeyRing keys_;
    LogCheck log_;
};

}  // namespace

std::optional<Report> verify_given(io::FileSystem& fs, const VerifyOptions& options) {
    auto files = BundleFiles::open(fs, options.data_dir);
    if (files) {
        return BundleCheck(fs, options, std::move(files).value()).run();
    }
    const Result<Bytes> bytes = io::read_all(fs, options.data_dir, kTlogProofMax);
    const Result<TlogProof> proof =
        bytes ? decode_tlog_proof(bytes.value()) : Result<TlogProof>(fail(bytes.error()));
    if (proof) {
        return ProofCheck(fs, options).run(proof.value());
    }
    if (files.error().code == ErrorCode::not_found || !bytes) {
        return std::nullopt;
    }
    Report report;
    report.findings.add({FindingKind::unreadable, files.error().what, "It cannot be checked.", {}});
    return report;
}

}  // namespace narrows::evidence
