#include <cstdlib>

#include "evidence/entry.h"
#include "evidence/fields.h"
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
    if (const auto fields = Fields::of(bytes)) {
        const std::vector<crypto::Salt> salts(fields.value().size());
        (void)commitment_of(fields.value(), salts);
    }
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
        journal::Frame frame;
        frame.kind = model::RecordKind::intent;
        frame.sequence = model::Sequence(1);
        frame.op = 1;
        frame.flags = data[size - 1] & journal::kFlagAllowed;
        check.add(frame, &payload.value());
        frame.kind = *kind;
        frame.sequence = model::Sequence(2);
        frame.op = operation_of(*kind, payload.value());
        check.add(frame, data[size - 1] % 3 == 0 ? nullptr : &payload.value());
    }
    check.finish(true);
    reporter.settle();
    return 0;
}
