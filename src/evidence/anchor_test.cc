#include "evidence/anchor.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "evidence/tiles.h"

namespace narrows::evidence {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSkey =
    "PRIVATE+KEY+narrows/gw-1+f20ca31c+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

class DirectoryAnchorTest : public testing::Test {
  protected:
    DirectoryAnchorTest()
        : folder_(fs::temp_directory_path() / fmt::format("narrows-anchor-{}", ::getpid())) {
        fs::remove_all(folder_);
        fs::create_directories(folder_ / "anchor");
    }
    ~DirectoryAnchorTest() override { fs::remove_all(folder_); }

    std::unique_ptr<Log> open(const std::string& name) {
        return Log::open(io::posix(), folder_ / name, "narrows/gw-1", signer_, 1).value();
    }
    static const SignedCheckpoint& grow(Log& log, std::uint64_t entries, WallNs time = 7) {
        for (std::uint64_t i = 0; i < entries; ++i) {
            const Entry entry{time, HeartbeatEntry{}};
            EXPECT_TRUE(log.append({&entry, 1}));
        }
        EXPECT_TRUE(log.checkpoint());
        return log.signed_checkpoint();
    }
    LogView view(const std::string& name) const { return {io::posix(), folder_ / name}; }
    std::string anchored(const std::string& name) const {
        const fs::path path = folder_ / "anchor" / "narrows+gw-1" / name;
        return to_string(io::read_all(io::posix(), path, 1 << 20).value());
    }
    bool has(const std::string& name) const {
        return fs::exists(folder_ / "anchor" / "narrows+gw-1" / name);
    }

    const fs::path folder_;
    KeySigner signer_ = KeySigner::parse_skey(kSkey).value();
    ManualClock clock_{0};
    DirectoryAnchor anchor_{io::posix(), clock_, "usb", folder_ / "anchor", signer_.key()};
};

TEST_F(DirectoryAnchorTest, keeps_the_newest_and_a_history_that_is_not_written_twice) {
    const auto log = open("log");
    const std::string first = grow(*log, 4).note;
    EXPECT_EQ(anchor_.give(log->signed_checkpoint(), view("log")).value().kind,
              Anchored::Kind::held);
    EXPECT_EQ(anchored("newest"), first);
    EXPECT_EQ(anchored("history/0000/5"), first);
    const std::string second = grow(*log, 1).note;
    EXPECT_TRUE(anchor_.give(log->signed_checkpoint(), view("log")));
    EXPECT_EQ(anchored("newest"), second);
    EXPECT_FALSE(has("history/0000/6")) << "history grows by one a minute";
    clock_.advance(DirectoryAnchor::kHistoryEveryNs);
    EXPECT_TRUE(anchor_.give(log->signed_checkpoint(), view("log")));
    EXPECT_EQ(anchored("history/0000/6"), second);
    EXPECT_EQ(anchored("history/0000/5"), first);
}

TEST_F(DirectoryAnchorTest, a_log_that_was_rolled_back_is_behind) {
    const auto log = open("log");
    grow(*log, 3);
    fs::copy(folder_ / "log", folder_ / "old", fs::copy_options::recursive);
    ASSERT_TRUE(anchor_.give(grow(*log, 5), view("log")));
    const auto old = open("old");
    const Anchored said = anchor_.give(old->signed_checkpoint(), view("old")).value();
    EXPECT_EQ(said.kind, Anchored::Kind::ahead);
    EXPECT_EQ(said.known, 9u);
}

TEST_F(DirectoryAnchorTest, a_log_that_went_another_way_is_contradicted) {
    const auto log = open("log");
    grow(*log, 3);
    fs::copy(folder_ / "log", folder_ / "copy", fs::copy_options::recursive);
    ASSERT_TRUE(anchor_.give(grow(*log, 1), view("log")));
    const auto copy = open("copy");
    grow(*copy, 4, 8);
    const Anchored said = anchor_.give(copy->signed_checkpoint(), view("copy")).value();
    EXPECT_EQ(said.kind, Anchored::Kind::contradicted);
    EXPECT_EQ(said.known, 5u);
    EXPECT_EQ(anchored("newest"), log->signed_checkpoint().note);
}

TEST_F(DirectoryAnchorTest, a_log_that_lost_everything_is_behind_and_a_new_key_is_contradicted) {
    const auto log = open("log");
    ASSERT_TRUE(anchor_.give(grow(*log, 3), view("log")));
    const Note empty =
        sign_note(checkpoint_text({"narrows/gw-1", 0, empty_root(), {}}), signer_).value();
    const SignedCheckpoint nothing{{"narrows/gw-1", 0, empty_root(), {}}, note_bytes(empty)};
    EXPECT_EQ(anchor_.give(nothing, view("none")).value().kind, Anchored::Kind::ahead);
    DirectoryAnchor stranger(
        io::posix(), clock_, "usb", folder_ / "anchor",
        make_verifier_key("narrows/gw-1", KeyType::ed25519, crypto::PublicKey{}).value());
    EXPECT_EQ(stranger.give(nothing, view("none")).value().kind, Anchored::Kind::contradicted);
}

TEST_F(DirectoryAnchorTest, what_cannot_be_read_or_written_is_an_error_that_says_so) {
    const auto log = open("log");
    grow(*log, 3);
    std::ofstream(folder_ / "anchor" / "narrows+gw-1") << "a file where a folder is needed";
    EXPECT_FALSE(anchor_.give(log->signed_checkpoint(), view("log")));
    fs::remove(folder_ / "anchor" / "narrows+gw-1");
    EXPECT_TRUE(anchor_.give(log->signed_checkpoint(), view("log")));
    std::ofstream(folder_ / "anchor" / "narrows+gw-1" / "newest") << "garbage";
    EXPECT_EQ(anchor_.give(log->signed_checkpoint(), view("log")).error().code, ErrorCode::corrupt);
    fs::remove_all(folder_ / "anchor");
    const auto unmounted = anchor_.give(log->signed_checkpoint(), view("log"));
    ASSERT_FALSE(unmounted);
    EXPECT_NE(unmounted.error().what.find("mount its volume"), std::string::npos);
}

}  // namespace
}  // namespace narrows::evidence
