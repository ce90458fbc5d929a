#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "recorder/protocol.h"

using namespace narrows;

/// What decodes has one encoding: the one that was read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    const auto asked = recorder::decode_from_gateway(bytes);
    NARROWS_CHECK(!asked.has_value() || recorder::encode(asked.value()) == to_bytes(bytes),
                  "a message of the gateway reads as another one");
    const auto said = recorder::decode_from_recorder(bytes);
    NARROWS_CHECK(!said.has_value() || recorder::encode(said.value()) == to_bytes(bytes),
                  "a message of the recorder reads as another one");
    const auto configured = recorder::decode_configured(bytes);
    NARROWS_CHECK(
        !configured.has_value() || recorder::encode(configured.value()) == to_bytes(bytes),
        "an argument reads as another one");
    const auto recipients = recorder::decode_recipients(bytes);
    NARROWS_CHECK(
        !recipients.has_value() || recorder::encode(recipients.value()) == to_bytes(bytes),
        "recipients read as others");
    return 0;
}
