#include "review/event_story.h"

#include <gtest/gtest.h>

#include "codec/text.h"

namespace narrows::review {
namespace {

using codec::EventHeader;
using codec::EventHeaderType;

Bytes message(const char* kind, const char* name, const std::string& type,
              std::string_view payload) {
    const std::vector<EventHeader> headers{
        {":message-type", EventHeaderType::text, as_bytes(kind)},
        {name, EventHeaderType::text, as_bytes(type)},
        {":content-type", EventHeaderType::text, as_bytes("application/json")}};
    return codec::encode_event_message(codec::encode_event_headers(headers), as_bytes(payload));
}
Bytes event(const std::string& type, std::string_view payload) {
    return message("event", ":event-type", type, payload);
}

TEST(EventStory, small_events_of_a_type_become_one_line_until_there_is_a_pause) {
    EventStory story;
    story.add(0, event("messageStart", R"({"role":"assistant"})"));
    story.add(1 * kNsPerMs, event("delta", R"({"contentBlockIndex":0,"delta":{"text":"Hel"}})"));
    story.add(2 * kNsPerMs, event("delta", R"({"contentBlockIndex":0,"delta":{"text":"lo"}})"));
    story.add(3 * kNsPerSecond, event("delta", R"({"contentBlockIndex":0,"delta":{"text":"!"}})"));
    const auto& lines = story.lines();
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines[0].text, R"({"role":"assistant"})");
    EXPECT_EQ(lines[1].text, "Hello");
    EXPECT_EQ(lines[1].events, 2U);
    EXPECT_EQ(lines[1].time, 1 * kNsPerMs);
    EXPECT_EQ(lines[2].text, "!");
}

TEST(EventStory, what_a_model_said_is_taken_out_of_its_wrapping) {
    EventStory story;
    // printf '{"type":"x","delta":{"type":"text_delta","text":"Guten Tag"}}' | base64 -w0
    story.add(
        0,
        event(
            "chunk",
            R"({"bytes":"eyJ0eXBlIjoieCIsImRlbHRhIjp7InR5cGUiOiJ0ZXh0X2RlbHRhIiwidGV4dCI6Ikd1dGVuIFRhZyJ9fQ==","p":"ab"})"));
    EXPECT_EQ(story.lines().at(0).text, "Guten Tag");
}

// The form of https://docs.aws.amazon.com/transcribe/latest/dg/streaming-partial-results.html.
std::string transcript(const std::string& text) {
    return R"({"Transcript":{"Results":[{"Alternatives":[{"Items":[{"Content":"The","Type":)"
           R"("pronunciation"}],"Transcript":")" +
           text + R"("}],"IsPartial":true,"ResultId":"r"}]}})";
}

TEST(EventStory, what_was_transcribed_is_told_event_by_event) {
    EventStory story;
    story.add(0, event("TranscriptEvent", transcript("The")));
    story.add(1, event("TranscriptEvent", transcript("The Amazon")));
    story.add(2, event("UtteranceEvent", R"({"BeginOffsetMillis":1,"Transcript":"hello"})"));
    ASSERT_EQ(story.lines().size(), 3U);
    EXPECT_EQ(story.lines()[0].text, "The");
    EXPECT_EQ(story.lines()[1].text, "The Amazon");
    EXPECT_EQ(story.lines()[2].text, "hello");
}

TEST(EventStory, a_failure_has_a_line_of_its_own) {
    EventStory story;
    story.add(0, event("chunk", R"({"a":1})"));
    story.add(0, message("exception", ":exception-type", "throttlingException",
                         R"({"message":"slow down"})"));
    ASSERT_EQ(story.lines().size(), 2U);
    EXPECT_TRUE(story.lines()[1].is_failure);
    EXPECT_EQ(story.lines()[1].type, "throttlingException");
    EXPECT_EQ(story.lines()[1].text, R"({"message":"slow down"})");
}

TEST(EventStory, what_cannot_be_read_is_said_once) {
    EventStory story;
    Bytes bad = event("chunk", "{}");
    bad.back() ^= 1;
    story.add(0, bad);
    story.add(0, event("chunk", "{}"));
    ASSERT_EQ(story.lines().size(), 1U);
    EXPECT_EQ(story.lines()[0].type, "unreadable");
    EXPECT_TRUE(story.lines()[0].is_failure);
}

TEST(EventStory, lines_and_texts_are_bounded) {
    EventStory story;
    const std::string large(4'000, 'x');
    for (int i = 0; i < 5'000; ++i) {
        story.add(i * kNsPerSecond, event("records", large));
    }
    EXPECT_EQ(story.lines().size(), kEventLinesMax);
    std::uint64_t events = 0;
    for (const EventLine& line : story.lines()) {
        events += line.events;
        EXPECT_LE(line.text.size(), kEventTextMax);
    }
    EXPECT_EQ(events, 5'000U);
}

}  // namespace
}  // namespace narrows::review
