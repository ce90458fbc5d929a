#include <fstream>
#include <set>

#include "apps/recording/common.h"
#include "codec/json.h"
#include "codec/text.h"
#include "evidence/payload.h"
#include "evidence/verify.h"
#include "journal/reader.h"

namespace narrows::apps {
namespace {

void print_line(std::ostream& out, codec::Map line) {
    out << codec::json_encode(codec::Value(std::move(line))) << "\n";
}

void print_frame(std::ostream& out, const std::string& origin, const journal::Frame& frame) {
    auto payload = evidence::decode_payload(frame.kind, frame.payload);
    codec::Map line{{"part", frame.part.value()},
                    {"sequence", frame.sequence.value()},
                    {"kind", model::name_of(frame.kind)},
                    {"time", rfc3339(frame.time)},
                    {"leaf", codec::hex(journal::leaf_of(origin, frame))}};
    if (payload) {
        line["payload"] = std::move(payload.value().value);
    } else {
        line["undecoded"] = to_bytes(frame.payload);
    }
    print_line(out, std::move(line));
}

void print_gap(std::ostream& out, const journal::Gap& gap) {
    print_line(out, {{"gap", journal::name_of(gap.kind)},
                     {"file", gap.file},
                     {"offset", gap.location.offset},
                     {"bytes", gap.bytes},
                     {"why", gap.why}});
}

Result<void> export_part(const std::string& directory, model::PartNo part, std::ostream& out) {
    NARROWS_TRY(journal::PartIndex index, journal::PartIndex::build(io::posix(), directory, part));
    for (const journal::Gap& gap : index.gaps()) {
        print_gap(out, gap);
    }
    for (const journal::PartIndex::Entry& entry : index.entries()) {
        NARROWS_TRY(const journal::Frame frame, index.read(entry));
        print_frame(out, index.origin(), frame);
    }
    return ok();
}

/// Every part, the system's and the lobby's too, about in the order in which things happened.
Result<void> export_all(const std::string& directory, std::ostream& out) {
    NARROWS_TRY(journal::Reader reader, journal::Reader::open(io::posix(), directory));
    // After a disk fault a record may stand in the journal twice.
    std::set<std::pair<model::PartNo, model::Sequence>> printed;
    while (true) {
        NARROWS_TRY(const std::optional<journal::Item> item, reader.next());
        if (!item) {
            return ok();
        }
        if (const auto* gap = std::get_if<journal::Gap>(&*item)) {
            print_gap(out, *gap);
        } else if (const auto& frame = std::get<journal::Frame>(*item);
                   printed.emplace(frame.part, frame.sequence).second) {
            print_frame(out, reader.origin(), frame);
        }
    }
}

Result<void> export_to(const RecordingOptions& options, std::ostream& out) {
    if (options.session.empty()) {
        NARROWS_TRY(const std::string data_dir, data_dir_of(options));
        return export_all(evidence::journal_directory(data_dir), out);
    }
    NARROWS_TRY(const Chosen chosen, choose_session(options));
    for (const model::PartNo part : chosen.session.parts) {
        NARROWS_TRY(export_part(evidence::journal_directory(chosen.data_dir), part, out));
    }
    return ok();
}

}  // namespace

int run_recording_export(const RecordingOptions& options, std::ostream& out, std::ostream& err) {
    if (options.format != "jsonl") {
        return failed({ErrorCode::invalid, "the only export format so far is jsonl"}, err);
    }
    std::ofstream file;
    if (!options.output.empty()) {
        file.open(options.output, std::ios::binary | std::ios::trunc);
    }
    std::ostream& to = options.output.empty() ? out : file;
    const Result<void> done = export_to(options, to);
    if (!done) {
        return failed(done.error(), err);
    }
    to.flush();
    return to ? kExitHeld
              : failed({ErrorCode::io, "could not write the export " + options.output}, err);
}

}  // namespace narrows::apps
