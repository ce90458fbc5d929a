#include "protocols/aws/adapter/event_flow.h"

#include "codec/text.h"

namespace narrows::aws {

bool is_event_stream(const http::Headers& headers) {
    const std::string_view type = http::header(headers, "content-type");
    return codec::iequals(codec::trim(type.substr(0, type.find(';'))),
                          "application/vnd.amazon.eventstream");
}

void EventCount::add(const codec::EventMessage& message) {
    ++messages_;
    const std::string_view type = message.type();
    const auto known = types_.find(type);
    if (known != types_.end()) {
        ++known->second;
    } else {
        ++types_[types_.size() + 1 < kTypesMax ? std::string(type) : "others"];
    }
    if (message.is_failure() && exception_.empty()) {
        exception_ = type.empty() ? "unnamed" : std::string(type);
    }
}

codec::Value EventCount::events() const {
    codec::Map types;
    for (const auto& [name, count] : types_) {
        types.emplace(name, count);
    }
    return codec::Map{{"messages", messages_}, {"types", std::move(types)}};
}

EventFlow::Stretch EventFlow::follow(ByteView bytes, bool is_end) {
    decoder_.push(bytes);
    std::string why;
    while (why.empty()) {
        const auto message = decoder_.next();
        if (!message.has_value()) {
            why = message.error().what;
        } else if (!message.value()) {
            break;
        } else {
            count_.add(*message.value());
        }
    }
    if (is_end && why.empty() && !decoder_.rest().empty()) {
        why = "the event stream ends within a message";
    }
    return {why.empty() ? decoder_.taken() : decoder_.all(), why};
}

}  // namespace narrows::aws
