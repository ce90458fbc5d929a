#include "review/export.h"

#include <sstream>

#include <gtest/gtest.h>

#include "codec/json.h"
#include "evidence/store_test.h"
#include "io/faulty.h"
#include "review/csv.h"
#include "review/har.h"
#include "review/ocsf.h"
#include "review/words.h"

namespace narrows::review {
namespace {

Source reader_of(io::FileSystem& fs) {
    static std::vector<std::unique_ptr<evidence::KeyRing>> rings;
    rings.push_back(std::make_unique<evidence::KeyRing>(fs, "/data"));
    return {fs, "/data", *rings.back()};
}

namespace store = evidence::testing;
using codec::List;
using codec::Map;
using codec::Value;
using store::RecordKind;

/// What coreutils' sha256sum says of `hello ESC[2J world`.
constexpr const char* kHelloSha256 =
    "46b52e70022c48250bd952ac9a01fbbe88822c271e7be431d5951fe898a9bedd";
/// A lone surrogate as bytes, a byte that begins nothing, an escape, a NUL.
const std::string kHostile("\xED\xA0\x80 \xFF \x1b[31m \x00 end", 17);

class Exports : public ::testing::Test {
  protected:
    Exports() : made_(disk_) {}

    SessionSummary session() { return list_sessions(reader_of(disk_)).value().back(); }
    void read(Exporter& exporter, bool everything = false) {
        const RecordingSink sink{
            [&](const EventView& event) { exporter.event(event); },
            [&](const OperationView& operation) { exporter.operation(operation); },
            [&](const LossView& loss) { exporter.lost(loss); }};
        const ReadOptions options{.in_order = false, .body_bytes_max = 0, .only = {}, .body = {}};
        ASSERT_TRUE(everything ? read_everything(reader_of(disk_), options, sink)
                               : read_recording(reader_of(disk_), session(), options, sink));
        ASSERT_TRUE(exporter.finish({"nothing"}));
        counts_ = exporter.counts();
    }
    Value har(HarOptions options = {}) {
        std::ostringstream out;
        const SessionSummary summary = session();
        read(*har_exporter(out, summary, std::move(options)));
        auto document = codec::json_decode(out.str());
        EXPECT_TRUE(document) << out.str();
        return document ? *document.value().find("log") : Value();
    }
    std::vector<Value> ocsf(OcsfVersion version, bool everything = false) {
        std::ostringstream out;
        read(*ocsf_exporter(out, version), everything);
        std::vector<Value> all;
        std::istringstream lines(out.str());
        for (std::string line; std::getline(lines, line);) {
            auto event = codec::json_decode(line);
            EXPECT_TRUE(event) << line;
            all.push_back(event ? event.value() : Value());
        }
        return all;
    }
    std::vector<std::string> csv(bool everything = false) {
        std::ostringstream out;
        read(*csv_exporter(out), everything);
        std::vector<std::string> all;
        const std::string text = out.str();
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t end = text.find("\r\n", at);
            all.push_back(text.substr(at, end - at));
            at = end + 2;
        }
        return all;
    }
    static const List& entries(const Value& log) { return *log.find("entries")->as<List>(); }
    static const Value& at(const Value& value, std::initializer_list<const char*> path) {
        const Value* found = &value;
        for (const char* name : path) {
            found = &member(*found, name);
        }
        return *found;
    }
    /// An operation whose every text is hostile.
    void hostile(const std::string& text) {
        const std::uint64_t op = made_.intent("allow");
        made_.put(
            RecordKind::head,
            store::observed({{"op", op},
                             {"status", 200},
                             {"headers", List{List{"Content-Type", text}, List{text, "value"}}}}),
            store::Lane::bulk);
        made_.body(op, 0, text);
        made_.put(RecordKind::result,
                  store::observed({{"op", op},
                                   {"outcome", "cut"},
                                   {"status", 200},
                                   {"why", text},
                                   {"aws_request_id", text},
                                   {"bytes_response", text.size()},
                                   {"withheld", List{text}}}),
                  store::Lane::bulk);
    }

