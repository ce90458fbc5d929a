#include "archive/directory_store.h"

#include <algorithm>

#include <fmt/format.h>

namespace narrows::archive {
namespace {

constexpr std::string_view kUnfinished = ".unfinished";

/// What the device has, not what the page cache remembers.
Result<Object> read_back(io::FileSystem& fs, const std::string& path) {
    NARROWS_TRY(const auto file, fs.open(path, io::Mode::read, io::Cache::direct));
    io::AlignedBuffer buffer(kPieceBytes);
    crypto::Hasher hasher;
    Object object;
    while (true) {
        NARROWS_TRY(const std::size_t got, file->pread(buffer.first(kPieceBytes), object.bytes));
        hasher.update(ByteView(buffer.data(), got));
        object.bytes += got;
        if (got < kPieceBytes) {
            object.sha256 = hasher.finish256();
            return object;
        }
    }
}

}  // namespace

Result<void> DirectoryStore::check_mount() const {
    NARROWS_TRY(const bool is_there, fs_.exists(mount_));
    if (!is_there) {
        return fail(ErrorCode::unavailable,
                    mount_ + " is not there: mount its volume, or make it once by hand");
    }
    return ok();
}

Result<void> DirectoryStore::write(const std::string& path, const Content& content) {
    const std::string unfinished = path + std::string(kUnfinished);
    NARROWS_TRY(io::make_durable_directory(fs_, io::directory_of(path)));
    NARROWS_TRY(const auto file, fs_.open(unfinished, io::Mode::create_over));
    for (std::uint64_t at = 0; at < content.size(); at += kPieceBytes) {
        const std::size_t size = std::min<std::uint64_t>(kPieceBytes, content.size() - at);
        NARROWS_TRY(const Bytes piece, content.read(at, size));
        NARROWS_TRY(io::write_all(*file, piece, at));
    }
    NARROWS_TRY(file->datasync());
    NARROWS_TRY(fs_.rename(unfinished, path));
    return fs_.sync_directory(io::directory_of(path));
}

Result<Object> DirectoryStore::put(const std::string& key, const Content& content,
                                   const crypto::Digest& sha256, Keeping) {
    NARROWS_TRY(check_mount());
    const std::string path = path_of(key);
    NARROWS_TRY(const bool is_taken, fs_.exists(path));
    if (!is_taken) {
        NARROWS_TRY(write(path, content));
    }
    Object object{key, "", content.size(), sha256};
    NARROWS_TRY(confirm(object, content));
    return object;
}

Result<void> DirectoryStore::replace(const std::string& key, ByteView bytes) {
    NARROWS_TRY(check_mount());
    NARROWS_TRY(io::make_durable_directory(fs_, io::directory_of(path_of(key))));
    return io::durable_write(fs_, path_of(key), bytes);
}

Result<void> DirectoryStore::confirm(const Object& object, const Content&) {
    NARROWS_TRY(check_mount());
    NARROWS_TRY(const Object held, read_back(fs_, path_of(object.key)));
    if (held.bytes != object.bytes || held.sha256 != object.sha256) {
        return fail(ErrorCode::conflict,
                    fmt::format("{} holds other bytes than were to be put there: keep it, find out "
                                "who wrote it, and move it away",
                                path_of(object.key)));
    }
    return ok();
}

Result<Bytes> DirectoryStore::read(const std::string& key, const std::string&, std::uint64_t offset,
                                   std::size_t size) {
    NARROWS_TRY(const auto file, fs_.open(path_of(key), io::Mode::read));
    Bytes bytes(size);
    NARROWS_TRY(const std::size_t got, file->pread(bytes, offset));
    bytes.resize(got);
    return bytes;
}

Result<ListPage> DirectoryStore::list(const std::string& prefix, const ListMark&) {
    const std::size_t slash = prefix.rfind('/');
    const std::string folder = slash == prefix.npos ? "" : prefix.substr(0, slash + 1);
    const auto names = fs_.list(slash == prefix.npos ? name_ : path_of(prefix.substr(0, slash)));
    if (!names && names.error().code != ErrorCode::not_found) {
        return fail(names.error());
    }
    ListPage page;
    for (const std::string& name : names ? names.value() : std::vector<std::string>()) {
        const std::string key = folder + name;
        if (key.starts_with(prefix) && !key.ends_with(kUnfinished)) {
            NARROWS_TRY(const auto file, fs_.open(path_of(key), io::Mode::read));
            NARROWS_TRY(const std::uint64_t bytes, file->size());
            page.listed.push_back({key, "", bytes});
        }
    }
    return page;
}

void DirectoryStore::drop(const std::string& key) {
    (void)fs_.remove(path_of(key));  // superfluous, not harmful
}

}  // namespace narrows::archive
