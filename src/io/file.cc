#include "io/file.h"

#include <cstdlib>
#include <new>

#include <fmt/format.h>

#include "base/check.h"

namespace narrows::io {

Result<void> write_all(File& file, ByteView bytes, std::uint64_t offset) {
    NARROWS_TRY(const std::size_t written, file.pwrite(bytes, offset));
    if (written != bytes.size()) {
        return fail(ErrorCode::io, fmt::format("{}: only {} of {} bytes were written at {}",
                                               file.path(), written, bytes.size(), offset));
    }
    return ok();
}

Result<Bytes> read_all(FileSystem& fs, const std::string& path, std::uint64_t size_max) {
    NARROWS_TRY(const auto file, fs.open(path, Mode::read));
    NARROWS_TRY(const std::uint64_t size, file->size());
    if (size > size_max) {
        return fail(ErrorCode::exhausted,
                    fmt::format("{} has {} bytes; at most {} are read", path, size, size_max));
    }
    Bytes bytes(size);
    NARROWS_TRY(const std::size_t got, file->pread(bytes, 0));
    bytes.resize(got);
    return bytes;
}

Result<void> durable_write(FileSystem& fs, const std::string& path, ByteView bytes) {
    const std::string temporary = path + ".tmp";
    NARROWS_TRY(auto file, fs.open(temporary, Mode::create_over));
    NARROWS_TRY(write_all(*file, bytes, 0));
    NARROWS_TRY(file->datasync());
    NARROWS_TRY(fs.rename(temporary, path));
    return fs.sync_directory(directory_of(path));
}

Result<void> make_durable_directory(FileSystem& fs, const std::string& directory) {
    const std::string parent = directory_of(directory);
    NARROWS_TRY(const bool exists, fs.exists(directory));
    if (exists || parent == directory) {
        return ok();
    }
    NARROWS_TRY(make_durable_directory(fs, parent));
    NARROWS_TRY(fs.make_directory(directory));
    return fs.sync_directory(parent);
}

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

AlignedBuffer::AlignedBuffer(std::size_t size) : size_(size) {
    const std::size_t whole = (size + kAlignment - 1) / kAlignment * kAlignment;
    data_.reset(static_cast<std::uint8_t*>(std::aligned_alloc(kAlignment, whole)));
    NARROWS_CHECK(data_ != nullptr, "out of memory");
    std::memset(data_.get(), 0, whole);
}

void AlignedBuffer::Free::operator()(std::uint8_t* memory) const {
    std::free(memory);
}

}  // namespace narrows::io
