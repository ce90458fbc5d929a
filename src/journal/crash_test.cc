#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "journal/store_test.h"
#include "journal/verify.h"

namespace narrows::journal::testing {
namespace {

using model::RecordKind;
using Key = std::pair<std::uint64_t, std::uint64_t>;

enum class Crash { kill, power_cut, torn_power_cut };

/// What a run was told before it died.
struct Told {
    std::map<Key, std::string> appended;
    std::map<std::pair<std::uint64_t, Lane>, std::vector<Key>> order;  ///< by part and lane
    std::set<Key> held;
    std::set<Key> durable;
};

class Run {
  public:
    explicit Run(io::FaultyFileSystem& fs) : fs_(fs) {}

    /// Two parts, both lanes, all kinds of waiting; ends early when the disk dies.
    Told work() {
        auto opened = open(fs_);
        if (!opened) {
            return std::move(told_);
        }
        Journal& journal = *opened.value().journal;
        const auto first = journal.begin_part();
        const auto second = journal.begin_part();
        append(journal, *first, Lane::control, RecordKind::open, 100, Await::durable);
        append(journal, *second, Lane::control, RecordKind::open, 100, Await::held);
        for (int i = 0; i < 6; ++i) {
            append(journal, *first, Lane::control, RecordKind::intent, 5'000, Await::durable);
            append(journal, *second, Lane::bulk, RecordKind::body, 90'000, Await::none);
            append(journal, *first, Lane::control, RecordKind::sent, 10, Await::none);
            append(journal, *first, Lane::bulk, RecordKind::body, 200'000, Await::held);
            append(journal, *second, Lane::bulk, RecordKind::body, 70, Await::durable);
            append(journal, *first, Lane::control, RecordKind::result, 100'000, Await::held);
        }
        append(journal, *first, Lane::control, RecordKind::close, 1, Await::durable);
        return std::move(told_);
    }

  private:
    void append(Journal& journal, Part& part, Lane lane, RecordKind kind, std::size_t size,
                Await await) {
        Outcome outcome;
        const std::string payload(size, static_cast<char>('a' + count_++ % 26));
        const auto appended = journal.append(part, lane, kind, to_bytes(payload), await,
                                             await == Await::none ? nullptr : &outcome);
        if (!appended) {
            return;
        }
        const Key key = {appended.value().part.value(), appended.value().sequence.value()};
        told_.appended[key] = payload;
        told_.order[{key.first, lane}].push_back(key);
        if (await != Await::none && outcome.wait()) {
            told_.held.insert(key);
            if (await == Await::durable) {
                told_.durable.insert(key);
            }
        }
    }

    io::FaultyFileSystem& fs_;
    Told told_;
    int count_ = 0;
};

void check(const Told& told, Crash crash, io::FaultyFileSystem& fs) {
    auto opened = open(fs);
    ASSERT_TRUE(opened) << opened.error().what;
    const Stored stored = read_store(fs);
    for (const Key& key : crash == Crash::kill ? told.held : told.durable) {
        EXPECT_TRUE(stored.payloads.contains(key)) << key.first << ":" << key.second;
    }
    for (const auto& [key, payload] : stored.payloads) {
        if (key.first == 0) {
            continue;  // the journal's own declaration of a fault
        }
        const auto known = told.appended.find(key);
        ASSERT_TRUE(known != told.appended.end()) << "invented " << key.first;
        EXPECT_TRUE(known->second == payload) << key.first << ":" << key.second;
    }
    for (const auto& [where, keys] : told.order) {
        bool ended = false;
        for (const Key& key : keys) {
            const bool is_there = stored.payloads.contains(key);
            EXPECT_FALSE(crash == Crash::kill && ended && is_there) << "no prefix of a lane";
            ended = ended || !is_there;
        }
    }
    for (const PartReport& part : opened.value().report.parts) {
        for (const Range& range : part.missing) {
            for (auto at = range.first; at <= range.last; at = at.next()) {
                EXPECT_FALSE(told.durable.contains({part.part.value(), at.value()}));
            }
        }
    }
    const auto part = opened.value().journal->begin_part();
    EXPECT_TRUE(put(*opened.value().journal, *part, Lane::control, RecordKind::open, "again"));
    const ChainReport report = verify_chain(fs, kDirectory).value();
    for (const Finding& finding : report.findings) {
        EXPECT_TRUE(finding.kind == Finding::Kind::absent) << finding.what;
    }
}

/// The disk dies at every operation of the workload in turn.
void matrix(Crash crash) {
    for (std::uint64_t cut = 1;; ++cut) {
        io::FaultyFileSystem fs;
        fs.set_faults({.die_at = cut});
        const Told told = Run(fs).work();
        const bool reached = fs.operations() >= cut;
        if (crash == Crash::kill) {
            fs.kill();
        } else {
            fs.power_cut(crash == Crash::torn_power_cut ? cut : 0);
        }
        SCOPED_TRACE("died at operation " + std::to_string(cut));
        check(told, crash, fs);
        if (::testing::Test::HasFailure() || !reached) {
            return;
        }
    }
}

TEST(Crash, kill_leaves_a_prefix_of_every_lane) {
    matrix(Crash::kill);
}
TEST(Crash, power_cut_keeps_what_was_acknowledged) {
    matrix(Crash::power_cut);
}
TEST(Crash, torn_writes_are_cut_and_kept_aside) {
    matrix(Crash::torn_power_cut);
}

// What a restart finds it builds upon: the next segment says that these batches were durable. They
// must be so, wherever an earlier restart died, or a later power cut would look like tampering.
TEST(Crash, what_a_restart_found_survives_a_power_cut) {
    for (std::uint64_t death = 1; death < 40; ++death) {
        io::FaultyFileSystem fs;
        {
            auto opened = open(fs).value();
            const auto part = opened.journal->begin_part();
            ASSERT_TRUE(put(*opened.journal, *part, Lane::control, RecordKind::open, "a"));
            ASSERT_TRUE(
                put(*opened.journal, *part, Lane::bulk, RecordKind::body, "b", Await::held));
            fs.kill();
        }
        fs.set_faults({.die_at = fs.operations() + death});
        (void)open(fs);
        fs.kill();
        ASSERT_TRUE(open(fs));
        fs.power_cut();
        SCOPED_TRACE("the first restart died at operation " + std::to_string(death));
        const auto again = open(fs);
        ASSERT_TRUE(again) << again.error().what;
        EXPECT_EQ(read_store(fs).payloads.size(), 2u);
    }
}

TEST(Crash, a_torn_tail_is_reported_and_kept) {
    io::FaultyFileSystem fs;
    {
        auto opened = open(fs).value();
        const auto part = opened.journal->begin_part();
        ASSERT_TRUE(put(*opened.journal, *part, Lane::control, RecordKind::open, "a"));
    }
    const std::string path = kDirectory + "/control-00000001.nj";
    Bytes bytes = fs.content(path);
    append(bytes, "half a batch");
    fs.set_content(path, bytes);
    const auto opened = open(fs).value();
    ASSERT_EQ(opened.report.gaps.size(), 1u);
    EXPECT_EQ(opened.report.gaps[0].kind, Gap::Kind::torn_tail);
    EXPECT_EQ(opened.report.gaps[0].location.offset, 8192u);
    EXPECT_EQ(fs.content(path + ".torn"), to_bytes("half a batch"));
    EXPECT_EQ(verify_chain(fs, kDirectory).value().findings_total, 0u);
}

}  // namespace
}  // namespace narrows::journal::testing
