#include "review/event_story.h"

#include <algorithm>

#include "codec/json.h"
#include "codec/text.h"

namespace narrows::review {
namespace {

using codec::Value;

constexpr std::size_t kSmallPayload = 1024;
constexpr std::size_t kReadAsJsonMax = 256 * 1024;
constexpr WallNs kPause = kNsPerSecond;

/// Every member of the name that is a text, in order.
void collect_text(const Value& value, std::string_view wanted, std::string& out) {
    if (const auto* list = value.as<codec::List>()) {
        for (const Value& each : *list) {
            collect_text(each, wanted, out);
        }
    }
    const auto* map = value.as<codec::Map>();
    for (const auto& [name, each] : map == nullptr ? codec::Map{} : *map) {
        const auto* text = each.as<std::string>();
        if (name == wanted && text != nullptr) {
            out += *text;
        } else {
            collect_text(each, wanted, out);
        }
    }
}

std::string words_of(ByteView payload, bool wrapped = false);

std::string document_words(const Value& value, bool wrapped) {
    const std::string inner = value.text("bytes");
    const auto bytes = codec::unbase64(inner);
    if (!wrapped && bytes && !bytes.value().empty()) {
        return words_of(bytes.value(), true);  // Bedrock wraps what a model says: {"bytes": base64}
    }
    std::string text;
    collect_text(value, "text", text);  // where models put what they say
    if (text.empty()) {
        collect_text(value, "Transcript", text);  // and Transcribe what was said
    }
    return text.empty() ? codec::json_encode(value) : text;
}

std::string words_of(ByteView payload, bool wrapped) {
    const std::string_view text = as_text(payload);
    if (payload.size() <= kReadAsJsonMax) {
        const auto document = codec::json_decode(text);
        if (document && document.value().as<codec::Map>() != nullptr) {
            return document_words(document.value(), wrapped);
        }
    }
    return codec::is_utf8(text) ? std::string(text) : std::string();
}

/// Cut between characters.
void cut(std::string& text) {
    if (text.size() <= kEventTextMax) {
        return;
    }
    std::size_t size = kEventTextMax - 3;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) {
        --size;
    }
    text.resize(size);
    text += "...";
}

/// Transcribe's events say a stretch of speech anew, as it is understood by now.
bool says_anew(std::string_view type) {
    return type == "TranscriptEvent" || type == "UtteranceEvent";
}

bool folds(const EventLine& into, const EventLine& line) {
    return !line.is_failure && !says_anew(line.type) && into.type == line.type &&
           line.time - into.last < kPause && line.bytes <= kSmallPayload &&
           into.bytes / into.events <= kSmallPayload;
}

void fold(EventLine& into, const EventLine& line) {
    into.last = line.time;
    into.events += line.events;
    into.bytes += line.bytes;
    if (into.text.size() < kEventTextMax) {
        into.text += line.text;
        cut(into.text);
    }
}

}  // namespace

void EventStory::add(WallNs time, ByteView stretch) {
    if (unreadable_) {
        return;
    }
    decoder_.push(stretch);
    while (true) {
        const auto message = decoder_.next();
        if (!message) {
            unreadable_ = true;
            put({time, time, "unreadable", true, 1, decoder_.rest().size(), message.error().what});
            return;
        }
        if (!message.value()) {
            return;
        }
        tell(time, *message.value());
    }
}

void EventStory::tell(WallNs time, const codec::EventMessage& message) {
    EventLine line{time, time, std::string(message.type()), message.is_failure()};
    line.bytes = message.payload.size();
    const std::string_view why = message.text(":error-message");
    line.text = why.empty() ? words_of(message.payload) : std::string(why);
    cut(line.text);
    put(std::move(line));
}

void EventStory::put(EventLine line) {
    const bool full = lines_.size() >= kEventLinesMax && !line.is_failure;
    if (!lines_.empty() && (full || folds(lines_.back(), line))) {
        fold(lines_.back(), line);
    } else if (lines_.size() < 2 * kEventLinesMax) {
        lines_.push_back(std::move(line));
    }
}

bool is_event_stream(std::string_view content_type) {
    const std::string_view type = content_type.substr(0, content_type.find(';'));
    return codec::iequals(codec::trim(type), "application/vnd.amazon.eventstream");
}

Value json_of(const EventLine& line, WallNs began) {
    codec::Map map{{"at_ms", (line.time - began) / kNsPerMs},
                   {"type", line.type},
                   {"events", line.events},
                   {"bytes", line.bytes},
                   {"text", line.text}};
    if (line.is_failure) {
        map.emplace("failure", true);
    }
    return map;
}

}  // namespace narrows::review
