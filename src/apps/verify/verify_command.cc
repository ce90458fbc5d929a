#include "apps/verify/verify_command.h"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <unistd.h>

#include "codec/json.h"
#include "codec/text.h"
#include "crypto/age.h"
#include "evidence/verify.h"

namespace narrows::apps {
namespace {

using codec::printable;
using evidence::Finding;
using evidence::Report;
using evidence::Verdict;

Result<evidence::VerifyOptions> prepare(const VerifyCommand& options, std::ostream& err) {
    evidence::VerifyOptions prepared;
    prepared.data_dir = options.data_dir;
    if (options.archive.starts_with("s3://") && options.files == nullptr) {
        return fail(ErrorCode::invalid,
                    "this program has no network: --archive reads a directory. Copy the gateway's "
                    "folder first (aws s3 sync), or use narrows recording verify");
    }
    prepared.archive = options.archive;
    if (!options.trust.empty()) {
        NARROWS_TRY(const Bytes text,
                    io::read_all(io::posix(), options.trust, evidence::kTrustBytesMax));
        NARROWS_TRY(prepared.trust, evidence::parse_trust(as_text(text)));
    }
    for (const std::string& path : options.checkpoints) {
        NARROWS_TRY(const Bytes note, io::read_all(io::posix(), path, evidence::kNoteBytesMax));
        prepared.checkpoints.push_back(to_string(note));
    }
    for (const std::string& path : options.keys) {
        NARROWS_TRY(const Bytes text, io::read_all(io::posix(), path, crypto::kAgeIdentityFileMax));
        prepared.keys.push_back(to_string(text));
    }
    if (&err == &std::cerr && isatty(STDERR_FILENO) != 0) {
        prepared.progress = [&err](std::uint64_t records) {
            fmt::print(err, "\r{} records checked", records);
            err.flush();
        };
    }
    return prepared;
}

/// Keeps what concerns these parts, or no part in particular.
std::vector<Finding> findings_about(const Report& report, const std::vector<model::PartNo>& parts) {
    std::vector<Finding> kept;
    for (const Finding& each : report.findings.kept()) {
        const bool about = parts.empty() || !each.place.part ||
                           std::find(parts.begin(), parts.end(), *each.place.part) != parts.end();
        if (about) {
            kept.push_back(each);
        }
    }
    return kept;
}

/// The verdict on some of the findings. When not all findings were kept, the whole one stands.
Verdict narrowed(const Report& report, const std::vector<Finding>& findings) {
    const bool any_wanting = std::any_of(findings.begin(), findings.end(), [](const Finding& each) {
        return evidence::is_wanting(each.kind);
    });
    const bool all_kept = report.findings.count() == report.findings.kept().size();
    return report.verdict == Verdict::wanting && !any_wanting && all_kept ? Verdict::consistent
                                                                          : report.verdict;
}

codec::Value json_of(const Finding& finding) {
    const evidence::Place& place = finding.place;
    return codec::Map{
        {"type", "finding"},
        {"kind", evidence::name_of(finding.kind)},
        {"what", finding.what},
        {"means", finding.means},
        {"file", place.file},
        {"offset", place.offset},
        {"part", place.part ? codec::Value(place.part->value()) : codec::Value()},
        {"sequence", place.sequence ? codec::Value(place.sequence->value()) : codec::Value()}};
}

codec::Map counts_of(const evidence::Checked& checked) {
    return {{"segments", checked.segments},
            {"batches", checked.batches},
            {"records", checked.records},
            {"bytes", checked.bytes},
            {"parts", checked.parts},
            {"parts_open", checked.parts_open},
            {"operations", checked.operations},
            {"allowed", checked.allowed},
            {"unknown", checked.unknown},
            {"bodies", checked.bodies},
            {"withheld", checked.withheld},
            {"log_entries", checked.log_entries},
            {"log_heads", checked.log_heads},
            {"checkpoints", checked.checkpoints},
            {"envelopes", checked.envelopes},
            {"shredded", checked.shredded},
            {"reconciliations", checked.reconciliations},
            {"sealed", checked.sealed}};
}

void print_json(const Report& report, Verdict verdict, const std::vector<Finding>& findings,
                std::ostream& out) {
    for (const Finding& each : findings) {
        out << codec::json_encode(json_of(each)) << "\n";
    }
    codec::List signers(report.signers.begin(), report.signers.end());
    codec::List witnesses(report.witnesses.begin(), report.witnesses.end());
    const codec::Map last{
        {"type", "report"},
        {"verdict", evidence::name_of(verdict)},
        {"checked", counts_of(report.checked)},
        {"findings", report.findings.count()},
        {"origin", report.origin},
        {"log_size", report.log_size},
        {"signers", std::move(signers)},
        {"witnesses", std::move(witnesses)},
        {"quorum", std::uint64_t{report.quorum}},
        {"witnessed_size", report.witnessed_size},
        {"anchored_at",
         report.anchored_at == 0 ? codec::Value() : rfc3339(report.anchored_at * kNsPerSecond)}};
    out << codec::json_encode(last) << "\n";
}

std::string place_words(const evidence::Place& place) {
    std::string words = place.file;
    if (!place.file.empty() && place.offset != 0) {
        words += fmt::format(" at offset {}", place.offset);
    }
    if (place.part) {
        words += fmt::format("{}part {}", words.empty() ? "" : ", ", place.part->value());
    }
    if (place.part && place.sequence) {
        words += fmt::format(" record {}", place.sequence->value());
    }
    return words;
}

void print_witnesses(const Report& report, std::ostream& out) {
    for (const std::string& witness : report.witnesses) {
        fmt::print(out, "witnessed by {}\n", printable(witness));
    }
    if (!report.witnesses.empty()) {
        fmt::print(out,
                   "anchored up to {}: {} of {} entries; {} witnesses signed these, {} are "
                   "demanded; later entries rest on the gateway alone\n",
                   rfc3339(report.anchored_at * kNsPerSecond), report.witnessed_size,
                   report.log_size, report.witnesses.size(), report.quorum);
    }
}

void print_text(const Report& report, Verdict verdict, const std::vector<Finding>& findings,
                std::ostream& out) {
    const evidence::Checked& checked = report.checked;
    fmt::print(
        out,
        "checked {} segments, {} batches, {} records in {} parts ({} without an end yet), {} "
        "bytes\n",
        checked.segments, checked.batches, checked.records, checked.parts, checked.parts_open,
        checked.bytes);
    fmt::print(out,
               "checked {} operations, {} allowed, {} of unknown outcome; {} bodies compared\n",
               checked.operations, checked.allowed, checked.unknown, checked.bodies);
    if (checked.sealed > 0) {
        fmt::print(out,
                   "{} records are sealed and no key given here opens them: their order, links and "
                   "digests were checked, not their contents\n",
                   checked.sealed);
    }
    fmt::print(out, "checked the log {}: {} entries, {} statements about parts\n",
               printable(report.origin), checked.log_entries, checked.log_heads);
    if (checked.reconciliations > 0) {
        fmt::print(out, "the log tells of {} reconciliations with CloudTrail\n",
                   checked.reconciliations);
    }
    for (const std::string& signer : report.signers) {
        fmt::print(out, "signed by {}\n", printable(signer));
    }
    print_witnesses(report, out);
    for (const Finding& each : findings) {
        fmt::print(out, "\n{}: {}\n  {}\n", evidence::name_of(each.kind), printable(each.what),
                   printable(each.means));
        if (const std::string where = place_words(each.place); !where.empty()) {
            fmt::print(out, "  {}\n", printable(where));
        }
    }
    fmt::print(out, "\n{}\n", evidence::name_of(verdict));
    if (verdict == Verdict::consistent) {
        fmt::print(out,
                   "Give --trust FILE with a line `log VKEY` that you got from elsewhere, to know "
                   "whose recording it is.\n");
    }
}

int exit_code_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::verified:
        case Verdict::consistent:
            return kExitHeld;
        case Verdict::wanting:
            return kExitWanting;
        case Verdict::cannot_tell:
            return kExitCannotTell;
    }
    return kExitCannotTell;
}

}  // namespace

