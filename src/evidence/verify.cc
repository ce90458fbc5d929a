#include "evidence/verify.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "evidence/archive_check.h"
#include "evidence/bundle_check.h"
#include "evidence/key_ring.h"
#include "evidence/log_check.h"
#include "evidence/part_check.h"
#include "evidence/record_stream.h"
#include "journal/verify.h"

namespace narrows::evidence {
namespace {

struct Meaning {
    FindingKind kind;
    const char* means;
};

Meaning meaning_of_gap(journal::Gap::Kind kind) {
    switch (kind) {
        case journal::Gap::Kind::torn_tail:
            return {FindingKind::note,
                    "The writer was interrupted, or is writing now; nothing durable follows."};
        case journal::Gap::Kind::corrupt:
            return {FindingKind::tampering, "Bytes that were durable were changed or damaged."};
        case journal::Gap::Kind::missing:
            return {FindingKind::truncation, "A file of the journal was removed."};
        case journal::Gap::Kind::quarantined:
            return {FindingKind::loss, "A damaged segment was put aside at a restart."};
    }
    return {FindingKind::tampering, ""};
}

/// What a finding of the journal means; nothing for what PartCheck judges, which knows what GAP
/// records declare and the log vouches for.
std::optional<Meaning> meaning_of(const journal::Finding& finding) {
    using Kind = journal::Finding::Kind;
    switch (finding.kind) {
        case Kind::gap:
            return meaning_of_gap(finding.gap);
        case Kind::batch:
            return Meaning{FindingKind::tampering,
                           "Records of this batch were changed, removed or exchanged."};
        case Kind::payload:
            return Meaning{FindingKind::tampering, "The record's content was changed."};
        case Kind::leaf:
            return Meaning{FindingKind::tampering,
                           "A record before this one was changed, removed or put in."};
        case Kind::absent:
            return std::nullopt;
        case Kind::duplicate:
            return Meaning{FindingKind::tampering,
                           "A record was replayed, or another was written under its number."};
        case Kind::part:
            return std::nullopt;
        case Kind::origin:
            return Meaning{FindingKind::tampering,
                           "The directory is put together from several gateways' journals."};
    }
    return std::nullopt;
}

/// The records of all parts against the rules and against what the log says of them.
class JournalCheck {
  public:
    JournalCheck(Report& report, LogCheck& log, const AbsentParts& absent)
        : report_(report), log_(log), absent_(absent) {}

    void record(const journal::Frame& frame, const Hash& leaf, const Result<ByteView>& plain) {
        if (frame.part.value() == 0) {
            ++report_.checked.records;
            return;  // the journal's own word on a disk fault; it belongs to no part
        }
        Part& part = part_of(frame.part);
        part.count(frame);
        part.check.add(frame, leaf, plain, file_of(frame.location));
        if (frame.kind == model::RecordKind::close) {
            compare_counts(part, frame.part);
        }
        compare_heads(part, frame.part);
    }

    void finish() {
        for (auto& [number, part] : parts_) {
            part->check.finish(vouched(*part));
            compare_ends(*part, model::PartNo(number));
            compare_absent(*part, model::PartNo(number));
        }
        compare_numbers();
        for (const auto& [number, claims] : log_.claims()) {
            if (!parts_.contains(number) && !is_absent(number, claims)) {
                removed(model::PartNo(number), claims);
            }
        }
        report_.checked.parts = parts_.size();
    }

  private:
    struct Part {
        Part(model::PartNo number, Report& report)
            : check(number, report.findings, report.checked) {}
        PartCheck check;
        const Claims* claims = nullptr;
        std::size_t heads = 0;  ///< how many of the log's heads are behind us
        const AbsentPart* absent = nullptr;
        bool has_open = false;
        std::uint64_t seen = 0;  ///< records that the log vouches for
        std::uint64_t lost = 0;  ///< sequences that its GAP records declare

        std::uint64_t vouched() const {
            return claims == nullptr || claims->heads.empty() ? 0 : claims->heads.back().size;
        }
        void count(const journal::Frame& frame) {
            has_open = has_open || frame.sequence.value() == 0;
            seen += frame.sequence.value() < vouched() ? 1 : 0;
            lost += declared_lost(frame);
        }
    };

    Part& part_of(model::PartNo number) {
        auto& part = parts_[number.value()];
        if (!part) {
            part = std::make_unique<Part>(number, report_);
            const auto claims = log_.claims().find(number.value());
            part->claims = claims == log_.claims().end() ? nullptr : &claims->second;
            take_absent(*part, number.value());
        }
        return *part;
    }

    /// Records that stand in absent segments explain holes; `compare_absent` counts them.
    void take_absent(Part& part, std::uint64_t number) {
        const auto absent = absent_.find(number);
        if (absent == absent_.end()) {
            return;
        }
        part.absent = &absent->second;
        for (const Stretch& stretch : absent->second.stretches) {
            part.check.reporter().excuse(stretch);
        }
    }

