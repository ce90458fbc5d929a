#include "archive/archiver.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/directory_store.h"
#include "archive/ended.h"
#include "archive/layout.h"
#include "archive/restore.h"
#include "evidence/store_test.h"
#include "evidence/verify.h"
#include "io/faulty.h"

namespace narrows::archive {
namespace {

using evidence::Verdict;
using testing::Contains;
using testing::HasSubstr;

const std::string kJournal = "/data/journal";
const std::string kFolder = "/archive/" + folder_of("narrows/gw-1");

/// A directory store that keeps a diary and fails when told to.
class Diary : public DirectoryStore {
  public:
    explicit Diary(io::FileSystem& fs)
        : DirectoryStore(fs, "/archive", folder_of("narrows/gw-1")) {}
    Result<Object> put(const std::string& key, const Content& content, const crypto::Digest& sha256,
                       Keeping keeping) override {
        lines.push_back("put " + key);
        kept[key] = keeping;
        if (key.starts_with(fail_at) && !fail_at.empty()) {
            return fail(failure, "the store was told to fail");
        }
        return DirectoryStore::put(key, content, sha256, keeping);
    }
    Result<void> confirm(const Object& object, const Content& content) override {
        lines.push_back("confirm " + object.key);
        return DirectoryStore::confirm(object, content);
    }
    std::size_t count(const std::string& begin) const {
        return static_cast<std::size_t>(
            std::count_if(lines.begin(), lines.end(),
                          [&](const std::string& line) { return line.starts_with(begin); }));
    }

    std::vector<std::string> lines;
    std::map<std::string, Keeping> kept;
    std::string fail_at;
    ErrorCode failure = ErrorCode::unavailable;
};

class ArchiverTest : public testing::Test {
  protected:
    ArchiverTest() {
        fs_.set_content("/archive", {});  // this file system knows no folders, only names
        data_ = std::make_unique<evidence::testing::Store>(fs_);
        start();
    }

