#include "archive/store.h"

#include <algorithm>

namespace narrows::archive {

Result<FileContent> FileContent::open(io::FileSystem& fs, const std::string& path,
                                      std::uint64_t from, std::uint64_t size) {
    NARROWS_TRY(auto file, fs.open(path, io::Mode::read));
    return FileContent(std::move(file), from, size);
}

Result<Bytes> FileContent::read(std::uint64_t offset, std::size_t size) const {
    Bytes bytes(size);
    NARROWS_TRY(const std::size_t got, file_->pread(bytes, from_ + offset));
    if (got != size) {
        return fail(ErrorCode::io, file_->path() + " became shorter while it was archived");
    }
    return bytes;
}

Result<crypto::Digest> hash_of(const Content& content) {
    crypto::Hasher hasher;
    for (std::uint64_t at = 0; at < content.size(); at += kPieceBytes) {
        const std::size_t size = std::min<std::uint64_t>(kPieceBytes, content.size() - at);
        NARROWS_TRY(const Bytes piece, content.read(at, size));
        hasher.update(piece);
    }
    return hasher.finish256();
}

Result<Bytes> read_object(Store& store, const std::string& key, const std::string& version,
                          std::size_t bytes_max) {
    Bytes bytes;
    while (true) {
        const std::size_t want = std::min(kPieceBytes, bytes_max + 1 - bytes.size());
        NARROWS_TRY(const Bytes piece, store.read(key, version, bytes.size(), want));
        append(bytes, piece);
        if (bytes.size() > bytes_max) {
            return fail(ErrorCode::exhausted,
                        key + " in " + store.name() + " is larger than such an object can be");
        }
        if (piece.size() < want) {
            return bytes;
        }
    }
}

Result<std::vector<Listed>> list_all(Store& store, const std::string& prefix, std::size_t most) {
    std::vector<Listed> all;
    ListMark from;
    for (std::size_t pages = 1; all.size() + pages <= most; ++pages) {
        NARROWS_TRY(ListPage page, store.list(prefix, from));
        std::move(page.listed.begin(), page.listed.end(), std::back_inserter(all));
        if (page.next.key.empty()) {
            return all;
        }
        if (page.next == from) {
            return fail(ErrorCode::unavailable,
                        store.name() + " lists the same again and again below " + prefix);
        }
        from = std::move(page.next);
    }
    return fail(ErrorCode::exhausted,
                store.name() + " lists more below " + prefix + " than there can be");
}

Result<Object> put_bytes(Store& store, const std::string& key, ByteView bytes, Keeping keeping) {
    return store.put(key, BytesContent(bytes), crypto::sha256(bytes), keeping);
}

}  // namespace narrows::archive
