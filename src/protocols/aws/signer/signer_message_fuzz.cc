#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "protocols/aws/signer/messages.h"

namespace {

using namespace narrows;

/// What decodes has one encoding: the one that was read.
template <class M>
void question(ByteView bytes) {
    const auto read = signer::decode_question<M>(bytes);
    NARROWS_CHECK(!read.has_value() || signer::encode_question(read.value()) == to_bytes(bytes),
                  "a question reads as another one");
}

template <class M>
void answer(ByteView bytes) {
    const auto read = signer::decode_answer<M>(bytes);
    if (!read.has_value() && read.error().code == ErrorCode::invalid) return;
    NARROWS_CHECK(signer::encode_answer(read) == to_bytes(bytes), "an answer reads as another one");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    question<signer::OpenLease>(bytes);
    question<signer::CloseSession>(bytes);
    question<signer::Prepare>(bytes);
    question<signer::Sign>(bytes);
    question<signer::SignAhead>(bytes);
    question<signer::SignChunks>(bytes);
    question<signer::SignEvent>(bytes);
    question<signer::EndUpload>(bytes);
    question<signer::Mint>(bytes);
    question<signer::OpenToken>(bytes);
    question<signer::Seal>(bytes);
    question<signer::Adopt>(bytes);
    question<signer::Record>(bytes);
    answer<signer::Nothing>(bytes);
    answer<signer::Signature>(bytes);
    answer<signer::LockedSignature>(bytes);
    answer<signer::Signatures>(bytes);
    answer<signer::Minted>(bytes);
    answer<signer::Opened>(bytes);
    answer<signer::Sealed>(bytes);
    answer<identity::Credentials>(bytes);
    answer<recording::RecordReceipt>(bytes);
    return 0;
}
