#include "reconcile/inflate.h"

#include <zlib.h>

#include "base/check.h"

namespace narrows::reconcile {
namespace {

constexpr std::size_t kPiece = 64 * 1024;
constexpr int kGzipWindow = 16 + MAX_WBITS;

Error not_gzip(const char* why) {
    return {ErrorCode::invalid, std::string("the file is no whole gzip file: ") + why};
}

}  // namespace

struct Inflater::Stream {
    z_stream z{};
    Bytes out = Bytes(kPiece);
};

Inflater::Inflater(std::uint64_t bytes_max, Take take)
    : stream_(std::make_unique<Stream>()), bytes_max_(bytes_max), take_(std::move(take)) {
    NARROWS_CHECK(inflateInit2(&stream_->z, kGzipWindow) == Z_OK, "no memory to decompress");
}

Inflater::~Inflater() {
    inflateEnd(&stream_->z);
}

Result<void> Inflater::feed(ByteView compressed) {
    z_stream& z = stream_->z;
    z.next_in = const_cast<Bytef*>(compressed.data());  // zlib does not write there
    z.avail_in = static_cast<uInt>(compressed.size());
    while (z.avail_in > 0 || z.avail_out == 0) {
        if (ended_) {
            return z.avail_in == 0 ? ok() : Result<void>(fail(not_gzip("bytes follow its end")));
        }
        z.next_out = stream_->out.data();
        z.avail_out = static_cast<uInt>(stream_->out.size());
        const int done = inflate(&z, Z_NO_FLUSH);
        if (done != Z_OK && done != Z_STREAM_END && done != Z_BUF_ERROR) {
            return fail(not_gzip("its bytes are damaged"));
        }
        ended_ = done == Z_STREAM_END;
        const std::size_t made = stream_->out.size() - z.avail_out;
        bytes_ += made;
        if (bytes_ > bytes_max_) {
            return fail(ErrorCode::exhausted, "the file holds more than " +
                                                  std::to_string(bytes_max_) +
                                                  " bytes, which no file of a trail does");
        }
        NARROWS_TRY(take_(ByteView(stream_->out).first(made)));
        if (made == 0 && !ended_) {
            return ok();
        }
    }
    return ok();
}

Result<void> Inflater::finish() const {
    return ended_ ? ok() : Result<void>(fail(not_gzip("it is cut off")));
}

}  // namespace narrows::reconcile