    /// A gateway's start: an archiver that remembers nothing.
    void start(std::uint64_t keep_local_bytes = 0) {
        Archiver::Options options{"/data", evidence::parse_vkey(evidence::testing::kVkey).value(),
                                  keep_local_bytes, 0};
        archiver_ = std::make_unique<Archiver>(
            fs_, clock_, store_, std::move(options),
            [this](evidence::SegmentEntry entry) { told_.push_back(std::move(entry)); });
    }
    /// A part that fills about `segments` segments of each lane, with an end if `ends`.
    void part(int segments, bool ends = true) {
        data_->begin();
        for (int i = 0; i < segments * 6; ++i) {
            const std::uint64_t op = data_->operation();
            (void)op;
            data_->put(model::RecordKind::notice,
                       evidence::testing::observed({{"what", "x"}, {"fill", Bytes(200'000)}}));
            data_->put(model::RecordKind::notice,
                       evidence::testing::observed({{"what", "x"}, {"fill", Bytes(200'000)}}),
                       journal::Lane::bulk);
        }
        if (ends) {
            data_->close();
        }
        data_->interval();
    }
    /// What the archiver told goes into the log, under a checkpoint.
    void sign() {
        for (evidence::SegmentEntry& entry : told_) {
            data_->add({4, std::move(entry)});
        }
        told_.clear();
        data_->checkpoint();
    }
    /// One round; why it was not whole.
    std::string round() {
        const Result<void> outcome = archiver_->round();
        return outcome.has_value() ? "" : outcome.error().what;
    }
    std::vector<std::string> here() { return fs_.list(kJournal).value(); }
    std::vector<std::string> segments_here(std::string_view lane = "") {
        std::vector<std::string> names = here();
        std::erase_if(names, [&](const std::string& name) {
            return !name.starts_with(lane) || !name.ends_with(".nj");
        });
        return names;
    }
    evidence::Report verified(const std::string& data_dir = "/data",
                              const std::string& archive = "") {
        evidence::VerifyOptions options;
        options.data_dir = data_dir;
        options.archive = archive;
        return evidence::verify(fs_, options);
    }
    static std::string words(const evidence::Report& report) {
        std::string all = evidence::name_of(report.verdict);
        for (const auto& finding : report.findings.kept()) {
            all += "\n" + finding.what;
        }
        return all;
    }
    std::string object_of(const std::string& name) {
        for (const std::string& line : store_.lines) {
            if (line.starts_with("put seg/") && line.ends_with(name)) {
                return kFolder + "/" + line.substr(4);
            }
        }
        return "";
    }
    /// Everything archived and signed, and whatever may go is gone.
    void archive_all() {
        ASSERT_EQ(round(), "");
        sign();
        ASSERT_EQ(round(), "");
    }

    io::FaultyFileSystem fs_;
    ManualClock clock_{kNsPerSecond * 1'800'000'000};
    Diary store_{fs_};
    std::unique_ptr<evidence::testing::Store> data_;
    std::unique_ptr<Archiver> archiver_;
    std::vector<evidence::SegmentEntry> told_;
};

TEST_F(ArchiverTest, nothing_goes_before_the_signed_log_says_that_it_is_archived) {
    part(2);
    part(1);
    const auto before = segments_here();
    ASSERT_GT(before.size(), 4u);
    ASSERT_EQ(round(), "");
    ASSERT_EQ(round(), "");
    EXPECT_EQ(segments_here(), before);
    EXPECT_EQ(told_.size(), before.size() - 2) << "all but the segments being written, once";
    EXPECT_EQ(archiver_->backlog().segments, before.size() - 2);

    for (evidence::SegmentEntry& entry : told_) {
        data_->add({4, entry});
    }
    ASSERT_EQ(round(), "");
    EXPECT_EQ(segments_here(), before) << "in the log, under no checkpoint yet";

    data_->checkpoint();
    store_.lines.clear();
    ASSERT_EQ(round(), "");
    EXPECT_LT(segments_here().size(), before.size());
    EXPECT_EQ(archiver_->backlog().segments, 0u);
    EXPECT_EQ(archiver_->backlog().removed, before.size() - segments_here().size());
    for (const std::string& name : before) {
        if (!std::ranges::count(segments_here(), name)) {
            EXPECT_TRUE(std::ranges::any_of(store_.lines, [&](const std::string& line) {
                return line.starts_with("confirm seg/") && line.ends_with(name);
            })) << name;
        }
    }
}

TEST_F(ArchiverTest, what_is_gone_here_is_found_by_nobody_and_comes_back) {
    part(2);
    part(1);
    archive_all();
    data_->stop();
    const evidence::Report report = verified();
    EXPECT_EQ(report.verdict, Verdict::consistent) << words(report);
    EXPECT_THAT(words(report), HasSubstr("were archived to " + kFolder));
    const evidence::Report with = verified("/data", kFolder);
    EXPECT_EQ(with.verdict, Verdict::consistent) << words(with);
    EXPECT_EQ(with.findings.count(), 0u) << words(with);
    EXPECT_GT(with.checked.records, report.checked.records);

    const auto restored = restore(store_, fs_, "/whole", {});
    ASSERT_TRUE(restored) << restored.error().what;
    EXPECT_THAT(restored.value().missing, testing::IsEmpty());
    const evidence::Report whole = verified("/whole");
    EXPECT_EQ(whole.verdict, Verdict::consistent) << words(whole);
    EXPECT_EQ(whole.checked.records, with.checked.records) << words(whole);
}

TEST_F(ArchiverTest, the_segments_of_a_part_that_goes_on_stay) {
    part(2, false);
    const auto before = segments_here();
    archive_all();
    EXPECT_EQ(segments_here(), before);
    EXPECT_EQ(archiver_->held_back_by(), std::set<std::uint64_t>{1});
}

TEST_F(ArchiverTest, the_segment_with_the_highest_part_number_stays) {
    part(2);
    data_->stop();
    data_ = std::make_unique<evidence::testing::Store>(fs_);  // goes on in new segments
    archive_all();
    EXPECT_EQ(segments_here("control").size(), 2u) << "the one being written holds no part yet";
    EXPECT_EQ(segments_here("bulk").size(), 1u);
    data_->begin();
    data_->interval();
    archive_all();
    EXPECT_EQ(segments_here("control").size(), 2u) << "a part that goes on may be lost yet";
    data_->close();
    data_->interval();
    archive_all();
    EXPECT_EQ(segments_here("control").size(), 1u);
}

TEST_F(ArchiverTest, bodies_go_though_the_control_lane_is_in_its_first_segment) {
    data_->begin();
    for (int i = 0; i < 20; ++i) {
        data_->put(model::RecordKind::notice,
                   evidence::testing::observed({{"what", "x"}, {"fill", Bytes(200'000)}}),
                   journal::Lane::bulk);
    }
    data_->close();
    data_->interval();
    ASSERT_EQ(segments_here("control").size(), 1u);
    ASSERT_GT(segments_here("bulk").size(), 2u);
    archive_all();
    EXPECT_EQ(segments_here("bulk").size(), 1u);
}

TEST_F(ArchiverTest, what_is_to_stay_here_stays) {
    part(2);
    part(1);
    start(std::uint64_t{1} << 40);
    const auto before = segments_here();
    archive_all();
    EXPECT_EQ(segments_here(), before);
}

TEST_F(ArchiverTest, a_crash_between_put_and_entry_ends_with_the_same_entry) {
    part(2);
    ASSERT_EQ(round(), "");
    const auto first = std::exchange(told_, {});
    start();
    ASSERT_EQ(round(), "");
    EXPECT_EQ(told_, first);
    sign();
    EXPECT_EQ(verified().verdict, Verdict::consistent);
}

TEST_F(ArchiverTest, a_crash_between_entry_and_removal_ends_with_the_removal) {
    part(2);
    part(1);
    ASSERT_EQ(round(), "");
    sign();
    const auto before = segments_here();
    store_.lines.clear();
    start();
    ASSERT_EQ(round(), "");
    EXPECT_EQ(store_.count("put seg/"), 0u);
    EXPECT_THAT(told_, testing::IsEmpty());
    EXPECT_LT(segments_here().size(), before.size());
}

TEST_F(ArchiverTest, a_store_that_fails_keeps_everything_here) {
    part(2);
    for (const char* at : {"seg/", "live/", "tlog/tile", "tlog/checkpoints"}) {
        store_.fail_at = at;
        EXPECT_FALSE(archiver_->round().has_value()) << at;
        sign();
    }
    const auto before = segments_here();
    EXPECT_TRUE(fs_.exists(kJournal + "/control-00000001.nj").value());
    store_.fail_at = "";
    archive_all();
    EXPECT_LE(segments_here().size(), before.size());
    EXPECT_EQ(verified("/data", kFolder).verdict, Verdict::consistent);
}

TEST_F(ArchiverTest, an_object_with_other_bytes_is_refused_and_nothing_goes) {
    part(2);
    const auto facts = read_segment(fs_, kJournal, {journal::Lane::control, 1}).value();
    const std::string key = segment_key({journal::Lane::control, 1}, facts.created);
    ASSERT_TRUE(fs_.make_directory(io::directory_of(kFolder + "/" + key)).has_value());
    fs_.set_content(kFolder + "/" + key, to_bytes("something else"));
    const auto before = segments_here();
    const auto outcome = archiver_->round();
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code, ErrorCode::conflict);
    EXPECT_THAT(told_, testing::Not(Contains(
                           testing::Field(&evidence::SegmentEntry::name, "control-00000001.nj"))));
    EXPECT_EQ(segments_here(), before);
    EXPECT_EQ(as_text(fs_.content(kFolder + "/" + key)), "something else");
}

TEST_F(ArchiverTest, an_object_that_is_gone_or_changed_keeps_the_local_copy) {
    part(2);
    part(1);
    ASSERT_EQ(round(), "");
    sign();
    const std::string object = object_of("control-00000001.nj");
    const Bytes saved = fs_.content(object);
    Bytes changed = saved;
    changed[5'000] ^= 1;
    fs_.set_content(object, changed);
    EXPECT_EQ(archiver_->round().error().code, ErrorCode::conflict);
    EXPECT_TRUE(fs_.exists(kJournal + "/control-00000001.nj").value());
    ASSERT_TRUE(fs_.remove(object).has_value());
    EXPECT_FALSE(archiver_->round().has_value());
    EXPECT_TRUE(fs_.exists(kJournal + "/control-00000001.nj").value());
}

TEST_F(ArchiverTest, a_local_copy_that_was_changed_since_is_not_removed) {
    part(2);
    part(1);
    ASSERT_EQ(round(), "");
    sign();
    Bytes bytes = fs_.content(kJournal + "/control-00000001.nj");
    bytes[4'500] ^= 1;
    start();
    fs_.set_content(kJournal + "/control-00000001.nj", bytes);
    EXPECT_FALSE(archiver_->round().has_value());
    EXPECT_TRUE(fs_.exists(kJournal + "/control-00000001.nj").value());
}

TEST_F(ArchiverTest, another_log_in_the_store_is_refused) {
    part(1);
    ASSERT_EQ(round(), "");
    fs_.set_content(kFolder + "/tlog/checkpoint", to_bytes("not signed by anybody"));
    start();
    EXPECT_EQ(archiver_->round().error().code, ErrorCode::conflict);
}

TEST_F(ArchiverTest, what_verify_finds_of_an_archive) {
    part(2);
    part(1);
    archive_all();
    data_->stop();
    const std::string object = object_of("control-00000001.nj");
    const Bytes saved = fs_.content(object);
    ASSERT_TRUE(fs_.remove(object).has_value());
    evidence::Report report = verified("/data", kFolder);
    EXPECT_EQ(report.verdict, Verdict::wanting);
    EXPECT_THAT(words(report), HasSubstr("the archive has no object"));
    Bytes changed = saved;
    changed.back() ^= 1;
    fs_.set_content(object, changed);
    report = verified("/data", kFolder);
    EXPECT_EQ(report.verdict, Verdict::wanting);
    EXPECT_THAT(words(report), HasSubstr("SHA-256"));

    const auto lowest = segments_here().front();
    ASSERT_TRUE(fs_.remove(kJournal + "/" + lowest).has_value());
    EXPECT_EQ(verified().verdict, Verdict::wanting) << "one that no entry calls archived, or more "
                                                       "than the entries explain";
}

TEST_F(ArchiverTest, no_more_may_be_missing_than_the_log_says_was_archived) {
    part(2);
    part(1);
    ASSERT_EQ(round(), "");
    for (evidence::SegmentEntry& entry : told_) {
        if (entry.name == "control-00000001.nj") {
            --entry.parts.at(0).records;
        }
    }
    sign();
    ASSERT_EQ(round(), "");
    data_->stop();
    ASSERT_FALSE(fs_.exists(kJournal + "/control-00000001.nj").value());
    EXPECT_EQ(verified().verdict, Verdict::wanting);
    EXPECT_THAT(words(verified()), HasSubstr("part 1 of session"));
}

TEST_F(ArchiverTest, a_lost_machine_loses_what_came_after_the_last_round) {
    part(1);
    data_->begin();
    data_->operation();
    data_->interval();
    ASSERT_EQ(round(), "");
    const auto restored = restore(store_, fs_, "/whole", {});
    ASSERT_TRUE(restored) << restored.error().what;
    const evidence::Report report = verified("/whole");
    EXPECT_EQ(report.verdict, Verdict::consistent) << words(report);
    EXPECT_EQ(report.checked.parts, 2u);
}

TEST_F(ArchiverTest, key_files_go_apart_and_are_kept_less_long) {
    ASSERT_TRUE(fs_.make_directory("/data/keys").has_value());
    fs_.set_content("/data/keys/00000001.operations.age", to_bytes("age"));
    part(1);
    ASSERT_EQ(round(), "");
    EXPECT_EQ(store_.kept.at("keys/00000001.operations.age"), Keeping::minimum);
    const std::string segment = object_of("control-00000001.nj").substr(kFolder.size() + 1);
    EXPECT_EQ(store_.kept.at(segment), Keeping::locked);
    store_.lines.clear();
    start();
    ASSERT_EQ(round(), "");
    EXPECT_EQ(store_.count("put keys/"), 0u) << "the store lists it";
}

TEST_F(ArchiverTest, an_envelope_that_the_signed_log_calls_shredded_goes_and_stays_away) {
    const std::string here = "/data/keys/00000001.bodies.age";
    const std::string there = kFolder + "/keys/00000001.bodies.age";
    ASSERT_TRUE(fs_.make_directory("/data/keys").has_value());
    fs_.set_content(here, to_bytes("age"));
    fs_.set_content("/data/keys/00000001.operations.age", to_bytes("age"));
    part(1);
    ASSERT_EQ(round(), "");
    EXPECT_TRUE(fs_.exists(there).value());
    data_->add(
        {5, evidence::ShredEntry{
                model::PartNo(1), evidence::testing::kSession, "bodies", {}, "operator", "over"}});
    ASSERT_EQ(round(), "");
    EXPECT_TRUE(fs_.exists(there).value()) << "that entry is not signed yet";
    sign();
    ASSERT_EQ(round(), "");
    EXPECT_FALSE(fs_.exists(there).value());
    EXPECT_TRUE(fs_.exists(kFolder + "/keys/00000001.operations.age").value());
    start();
    ASSERT_EQ(round(), "");
    EXPECT_FALSE(fs_.exists(there).value()) << "though it is still here";
}

TEST_F(ArchiverTest, parts_that_ended_are_told_by_the_log) {
    part(1);
    data_->begin();
    data_->interval();
    EXPECT_EQ(ended_parts(fs_, "/data", {1, 2, 9}).value(), std::set<std::uint64_t>{1});
    EXPECT_EQ(ended_parts(fs_, "/nowhere", {}).value(), std::set<std::uint64_t>{});
}

TEST(Layout, keys_are_what_the_format_says) {
    EXPECT_EQ(folder_of("narrows/gw-1"), "v1/narrows+gw-1");
    EXPECT_EQ(segment_key({journal::Lane::bulk, 12}, 1'795'435'200'123'000'000),
              "seg/bulk/2026/11/23/bulk-00000012.nj");
    const LivePiece piece{{journal::Lane::control, 3}, 4096, 1'048'576};
    EXPECT_EQ(live_key(piece), "live/control-00000003.nj.000000004096-000001048576");
    ASSERT_TRUE(parse_live_key(live_key(piece)));
    EXPECT_EQ(parse_live_key(live_key(piece))->to, 1'048'576u);
    for (const char* wrong : {"live/", "live/control-3.nj.000000004096-000001048576",
                              "live/control-00000003.nj.4096-1048576", "live/x.nj.1-2",
                              "live/control-00000003.nj.000000004096-000000000001",
                              "seg/control-00000003.nj.000000004096-000001048576"}) {
        EXPECT_FALSE(parse_live_key(wrong)) << wrong;
    }
    EXPECT_EQ(checkpoint_key(12'345), "tlog/checkpoints/000000012345");
    EXPECT_EQ(parse_checkpoint_key("tlog/checkpoints/000000012345"), 12'345u);
    EXPECT_FALSE(parse_checkpoint_key("tlog/checkpoints/12345"));
}

}  // namespace
}  // namespace narrows::archive
