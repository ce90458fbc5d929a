#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "codec/form_upload.h"

namespace {

using namespace narrows;

struct Read {
    bool held = false;
    std::vector<codec::Pair> fields;
    std::string file_name;
    Bytes file;
    bool operator==(const Read&) const = default;
};

Read read_in(ByteView bytes, std::size_t stretch) {
    Read out;
    auto form = codec::FormUpload::of("multipart/form-data; boundary=b");
    while (!bytes.empty()) {
        const std::size_t size = std::min(stretch, bytes.size());
        if (!form.value().push(bytes.first(size), out.file)) return {};
        bytes = bytes.subspan(size);
    }
    out.held = form.value().finish().has_value();
    out.fields = form.value().fields();
    out.file_name = form.value().file_name();
    return out.held ? out : Read{};
}

}  // namespace

/// A body: however it is cut, it reads the same. The Content-Type is read from it, too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, std::min<std::size_t>(size, 32 * 1024));
    (void)codec::FormUpload::of(as_text(bytes));
    const Read whole = read_in(bytes, bytes.size() + 1);
    NARROWS_CHECK(read_in(bytes, 1) == whole, "a form reads otherwise byte by byte");
    NARROWS_CHECK(read_in(bytes, 7) == whole, "a form reads otherwise in stretches");
    return 0;
}