    /// No more may be missing than the absent segments hold.
    void compare_absent(Part& part, model::PartNo number) {
        if (part.absent == nullptr) {
            return;
        }
        const std::uint64_t missing = part.vouched() - part.seen;
        const std::uint64_t explained = part.absent->records + part.absent->lost + part.lost;
        if (missing > explained) {
            part.check.reporter().report(
                FindingKind::truncation,
                fmt::format("part {} lacks {} records, of which the archived segments hold {}",
                            number.value(), missing, explained),
                "Records were removed beside those that were archived.");
        }
    }

    /// Whether the archived segments hold all of a part.
    bool is_absent(std::uint64_t number, const Claims& claims) const {
        const auto absent = absent_.find(number);
        const std::uint64_t size = claims.heads.empty() ? 0 : claims.heads.back().size;
        return absent != absent_.end() && size <= absent->second.records + absent->second.lost;
    }

    /// How many records of the part the log vouches for; nothing if there is no log.
    std::optional<std::uint64_t> vouched(const Part& part) const {
        return log_.readable() ? std::optional(part.vouched()) : std::nullopt;
    }

    /// Of a part whose CLOSE was just added.
    void compare_counts(Part& part, model::PartNo number) {
        if (part.claims != nullptr && part.claims->close &&
            !part.check.has_counts(part.claims->close->counts)) {
            part.check.reporter().report(
                FindingKind::disorder,
                fmt::format("the log counts other records of part {} than it has", number.value()),
                "Records were removed or added after the part had been closed, or never written.");
        }
    }

    void compare_heads(Part& part, model::PartNo number) {
        if (part.claims == nullptr) {
            return;
        }
        const auto& heads = part.claims->heads;
        for (; part.heads < heads.size() && heads[part.heads].size <= part.check.size();
             ++part.heads) {
            const PartHead& head = heads[part.heads];
            if (head.size == part.check.size()) {
                compare_head(part.check, number, head);
            }
        }
    }

    void compare_head(PartCheck& check, model::PartNo number, const PartHead& head) {
        ++report_.checked.log_heads;
        const std::optional<Hash> root = check.root();
        if (head.last != check.last_leaf() || (head.root && root && *head.root != *root)) {
            check.reporter().report(
                FindingKind::tampering,
                fmt::format("the first {} records of part {} are not those the log vouches for",
                            head.size, number.value()),
                "Records were rewritten after the log had signed them.");
        }
    }

    void compare_ends(Part& part, model::PartNo number) {
        PartCheck& check = part.check;
        if (part.claims == nullptr) {
            if (log_.readable()) {
                check.reporter().report(
                    FindingKind::note,
                    fmt::format("part {} is not in the log (yet)", number.value()),
                    "Nothing outside the journal vouches for it so far.");
            }
            return;
        }
        const std::optional<OpenEntry>& open = part.claims->open;
        const bool can_tell = part.absent == nullptr || part.has_open;
        if (open && can_tell &&
            (open->leaf != check.open_leaf() ||
             (check.session() && open->session != *check.session()))) {
            check.reporter().report(
                FindingKind::tampering,
                fmt::format("part {} does not begin with the OPEN that the log vouches for",
                            number.value()),
                "Who acted, for whom or with what grants was rewritten.");
        }
        if (part.heads < part.claims->heads.size() &&
            !check.is_declared(part.claims->heads.back().size - 1)) {
            check.reporter().report(
                FindingKind::truncation,
                fmt::format("part {} has {} records where the log vouches for {}", number.value(),
                            check.size(), part.claims->heads.back().size),
                "The end of the part was cut off.");
        }
        if (open && !check.sealed_under(open->keys)) {
            check.reporter().report(
                FindingKind::disorder,
                fmt::format("records of part {} are sealed under a key that its OPEN does not name",
                            number.value()),
                "Nobody the log names can read them.");
        }
        if (part.claims->close && !check.closed() && part.heads == part.claims->heads.size()) {
            check.reporter().report(
                FindingKind::truncation,
                fmt::format("the log knows a CLOSE of part {}, the journal does "
                            "not",
                            number.value()),
                "The end of the part was cut off or exchanged.");
        }
    }

    /// Parts have dense numbers, and get into the log in their order.
    void compare_numbers() {
        std::uint64_t expected = parts_.empty() ? 0 : parts_.begin()->first;
        const std::uint64_t logged = log_.claims().empty() ? 0 : log_.claims().rbegin()->first;
        for (const auto& [number, part] : parts_) {
            if (number != expected && !are_absent(expected, number)) {
                const bool not_yet = log_.readable() && expected > logged;
                report_.findings.add(
                    {not_yet ? FindingKind::note : FindingKind::truncation,
                     fmt::format("no record of parts {} to {} is there", expected, number - 1),
                     not_yet ? "The copy was made while they were written, or nothing vouches for "
                               "them yet."
                             : "Whole parts were removed from the journal.",
                     {"journal", 0, model::PartNo(expected), {}}});
            }
            expected = number + 1;
        }
    }

