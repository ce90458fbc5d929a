#include "gateway/metrics.h"

#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "codec/json.h"
#include "gateway/gateway_test.h"

namespace narrows::gateway {
namespace {

using testing::Boot;
using testing::Folder;

/// The family that a sample belongs to: its own name, or a histogram's without the suffix.
std::string family_of(const std::string& sample) {
    const std::string name = sample.substr(0, sample.find_first_of("{ "));
    for (const std::string_view part : {"_bucket", "_sum", "_count"}) {
        if (name.ends_with(part)) {
            return name.substr(0, name.size() - part.size());
        }
    }
    return name;
}

TEST(Metrics, every_series_stands_under_its_help_and_its_type) {
    const Folder folder;
    Boot boot(folder);
    std::istringstream text(metrics_text(*boot.runtime));
    std::map<std::string, std::string> types;
    std::string helped;
    std::string family;
    for (std::string line; std::getline(text, line);) {
        std::istringstream words(line);
        std::string hash;
        std::string what;
        std::string name;
        words >> hash >> what >> name;
        if (what == "HELP") {
            helped = name;
        } else if (what == "TYPE") {
            EXPECT_EQ(helped, name);
            EXPECT_FALSE(types.contains(name)) << name;
            words >> types[name];
            family = name;
        } else {
            EXPECT_EQ(family_of(line), family);
        }
    }
    for (const auto& [name, type] : types) {
        EXPECT_EQ(name.ends_with("_total"), type == "counter") << name;
    }
    EXPECT_EQ(types["narrows_journal_sync_seconds"], "histogram");
    EXPECT_EQ(types["narrows_journal_room_bytes"], "gauge");
}

TEST(Health, says_whether_a_session_can_start_and_why_not) {
    const Folder folder;
    Boot boot(folder);
    codec::Value said = codec::json_decode(health(*boot.runtime).json).value();
    EXPECT_TRUE(said.truth("can_start"));
    EXPECT_EQ(said.text("why"), "");
    boot.runtime->draining = true;
    const Health now = health(*boot.runtime);
    said = codec::json_decode(now.json).value();
    EXPECT_TRUE(now.healthy);
    EXPECT_FALSE(said.truth("can_start", true));
    EXPECT_EQ(said.text("why"), "the gateway is stopping");
}

}  // namespace
}  // namespace narrows::gateway
