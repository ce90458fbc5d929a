#include <cstdlib>

#include "evidence/bundle.h"
#include "evidence/disclosure.h"
#include "evidence/tar.h"
#include "evidence/tlog_proof.h"

/// What decodes encodes to what decodes to the same; what is shown of records is put together or
/// refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    using namespace narrows::evidence;
    const ByteView bytes(data, size);
    const auto same = [](bool is_same) {
        if (!is_same) {
            std::abort();
        }
    };
    if (const auto excerpt = decode_excerpt(bytes)) {
        same(encode_excerpt(excerpt.value()).size() <= size);
    }
    if (const auto record = decode_record(bytes)) {
        const Bytes again = encode_record(record.value());
        same(to_bytes(ByteView(again).subspan(sizeof(std::uint32_t))) == to_bytes(bytes));
        (void)decode_record_header(record.value().header);
        if (const auto* fields = std::get_if<Disclosure>(&record.value().content)) {
            (void)commitment_of(*fields);
            (void)withheld_paths(*fields);
            (void)payload_of(*fields);
        }
    }
    if (const auto proof = decode_tlog_proof(bytes)) {
        same(decode_tlog_proof(as_bytes(encode_tlog_proof(proof.value()))).value() ==
             proof.value());
        (void)decode_record_proof(proof.value().extra);
    }
    if (const auto manifest = decode_manifest(bytes)) {
        same(decode_manifest(as_bytes(encode_manifest(manifest.value()))).has_value());
    }
    (void)decode_record_proof(bytes);
    (void)decode_tar_header(bytes);
    (void)path_of(bytes);
    return 0;
}
