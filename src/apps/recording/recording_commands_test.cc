#include "apps/recording/recording_commands.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "codec/json.h"
#include "evidence/store_test.h"

namespace narrows::apps {
namespace {

namespace fs = std::filesystem;
namespace store = evidence::testing;

class RecordingCommands : public ::testing::Test {
  protected:
    RecordingCommands()
        : folder_(fs::temp_directory_path() / fmt::format("narrows-recording-{}", ::getpid())) {
        fs::remove_all(folder_);
        options_.data_dir = folder_ / "data";
        store::Store made(io::posix(), options_.data_dir);
        store::fill(made);
        options_.session = "last";
    }
    ~RecordingCommands() override { fs::remove_all(folder_); }

    int run(int (*command)(const RecordingOptions&, std::ostream&, std::ostream&)) {
        out_.str("");
        err_.str("");
        return command(options_, out_, err_);
    }
    bool says(std::string_view words) const { return out_.str().find(words) != std::string::npos; }
    std::vector<codec::Value> lines() const {
        std::vector<codec::Value> all;
        std::istringstream in(out_.str());
        for (std::string line; std::getline(in, line);) {
            all.push_back(codec::json_decode(line).value());
        }
        return all;
    }

    fs::path folder_;
    RecordingOptions options_;
    std::ostringstream out_;
    std::ostringstream err_;
};

TEST_F(RecordingCommands, list_has_one_line_a_session) {
    EXPECT_EQ(run(run_recording_list), 0);
    EXPECT_TRUE(says(store::kSession));
    EXPECT_TRUE(says("complete"));
    options_.json = true;
    EXPECT_EQ(run(run_recording_list), 0);
    ASSERT_EQ(lines().size(), 1u);
    EXPECT_EQ(lines()[0].number("allowed"), 1);
    EXPECT_EQ(lines()[0].number("denied"), 2);
    EXPECT_EQ(lines()[0].find("agent")->text("provenance"), "verified");
    EXPECT_EQ(lines()[0].find("principal")->text("provenance"), "stated");
}

TEST_F(RecordingCommands, show_reads_like_a_story_and_no_hostile_byte_gets_through) {
    options_.bodies = true;
    EXPECT_EQ(run(run_recording_show), 0) << err_.str();
    for (const char* words :
         {"reporter (verified)", "weekly report (attested)", "(stated)", "reports-ro",
          "s3:GetObject", "arn:aws:s3:::reports/a", "ReadReports", "request id REQ1", "1.5 ms",
          "denied", "What this recording cannot show", "The agent had no other way to AWS."}) {
        EXPECT_TRUE(says(words)) << words << "\n" << out_.str();
    }
    EXPECT_EQ(out_.str().find('\x1b'), std::string::npos);
    EXPECT_EQ(out_.str().find('\x07'), std::string::npos);
}

TEST_F(RecordingCommands, a_signature_that_nobody_checked_is_no_anchor) {
    std::ofstream(fs::path(options_.data_dir) / "log" / "checkpoint", std::ios::app)
        << "\u2014 witness.example.com/w AAAAAAAAAAAAAAAA\n";
    EXPECT_EQ(run(run_recording_show), 0) << err_.str();
    EXPECT_TRUE(says("no outside anchor")) << out_.str();
}

TEST_F(RecordingCommands, one_operation_in_full_and_its_body_to_a_file) {
    options_.operation = 1;
    EXPECT_EQ(run(run_recording_show), 0);
    EXPECT_TRUE(says("SENT"));
    EXPECT_FALSE(says("denied s3"));
    options_.raw = folder_ / "body";
    EXPECT_EQ(run(run_recording_show), 0);
    std::ifstream file(options_.raw, std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    EXPECT_EQ(bytes.str(), "hello\x1b[2J world");
    options_.raw.clear();
    options_.operation = 77;
    EXPECT_EQ(run(run_recording_show), 2);
}

TEST_F(RecordingCommands, json_lines_name_their_type) {
    options_.json = true;
    EXPECT_EQ(run(run_recording_show), 0);
    const auto all = lines();
    EXPECT_EQ(all.front().text("type"), "session");
    EXPECT_EQ(all.back().text("type"), "cannot_show");
    EXPECT_EQ(std::count_if(all.begin(), all.end(),
                            [](const auto& line) { return line.text("type") == "operation"; }),
              3);
}

TEST_F(RecordingCommands, replay_paces_and_export_has_every_record) {
    options_.speed = 1e9;
    EXPECT_EQ(run(run_recording_replay), 0);
    options_.speed = 0;
    EXPECT_EQ(run(run_recording_replay), 2);
    EXPECT_EQ(run(run_recording_export), 0);
    EXPECT_EQ(lines().size(), 10u);
    EXPECT_EQ(lines()[0].text("kind"), "OPEN");
    EXPECT_EQ(lines()[9].text("kind"), "CLOSE");
    EXPECT_EQ(lines()[0].text("leaf").size(), 64u);
    options_.output = folder_ / "export";
    EXPECT_EQ(run(run_recording_export), 0);
    EXPECT_GT(fs::file_size(options_.output), 1000u);
    options_.output.clear();
    options_.session.clear();
    EXPECT_EQ(run(run_recording_export), 0);
    EXPECT_GT(lines().size(), 10u) << "the system's and the lobby's parts too";
    options_.format = "xml";
    EXPECT_EQ(run(run_recording_export), 2);
}

TEST_F(RecordingCommands, verify_says_what_it_checked_and_exits_by_its_verdict) {
    EXPECT_EQ(run(run_recording_verify), 0) << out_.str();
    EXPECT_TRUE(says("consistent, not verified"));
    options_.trust = folder_ / "trust";
    std::ofstream(options_.trust) << "log " << store::kVkey << "\n";
    EXPECT_EQ(run(run_recording_verify), 0);
    EXPECT_TRUE(says("\nverified\n"));
    options_.json = true;
    EXPECT_EQ(run(run_recording_verify), 0);
    EXPECT_EQ(lines().back().text("verdict"), "verified");
    std::ofstream(options_.data_dir + "/log/checkpoint") << "nonsense";
    EXPECT_EQ(run(run_recording_verify), 1);
    EXPECT_EQ(lines().front().text("kind"), "tampering");
    fs::remove(options_.data_dir + "/log/checkpoint");
    EXPECT_EQ(run(run_recording_verify), 3);
}

TEST_F(RecordingCommands, usage_errors_say_what_to_do) {
    options_.session = "ns-nobody";
    EXPECT_EQ(run(run_recording_show), 2);
    EXPECT_NE(err_.str().find("recording list"), std::string::npos);
    options_.session = "abcd";
    EXPECT_EQ(run(run_recording_show), 0);
    options_.data_dir.clear();
    EXPECT_EQ(run(run_recording_list), 2);
    options_.config = folder_ / "narrows.toml";
    std::ofstream(options_.config) << "[gateway]\ndata_dir = \"data\"\n";
    EXPECT_EQ(run(run_recording_list), 0);
    std::ofstream(options_.config) << "[gateway\n";
    EXPECT_EQ(run(run_recording_list), 2);
    options_.trust = folder_ / "none";
    EXPECT_EQ(run(run_recording_verify), 2);
}

TEST_F(RecordingCommands, register_runs_the_chosen_command) {
    CLI::App app;
    int exit_code = -1;
    register_recording_commands(app, exit_code);
    app.parse(fmt::format("recording export last --data-dir {} --output {}", options_.data_dir,
                          (folder_ / "out").string()));
    EXPECT_EQ(exit_code, 0);
}

}  // namespace
}  // namespace narrows::apps