    /// Whether archived segments hold something of every part in [first, end).
    bool are_absent(std::uint64_t first, std::uint64_t end) const {
        auto at = absent_.find(first);
        while (first < end && at != absent_.end() && at->first == first) {
            ++first;
            ++at;
        }
        return first == end;
    }

    void removed(model::PartNo number, const Claims& claims) {
        const std::string session = claims.open && !claims.open->session.empty()
                                        ? " of session " + claims.open->session
                                        : "";
        report_.findings.add(
            {FindingKind::truncation,
             fmt::format("part {}{} is in the log and not in the journal", number.value(), session),
             "A whole part was removed.",
             {"journal", 0, number, {}}});
    }

    Report& report_;
    LogCheck& log_;
    const AbsentParts& absent_;
    std::map<std::uint64_t, std::unique_ptr<Part>> parts_;
};

void check_chain(io::FileSystem& fs, const std::string& directory, Report& report) {
    const auto chain = journal::verify_chain(fs, directory);
    if (!chain) {
        report.findings.add({FindingKind::unreadable,
                             chain.error().what,
                             "The journal could not be read.",
                             {"journal", 0, {}, {}}});
        return;
    }
    report.checked.segments = chain.value().segments;
    report.checked.batches = chain.value().batches;
    report.checked.bytes = chain.value().bytes;
    if (chain.value().segments == 0) {
        report.findings.add({FindingKind::unreadable,
                             "the journal has no segment",
                             "There is nothing to verify.",
                             {"journal", 0, {}, {}}});
    }
    for (const journal::Finding& each : chain.value().findings) {
        if (const auto meaning = meaning_of(each)) {
            Place place{file_of(each.location), each.location.offset, {}, {}};
            if (each.part.value() != 0) {
                place.part = each.part;
                place.sequence = each.first;
            }
            report.findings.add({meaning->kind, each.what, meaning->means, std::move(place)});
        }
    }
}

}  // namespace

Verdict verdict_of(const Report& report, const LogCheck& log) {
    if (report.findings.wanting() > 0) {
        return Verdict::wanting;
    }
    if (report.findings.has(FindingKind::unreadable) ||
        (report.findings.has(FindingKind::missing_key) && report.signers.empty())) {
        return Verdict::cannot_tell;
    }
    return log.trusted() ? Verdict::verified : Verdict::consistent;
}

const char* name_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::verified:
            return "verified";
        case Verdict::consistent:
            return "consistent, not verified";
        case Verdict::wanting:
            return "found wanting";
        case Verdict::cannot_tell:
            return "could not tell";
    }
    return "could not tell";
}

void add_keys(KeyRing& keys, const std::vector<std::string>& texts, Report& report) {
    for (const std::string& text : texts) {
        const Result<void> added = keys.add(text);
        if (!added) {
            report.findings.add(
                {FindingKind::unreadable,
                 "a key that was given is no age identity file: " + added.error().what,
                 "What it should open was not looked at.",
                 {}});
        }
    }
}

std::string log_directory(const std::string& data_dir) {
    return data_dir + "/log";
}
std::string journal_directory(const std::string& data_dir) {
    return data_dir + "/journal";
}

Report verify(io::FileSystem& fs, const VerifyOptions& options) {
    if (std::optional<Report> given = verify_given(fs, options)) {
        return std::move(*given);
    }
    Report report;
    const std::string directory = journal_directory(options.data_dir);
    KeyRing keys(fs, options.data_dir);
    add_keys(keys, options.keys, report);
    LogCheck log(fs, options, keys, report);
    log.run();
    ArchiveCheck archive(fs, options, log.archived(), log.readable(), report);
    archive.run();
    check_chain(archive.journal(), directory, report);
    JournalCheck journal(report, log, archive.absent());
    const RecordStream::Sink sink{
        [&](const journal::Frame& frame, const Hash& leaf, const Result<ByteView>& plain) {
            journal.record(frame, leaf, plain);
            if (options.progress && report.checked.records % 4096 == 0) {
                options.progress(report.checked.records);
            }
        },
        [](const journal::Gap&) {}};  // reported by check_chain
    const Result<void> read =
        RecordStream::read(archive.journal(), directory, journal::Lanes::both, keys, sink);
    if (!read) {
        report.findings.add({FindingKind::unreadable,
                             read.error().what,
                             "The journal could not be read to its end.",
                             {"journal", 0, {}, {}}});
    }
    journal.finish();
    report.verdict = verdict_of(report, log);
    return report;
}

}  // namespace narrows::evidence
