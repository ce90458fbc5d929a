#include <fmt/format.h>
#include <fmt/ostream.h>

#include "apps/recording/bundle_texts.h"
#include "apps/recording/common.h"
#include "codec/json.h"
#include "codec/text.h"
#include "evidence/bundle_export.h"
#include "evidence/verify.h"
#include "journal/reader.h"

namespace narrows::apps {
namespace {

using evidence::BundleKeys;

Result<void> check_evidence_usage(const RecordingOptions& options) {
    if (options.session.empty()) {
        return fail(ErrorCode::invalid, "evidence is of one session: name it, or say last");
    }
    if (options.proof && (!options.operation || options.output.empty())) {
        return fail(ErrorCode::invalid, "--proof takes --operation N and --output FILE");
    }
    if (options.evidence && options.output.empty() == options.output_dir.empty()) {
        return fail(ErrorCode::invalid,
                    "--evidence takes --output-dir FOLDER, or --output FILE for a tar of it");
    }
    const int ways = (options.recipient.empty() ? 0 : 1) + (options.open ? 1 : 0) +
                     (options.redact.empty() ? 0 : 1);
    if (options.evidence && ways > 1) {
        return fail(ErrorCode::invalid,
                    "--to, --open and --redact exclude each other: a key opens what was withheld");
    }
    return ok();
}

Result<evidence::BundleRequest> request_of(const RecordingOptions& options, const Chosen& chosen) {
    evidence::BundleRequest request{.data_dir = chosen.data_dir,
                                    .session = chosen.session.session,
                                    .parts = chosen.session.parts,
                                    .keys = BundleKeys::original,
                                    .recipient = {},
                                    .redact = options.redact,
                                    .beside = bundle_texts()};
    if (!options.recipient.empty()) {
        NARROWS_TRY(crypto::AgeRecipient recipient, crypto::parse_recipient(options.recipient));
        request.recipient = recipient;
        request.keys = BundleKeys::to;
    } else if (options.open) {
        request.keys = BundleKeys::open;
    } else if (!options.redact.empty()) {
        request.keys = BundleKeys::none;
    }
    return request;
}

Result<std::unique_ptr<evidence::BundleSink>> new_sink(const RecordingOptions& options) {
    const std::string& path = options.output_dir.empty() ? options.output : options.output_dir;
    NARROWS_TRY(const bool exists, io::posix().exists(path));
    if (exists) {
        return fail(ErrorCode::invalid,
                    path + " exists already and is not overwritten: name another, or move it");
    }
    if (options.output_dir.empty()) {
        return evidence::tar_sink(io::posix(), path);
    }
    NARROWS_TRY(io::posix().make_directory(path));
    return evidence::folder_sink(io::posix(), path);
}

void say_bundle(const RecordingOptions& options, const evidence::BundleCounts& counts,
                std::ostream& out) {
    const std::string& path = options.output_dir.empty() ? options.output : options.output_dir;
    if (options.json) {
        const codec::Map line{{"type", "export"},
                              {"format", "evidence"},
                              {"file", path},
                              {"records", counts.records},
                              {"withheld", counts.withheld},
                              {"keys", counts.keys},
                              {"keys_missing", counts.keys_missing}};
        out << codec::json_encode(line) << "\n";
        return;
    }
    fmt::print(out,
               "{} records with their proofs written to {}; {} keys, {} keys that are not there",
               counts.records, codec::printable(path), counts.keys, counts.keys_missing);
    fmt::print(out, ", {} fields or records withheld\n", counts.withheld);
}

/// The session, if all its records are here.
Result<Chosen> choose_whole(const RecordingOptions& options) {
    NARROWS_TRY(Chosen chosen, choose_session(options));
    const auto archived = chosen.away.sessions.find(chosen.session.session);
    if (archived != chosen.away.sessions.end()) {
        return fail(ErrorCode::unavailable,
                    fmt::format("records of session {} are in the archive {} alone: narrows "
                                "recording restore makes a directory that has them",
                                chosen.session.session, archived->second.store));
    }
    return chosen;
}

Result<void> export_bundle(const RecordingOptions& options, std::ostream& out) {
    NARROWS_TRY(Chosen chosen, choose_whole(options));
    NARROWS_TRY(const evidence::BundleRequest request, request_of(options, chosen));
    NARROWS_TRY(const std::unique_ptr<evidence::BundleSink> sink, new_sink(options));
    const auto counts = evidence::write_bundle(io::posix(), *chosen.keys, request, *sink);
    if (!counts) {
        sink->abandon();
        return fail(counts.error());
    }
    say_bundle(options, counts.value(), out);
    return ok();
}

/// The part of the session in which the operation began.
Result<model::PartNo> part_with(const Chosen& chosen, std::uint64_t operation) {
    for (const model::PartNo part : chosen.session.parts) {
        NARROWS_TRY(const journal::PartIndex index,
                    journal::PartIndex::build(io::posix(),
                                              evidence::journal_directory(chosen.data_dir), part));
        for (const journal::PartIndex::Entry& entry : index.entries()) {
            if (entry.sequence.value() == operation && entry.kind == model::RecordKind::intent) {
                return part;
            }
        }
    }
    return fail(ErrorCode::not_found,
                fmt::format("the session has no operation {}: `narrows recording show` names them",
                            operation));
}

Result<void> export_proof(const RecordingOptions& options, std::ostream& out) {
    NARROWS_TRY(Chosen chosen, choose_whole(options));
    NARROWS_TRY(const model::PartNo part, part_with(chosen, *options.operation));
    NARROWS_TRY(const std::string proof,
                evidence::make_record_proof(
                    io::posix(), *chosen.keys,
                    {chosen.data_dir, part, *options.operation, options.open, options.redact}));
    NARROWS_TRY(const auto file, io::posix().open(options.output, io::Mode::create_new));
    NARROWS_TRY(io::write_all(*file, as_bytes(proof), 0));
    NARROWS_TRY(file->datasync());
    fmt::print(out, "proof of operation {} in part {} written to {}\n", *options.operation,
               part.value(), codec::printable(options.output));
    return ok();
}

}  // namespace

int run_recording_evidence(const RecordingOptions& options, std::ostream& out, std::ostream& err) {
    Result<void> done = check_evidence_usage(options);
    if (done) {
        done = options.proof ? export_proof(options, out) : export_bundle(options, out);
    }
    return done ? kExitHeld : failed(done.error(), err);
}

}  // namespace narrows::apps
