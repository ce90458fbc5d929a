#include <cstdlib>

#include "codec/cbor.h"

using namespace narrows;

/// What decodes deterministically encodes to the very same bytes; what decodes at all can be
/// written and read back in deterministic form.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    if (const auto value = codec::cbor_decode(bytes)) {
        if (codec::cbor_encode(value.value()) != to_bytes(bytes)) std::abort();
    }
    if (const auto value = codec::cbor_decode(bytes, codec::Form::any)) {
        if (!codec::cbor_decode(codec::cbor_encode(value.value()))) std::abort();
    }
    return 0;
}
