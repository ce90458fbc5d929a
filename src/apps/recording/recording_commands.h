#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "gateway/config/config.h"

/// `narrows recording …`, the commands that only read. Each returns the process's exit code:
/// 0 held, 1 found wanting, 2 usage, 3 could not tell.
namespace narrows::apps {

struct RecordingOptions {
    std::string data_dir;
    std::string config;   ///< TOML whose [gateway] data_dir counts if data_dir is empty
    std::string session;  ///< an id, a beginning of one, "last"; may be empty for verify
    bool json = false;
    bool bodies = false;
    std::optional<std::uint64_t> operation;
    std::string raw;  ///< file that gets the response body of `operation`
    double speed = 1;
    std::string format = "jsonl";  ///< jsonl, har, ocsf, csv
    std::string output;            ///< a new file
    std::string output_dir;        ///< a new folder: the export, and large bodies of a HAR
    std::uint64_t inline_max = std::uint64_t{1} << 20;  ///< of a body inside a HAR
    std::string ocsf_version = "1.8.0";
    bool evidence = false;            ///< export: a bundle that verifies by itself
    bool proof = false;               ///< export: a tlog-proof of `operation`
    std::string recipient;            ///< evidence: keys re-wrapped to this age recipient
    bool open = false;                ///< evidence: keys in plain; proof: fields shown
    std::vector<std::string> redact;  ///< evidence, proof: paths of fields to withhold
    std::string trust;
    std::vector<std::string> checkpoints;
    std::vector<std::string> keys;  ///< age identity files
    std::string archive;  ///< verify: the gateway's folder in an archive, or a copy; "s3://…" too
    std::string from;     ///< restore: the same
    std::string to;       ///< restore: a new data directory
    gateway::S3Place s3;  ///< how S3 is reached; bucket and prefix are in `archive` or `from`
};

int run_recording_list(const RecordingOptions& options, std::ostream& out, std::ostream& err);
int run_recording_show(const RecordingOptions& options, std::ostream& out, std::ostream& err);
int run_recording_replay(const RecordingOptions& options, std::ostream& out, std::ostream& err);
int run_recording_export(const RecordingOptions& options, std::ostream& out, std::ostream& err);
/// The same with `evidence` or `proof`.
int run_recording_evidence(const RecordingOptions& options, std::ostream& out, std::ostream& err);
int run_recording_restore(const RecordingOptions& options, std::ostream& out, std::ostream& err);
int run_recording_verify(const RecordingOptions& options, std::ostream& out, std::ostream& err);

/// Adds `recording` with its subcommands. When one is chosen, parsing runs it on standard output
/// and standard error and leaves its exit code in `exit_code`; both must outlive the parse.
void register_recording_commands(CLI::App& app, int& exit_code);

}  // namespace narrows::apps
