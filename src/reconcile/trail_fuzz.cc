#include <cstdlib>
#include <string>
#include <vector>

#include "base/rfc3339.h"
#include "reconcile/actors.h"
#include "reconcile/digest.h"
#include "reconcile/events.h"
#include "reconcile/follower.h"
#include "reconcile/inflate.h"
#include "reconcile/names.h"

using namespace narrows;
using namespace narrows::reconcile;

namespace {

/// The events that a log cuts into, fed in pieces of `size`; then whether it was whole.
std::vector<std::string> events_in(std::string_view text, std::size_t size) {
    std::vector<std::string> events;
    EventSplitter splitter([&](std::string_view event) -> Result<void> {
        events.emplace_back(event);
        if (const auto read = read_event(event); read.has_value()) {
            static_cast<void>(made_by(making_of(read.value())));
            static_cast<void>(sets_off(making_of(read.value())));
            static_cast<void>(receivers_of(read.value()));
            static_cast<void>(tag_actors_of(read.value()));
        }
        return ok();
    });
    Result<void> fed = ok();
    for (std::size_t at = 0; at < text.size() && fed.has_value(); at += size) {
        fed = splitter.feed(text.substr(at, size));
    }
    events.emplace_back(fed.has_value() && splitter.finish().has_value() ? "whole" : "not whole");
    return events;
}

}  // namespace

/// A file of a trail, packed or not, whatever it is said to be. How it comes in makes no
/// difference.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    if (events_in(as_text(bytes), size + 1) != events_in(as_text(bytes), 3)) std::abort();
    static_cast<void>(parse_digest(as_text(bytes)));
    static_cast<void>(PublicKeys::parse(as_text(bytes)));
    static_cast<void>(parse_file_name(as_text(bytes)));
    static_cast<void>(parse_rfc3339(as_text(bytes)));
    static_cast<void>(principal_of(as_text(bytes)));
    static_cast<void>(web_actors("1:role/r", as_text(bytes)));
    if (const auto answer = read_answer(as_text(bytes)); answer.has_value()) {
        const codec::Value none;
        static_cast<void>(made_by({"ec2", "RunInstances", "1", "r", none, answer.value()}));
    }
    Inflater inflater(1 << 20, [](ByteView) -> Result<void> { return ok(); });
    if (inflater.feed(bytes).has_value()) static_cast<void>(inflater.finish());
    return 0;
}