    io::FaultyFileSystem disk_;
    store::Store made_;
    Exporter::Counts counts_;
};

TEST_F(Exports, har_has_an_entry_an_operation_and_says_what_was_observed) {
    store::fill(made_);
    const Value log = har();
    EXPECT_EQ(log.text("version"), "1.2");
    ASSERT_EQ(entries(log).size(), 3u);
    const Value& allowed = entries(log)[0];
    EXPECT_EQ(at(allowed, {"response"}).number("status"), 200);
    EXPECT_EQ(at(allowed, {"response", "content"}).text("text"), "hello\x1b[2J world");
    EXPECT_TRUE(at(allowed, {"response"}).truth("_observed"));
    EXPECT_EQ(at(allowed, {"_narrows"}).text("session"), store::kSession);
    EXPECT_EQ(at(allowed, {"_narrows", "decision"}).text("statement"), "ReadReports");
    EXPECT_EQ(at(allowed, {"_narrows", "records"}).as<List>()->size(), 4u);
    EXPECT_EQ(at(allowed, {"_narrows"}).text("leaf").size(), 64u);
    const Value& denied = entries(log)[2];
    EXPECT_EQ(at(denied, {"response"}).number("status"), 0);
    EXPECT_FALSE(at(denied, {"response"}).truth("_observed", true));
    EXPECT_EQ(at(denied, {"response"}).text("_made_by"), "gateway");
    EXPECT_EQ(at(denied, {"request", "postData"}).text("text"), "hello");
    EXPECT_EQ(at(denied, {"_narrows"}).text("verdict"), "denied");
    EXPECT_EQ(at(log, {"_narrows", "principal"}).text("provenance"), "stated");
    EXPECT_EQ(counts_.operations, 3u);
}

TEST_F(Exports, a_large_body_is_cut_and_says_so_or_stands_beside) {
    store::fill(made_);
    const Value cut = har({.inline_max = 7, .open_body = {}});
    const Value& content = at(entries(cut)[0], {"response", "content"});
    EXPECT_EQ(content.text("text"), "hello\x1b[");
    EXPECT_EQ(content.number("size"), 15);
    EXPECT_TRUE(content.truth("_truncated"));
    EXPECT_EQ(content.text("_sha256"), kHelloSha256);
    std::string name;
    std::stringbuf file;
    const Value beside = har({.inline_max = 7, .open_body = [&](const std::string& wanted) {
                                  name = wanted;
                                  return Result<std::unique_ptr<std::ostream>>(
                                      std::make_unique<std::ostream>(&file));
                              }});
    const Value& other = at(entries(beside)[0], {"response", "content"});
    EXPECT_EQ(other.text("_file"), name);
    EXPECT_EQ(file.str(), "hello\x1b[2J world");
    EXPECT_EQ(other.text("_sha256"), kHelloSha256);
    EXPECT_EQ(other.find("text"), nullptr);
    EXPECT_EQ(counts_.bodies, 1u);
    const auto full = [](const std::string&) -> Result<std::unique_ptr<std::ostream>> {
        return fail(ErrorCode::io, "no room");
    };
    std::ostringstream out;
    const SessionSummary summary = session();
    const auto exporter = har_exporter(out, summary, {.inline_max = 7, .open_body = full});
    const RecordingSink sink{
        [](const EventView&) {}, [&](const OperationView& each) { exporter->operation(each); }, {}};
    ASSERT_TRUE(read_recording(reader_of(disk_), summary, {}, sink));
    EXPECT_FALSE(exporter->finish({}));
}

TEST_F(Exports, hostile_bytes_leave_every_format_valid_and_are_told) {
    made_.begin();
    hostile(kHostile);
    made_.close();
    made_.stop();
    const Value log = har();
    ASSERT_EQ(entries(log).size(), 1u);
    const Value& entry = entries(log)[0];
    EXPECT_TRUE(at(entry, {"_narrows"}).truth("lossy"));
    EXPECT_EQ(at(entry, {"response", "content"}).text("encoding"), "base64");
    EXPECT_EQ(at(entry, {"response", "content"}).text("text"), codec::base64(to_bytes(kHostile)));
    EXPECT_EQ(at(entry, {"response", "content", "_withheld"}).as<List>()->size(), 1u);
    EXPECT_EQ(counts_.lossy, 1u);
    const auto events = ocsf(OcsfVersion::v1_8_0);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_TRUE(at(events[0], {"unmapped"}).truth("lossy"));
    EXPECT_EQ(events[0].number("status_id"), 99);
    const auto lines = csv();
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_TRUE(lines[1].ends_with(",\"yes\""));
    for (const char c : lines[1]) {
        EXPECT_GE(static_cast<unsigned char>(c), 0x20u);
    }
    EXPECT_TRUE(codec::is_utf8(lines[1]));
}

TEST_F(Exports, texts_that_become_equal_stay_apart) {
    bool lossy = false;
    const Value clean =
        utf8(Map{{"\xFF", 1}, {"\xFE", 2}, {"ok", List{"\xC3\xA9", "\xC3"}}}, lossy);
    EXPECT_TRUE(lossy);
    EXPECT_EQ(clean.as<Map>()->size(), 3u);
    EXPECT_EQ((*clean.find("ok")->as<List>())[0], Value("\xC3\xA9"));
    EXPECT_EQ((*clean.find("ok")->as<List>())[1], Value("\xEF\xBF\xBD"));
    lossy = false;
    EXPECT_EQ(utf8(std::string_view("a\x01"), lossy), "a\x01");
    EXPECT_FALSE(lossy);
}

TEST_F(Exports, what_is_missing_shows_in_every_format) {
    made_.begin();
    made_.put(RecordKind::gap, store::observed({{"first", 40}, {"last", 44}, {"why", "torn"}}));
    made_.put(RecordKind::notice, Map{{"hearsay", 1}});
    made_.operation();
    made_.close();
    made_.stop();
    ASSERT_TRUE(disk_.remove("/data/journal/bulk-00000001.nj"));
    const Value log = har();
    EXPECT_EQ(counts_.losses, 3u);
    const List& lost = *at(log, {"_narrows", "lost"}).as<List>();
    ASSERT_EQ(lost.size(), 3u);
    EXPECT_TRUE(lost[0].truth("declared"));
    EXPECT_EQ(lost[0].number("last"), 44);
    EXPECT_EQ(lost[1].number("first"), 2);
    EXPECT_EQ(lost[2].number("first"), 4) << "SENT, HEAD, two BODY and RESULT";
    EXPECT_EQ(lost[2].number("last"), 8);
    EXPECT_FALSE(lost[2].truth("declared", true));
    EXPECT_EQ(at(entries(log)[0], {"_narrows"}).text("outcome"), "none");
    const auto events = ocsf(OcsfVersion::v1_9_0);
    ASSERT_EQ(events.size(), 4u);
    EXPECT_EQ(events[0].number("class_uid", -1), 0);
    EXPECT_EQ(events[2].number("status_id", -1), 0);
    const auto lines = csv();
    ASSERT_EQ(lines.size(), 5u);
    EXPECT_TRUE(lines[1].starts_with("\"lost\""));
}

TEST_F(Exports, ocsf_says_allowed_denied_and_how_it_ended) {
    store::fill(made_);
    const auto events = ocsf(OcsfVersion::v1_8_0);
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events[0].number("class_uid"), 6003);
    EXPECT_EQ(events[0].number("type_uid"), 600302);
    EXPECT_EQ(events[0].text("action"), "Allowed");
    EXPECT_EQ(events[0].text("status"), "Success");
    EXPECT_EQ(at(events[0], {"api", "request"}).text("uid"), "REQ1");
    EXPECT_EQ(at(events[0], {"api", "response"}).number("code"), 200);
    EXPECT_EQ((*at(events[0], {"resources"}).as<List>())[0].text("uid"), "arn:aws:s3:::reports/a");
    EXPECT_EQ(at(events[0], {"actor", "user"}).text("uid"), "reporter");
    EXPECT_EQ(events[0].find("attestation_list"), nullptr);
    EXPECT_EQ(events[1].text("disposition"), "Blocked");
    EXPECT_EQ(events[1].text("status"), "Failure");
    EXPECT_EQ(at(events[1], {"api", "response"}).find("code"), nullptr);
    const auto later = ocsf(OcsfVersion::v1_9_0);
    const auto attested = [&](std::size_t i) {
        return (*at(later[i], {"attestation_list"}).as<List>())[0];
    };
    EXPECT_EQ(at(later[0], {"metadata"}).text("version"), "1.9.0");
    EXPECT_EQ(attested(0).text("chain_uid"), store::kSession);
    EXPECT_EQ(attested(0).find("prev_event"), nullptr);
    EXPECT_EQ(at(attested(1), {"prev_event", "fingerprint"}).text("value"),
              at(attested(0), {"fingerprint"}).text("value"));
    EXPECT_EQ(at(attested(1), {"prev_event"}).text("uid"), at(later[0], {"metadata"}).text("uid"));
}

