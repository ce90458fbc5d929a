#include <cstdlib>

#include "evidence/entry.h"
#include "evidence/operation_check.h"
#include "evidence/tiles.h"

/// The first byte is the record's kind. Payloads that decode go through the checks; log entries
/// that decode encode to the same bytes; bundles never give more than they hold.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace narrows;
    using namespace narrows::evidence;
    const ByteView bytes(data, size);
    if (const auto entry = decode_entry(bytes)) {
        const auto again = encode_entry(entry.value());
        if (!again || !decode_entry(again.value())) {
            std::abort();
        }
    }
    (void)decode_bundle(bytes, size == 0 ? 0 : data[0]);
    const auto kind = size == 0 ? std::nullopt : model::record_kind(data[0]);
    if (!kind) {
        return 0;
    }
    const auto payload = decode_payload(*kind, bytes.subspan(1));
    if (!payload) {
        return 0;
    }
    Findings findings;
    Checked checked;
    PartReporter reporter(model::PartNo(1), findings);
    OperationCheck check(reporter, checked);
    if (has_operation(*kind)) {
        check.add(model::RecordKind::intent, 0, payload.value());
        check.add(*kind, 1, payload.value());
    }
    check.finish(true);
    reporter.settle();
    return 0;
}
