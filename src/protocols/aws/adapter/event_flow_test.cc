#include "protocols/aws/adapter/event_flow.h"

#include <gtest/gtest.h>

#include "protocols/aws/catalogue/catalogue.h"

namespace narrows::aws {
namespace {

using codec::EventHeader;
using codec::EventHeaderType;

Bytes message(std::vector<std::pair<std::string, std::string>> headers, std::string payload) {
    std::vector<EventHeader> all;
    for (const auto& [name, value] : headers) {
        all.push_back({name, EventHeaderType::text, as_bytes(value)});
    }
    return codec::encode_event_message(codec::encode_event_headers(all), as_bytes(payload));
}

Bytes event(const std::string& type, const std::string& payload) {
    return message({{":message-type", "event"}, {":event-type", type}}, payload);
}

TEST(EventFlow, lets_whole_messages_on_and_keeps_the_rest) {
    const Bytes first = event("chunk", "one");
    const Bytes second = event("chunk", "two");
    Bytes arrives = first;
    append(arrives, ByteView(second).first(20));
    EventFlow flow;
    EXPECT_EQ(to_bytes(flow.follow(arrives, false).bytes), first);
    const EventFlow::Stretch rest = flow.follow(ByteView(second).subspan(20), true);
    EXPECT_EQ(to_bytes(rest.bytes), second);
    EXPECT_EQ(rest.why, "");
    EXPECT_EQ(flow.count().events().number("messages"), 2);
    EXPECT_EQ(flow.count().events().find("types")->number("chunk"), 2);
}

TEST(EventFlow, what_came_of_a_broken_stream_is_given_with_why) {
    const Bytes good = event("chunk", "one");
    Bytes bad = event("chunk", "two");
    bad[bad.size() - 6] ^= 1;
    Bytes arrives = good;
    append(arrives, bad);
    EventFlow flow;
    const EventFlow::Stretch stretch = flow.follow(arrives, false);
    EXPECT_NE(stretch.why, "");
    EXPECT_EQ(to_bytes(stretch.bytes), arrives);
}

TEST(EventFlow, an_end_within_a_message_is_no_end) {
    const Bytes good = event("chunk", "one");
    EventFlow flow;
    const EventFlow::Stretch stretch = flow.follow(ByteView(good).first(30), true);
    EXPECT_EQ(stretch.bytes.size(), 30U);
    EXPECT_NE(stretch.why, "");
}

TEST(EventFlow, the_first_exception_is_kept) {
    Bytes arrives = event("chunk", "one");
    append(arrives,
           message({{":message-type", "exception"}, {":exception-type", "throttling"}}, ""));
    append(arrives, message({{":message-type", "error"}, {":error-code", "Later"}}, ""));
    EventFlow flow;
    flow.follow(arrives, true);
    EXPECT_EQ(flow.count().exception(), "throttling");
}

TEST(EventFlow, names_without_end_are_counted_together) {
    EventFlow flow;
    for (int i = 0; i < 1000; ++i) {
        flow.follow(event("type" + std::to_string(i), ""), false);
    }
    const codec::Value events = flow.count().events();
    EXPECT_EQ(events.number("messages"), 1000);
    EXPECT_EQ(events.find("types")->as<codec::Map>()->size(), EventCount::kTypesMax);
    EXPECT_EQ(events.find("types")->number("others"),
              1001 - static_cast<int>(EventCount::kTypesMax));
}

/// Values are withheld from answers as a whole, never event by event: a model that has a secret
/// within an event needs more than this gateway does.
TEST(EventStreams, hold_no_values_that_are_withheld) {
    int streams = 0;
    for (const Service service : Catalogue::embedded().services()) {
        for (const Operation operation : service.operations()) {
            const bool answers = operation.event_stream_output();
            streams += answers ? 1 : 0;
            EXPECT_TRUE(!answers || operation.secret_outputs().empty()) << operation.name();
            EXPECT_TRUE(!operation.event_stream_input() || operation.secret_inputs().empty())
                << operation.name();
        }
    }
    EXPECT_GT(streams, 10);
}

}  // namespace
}  // namespace narrows::aws