int failed(const Error& error, std::ostream& err) {
    fmt::print(err, "narrows: {}\n", printable(error.what));
    const bool usage = error.code == ErrorCode::invalid || error.code == ErrorCode::not_found;
    return usage ? kExitUsage : kExitCannotTell;
}

void add_verify_options(CLI::App* command, std::string& trust,
                        std::vector<std::string>& checkpoints, std::string& archive) {
    command->add_option("--trust", trust, "whose signatures count: a trust file");
    command->add_option("--checkpoint", checkpoints,
                        "a signed checkpoint kept from before; may be given several times");
    command->add_option("--archive", archive,
                        "the gateway's folder in an archive, or a copy of it: what was archived is "
                        "read and compared there (narrows recording verify reads s3://… too)");
}

int run_verify(const VerifyCommand& options, std::ostream& out, std::ostream& err) {
    const Result<evidence::VerifyOptions> prepared = prepare(options, err);
    if (!prepared) {
        return failed(prepared.error(), err);
    }
    io::FileSystem& files = options.files == nullptr ? io::posix() : *options.files;
    const Report report = evidence::verify(files, prepared.value());
    if (prepared.value().progress) {
        fmt::print(err, "\r{:30}\r", "");
    }
    const std::vector<Finding> findings = findings_about(report, options.parts);
    const Verdict verdict = narrowed(report, findings);
    (options.json ? print_json : print_text)(report, verdict, findings, out);
    return exit_code_of(verdict);
}

}  // namespace narrows::apps