TEST_F(Exports, no_csv_field_is_a_formula) {
    made_.begin();
    for (const char* start : {"=1+1", "+1", "-1", "@SUM", "\t=1", "\r=1", "\n=1",
                              "\xEF\xBC\x9D"
                              "1"}) {
        hostile(start);
    }
    hostile("a\"b,c");
    made_.close();
    made_.stop();
    const auto lines = csv();
    ASSERT_EQ(lines.size(), 10u);
    EXPECT_NE(lines[1].find("\"'=1+1\""), std::string::npos) << lines[1];
    EXPECT_NE(lines[9].find("\"a\"\"b,c\""), std::string::npos) << lines[9];
    for (const std::string& line : lines) {
        for (const char* bad : {"\"=", "\"+", "\"-", "\"@", "\"\xEF\xBC\x9D"}) {
            EXPECT_EQ(line.find(bad), std::string::npos) << line;
        }
    }
}

TEST_F(Exports, everything_has_the_lobby_too) {
    made_.begin("");
    made_.intent("deny");
    made_.close();
    made_.begin();
    made_.operation();
    made_.close();
    made_.stop();
    EXPECT_EQ(csv().size(), 2u);
    EXPECT_EQ(csv(true).size(), 3u);
    EXPECT_EQ(ocsf(OcsfVersion::v1_8_0, true).size(), 2u);
}

TEST_F(Exports, an_operation_comes_when_it_is_over_if_order_does_not_matter) {
    made_.begin();
    const auto slow = made_.intent("allow");
    const auto quick = made_.operation();
    made_.result(slow, "");
    made_.stop();
    std::vector<std::uint64_t> order;
    const RecordingSink sink{
        [](const EventView&) {},
        [&](const OperationView& operation) { order.push_back(operation.op.value()); },
        {}};
    ReadOptions options;
    options.in_order = false;
    ASSERT_TRUE(read_recording(reader_of(disk_), session(), options, sink));
    EXPECT_EQ(order, (std::vector<std::uint64_t>{quick, slow}));
}

}  // namespace
}  // namespace narrows::review
