#include <cstdlib>
#include <string>

#include "io/faulty.h"
#include "journal/reader.h"
#include "journal/verify.h"

/// The input is a control segment as a hostile hand may leave it; the first byte chooses whether
/// checksums are made right first, so that the fuzzer gets behind them.
namespace {

using namespace narrows;
using namespace narrows::journal;

void repair(Bytes& bytes) {
    bytes.resize(std::max(bytes.size(), kSegmentHeaderSize));
    store_le(&bytes[kSegmentHeaderSize - 4],
             crypto::crc32c(ByteView(bytes).first(kSegmentHeaderSize - 4)));
    for (std::size_t at = kSegmentHeaderSize; at + kBatchHeaderSize <= bytes.size(); at += kBlock) {
        std::copy_n(bytes.begin() + 24, 16, bytes.begin() + static_cast<std::ptrdiff_t>(at) + 8);
        const std::size_t length = load_le<std::uint32_t>(&bytes[at + 36]);
        if (length >= kBatchHeaderSize && length <= bytes.size() - at) {
            const ByteView batch = ByteView(bytes).subspan(at, length);
            store_le(&bytes[at + 96], crypto::crc32c(batch.subspan(kBatchHeaderSize)));
        }
        store_le(&bytes[at + 132], crypto::crc32c(ByteView(bytes).subspan(at, 132)));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > (1u << 20)) {
        return 0;
    }
    Bytes bytes(data + 1, data + size);
    if ((data[0] & 1) != 0) {
        repair(bytes);
    }
    io::FaultyFileSystem fs;
    fs.set_content("/j/control-00000001.nj", std::move(bytes));
    const auto report = verify_chain(fs, "/j");
    auto reader = Reader::open(fs, "/j");
    if (!report && report.error().code == ErrorCode::unsupported) {
        return 0;  // a format of another version
    }
    if (!report || !reader) {
        std::abort();  // other bytes are never an Error, only findings
    }
    std::uint64_t frames = 0;
    while (true) {
        const auto item = reader.value().next();
        if (!item) {
            std::abort();
        }
        if (!item.value()) {
            break;
        }
        frames += std::holds_alternative<Frame>(*item.value()) ? 1 : 0;
    }
    if (frames != report.value().frames) {
        std::abort();
    }
    return 0;
}
