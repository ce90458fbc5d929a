#include "archive/store_files.h"

#include <algorithm>
#include <array>

#include "archive/log_entries.h"
#include "evidence/note.h"
#include "evidence/verify.h"

namespace narrows::archive {
namespace {

constexpr std::size_t kWindowBytes = 4 << 20;

class StoreFile final : public io::File {
  public:
    StoreFile(Store& store, Listed object, std::string path)
        : store_(store), object_(std::move(object)), path_(std::move(path)) {}

    Result<std::size_t> pread(std::span<std::uint8_t> into, std::uint64_t offset) const override {
        std::size_t done = 0;
        while (done < into.size() && offset + done < object_.bytes) {
            NARROWS_TRY(const ByteView rest, from(offset + done));
            if (rest.empty()) {
                break;
            }
            const std::size_t size = std::min(rest.size(), into.size() - done);
            std::copy_n(rest.begin(), size, into.begin() + static_cast<std::ptrdiff_t>(done));
            done += size;
        }
        return done;
    }
    Result<std::uint64_t> size() const override { return object_.bytes; }
    std::size_t alignment() const override { return 1; }
    const std::string& path() const override { return path_; }

    Result<std::size_t> pwrite(ByteView, std::uint64_t) override { return fail(only_read()); }
    Result<void> datasync() override { return fail(only_read()); }
    Result<void> allocate(std::uint64_t) override { return fail(only_read()); }
    Result<void> truncate(std::uint64_t) override { return fail(only_read()); }

  private:
    struct Window {
        std::uint64_t at = 0;
        Bytes bytes;
    };

    Error only_read() const { return {ErrorCode::unsupported, path_ + " is only read"}; }

    /// What the window that holds `offset` has from there on. Two are kept, since readers go
    /// forward and look back a little.
    Result<ByteView> from(std::uint64_t offset) const {
        const std::uint64_t at = offset - offset % kWindowBytes;
        if (windows_[0].bytes.empty() || windows_[0].at != at) {
            std::swap(windows_[0], windows_[1]);
        }
        if (windows_[0].bytes.empty() || windows_[0].at != at) {
            const std::size_t want = std::min<std::uint64_t>(kWindowBytes, object_.bytes - at);
            NARROWS_TRY(windows_[0].bytes, store_.read(object_.key, object_.version, at, want));
            windows_[0].at = at;
        }
        const ByteView all = windows_[0].bytes;
        return all.subspan(std::min<std::uint64_t>(offset - at, all.size()));
    }

    Store& store_;
    const Listed object_;
    const std::string path_;
    mutable std::array<Window, 2> windows_;
};

}  // namespace

std::optional<std::string> StoreFiles::key_of(const std::string& path) const {
    const std::string root = store_.name() + "/";
    return path.starts_with(root) ? std::optional(path.substr(root.size())) : std::nullopt;
}

Result<const StoreFiles::Seen*> StoreFiles::look(const std::string& key) {
    if (const auto at = seen_.find(key); at != seen_.end()) {
        return &at->second;
    }
    const auto named = versions_.find(key);
    const std::string version = named == versions_.end() ? std::string() : named->second;
    NARROWS_TRY(const ListPage page, store_.list(key, {}));
    for (const Listed& each : page.listed) {
        if (each.key == key && (version.empty() || each.version == version)) {
            NARROWS_TRY(Lock lock, store_.lock_of(key, version));
            const Listed object{key, version, each.bytes};
            return &seen_.emplace(key, Seen{object, std::move(lock)}).first->second;
        }
    }
    return fail(ErrorCode::not_found, store_.name() + " has no " + key);
}

Result<std::unique_ptr<io::File>> StoreFiles::open(const std::string& path, io::Mode mode,
                                                   io::Cache cache) {
    const auto key = key_of(path);
    if (!key || mode != io::Mode::read) {
        return ArchiveView::open(path, mode, cache);
    }
    NARROWS_TRY(const Seen* seen, look(*key));
    return std::unique_ptr<io::File>(std::make_unique<StoreFile>(store_, seen->object, path));
}

Result<bool> StoreFiles::exists(const std::string& path) {
    const auto key = key_of(path);
    if (!key) {
        return ArchiveView::exists(path);
    }
    const auto seen = look(*key);
    if (!seen && seen.error().code != ErrorCode::not_found) {
        return fail(seen.error());
    }
    return seen.has_value();
}

std::map<std::string, std::string> named_versions(io::FileSystem& fs, const std::string& data_dir) {
    std::map<std::string, std::string> versions;
    const std::string directory = evidence::log_directory(data_dir);
    const auto note = io::read_all(fs, directory + "/checkpoint", evidence::kNoteBytesMax);
    const auto head =
        note ? head_of_note(as_text(note.value())) : Result<evidence::Checkpoint>(fail({}));
    const auto take = [&](const evidence::Entry& entry) {
        const auto* segment = std::get_if<evidence::SegmentEntry>(&entry.body);
        if (segment != nullptr && !segment->version.empty()) {
            versions.emplace(segment->object, segment->version);
        }
    };
    if (head) {
        (void)read_entries(fs, directory, 0, head.value().size, take).has_value();
    }
    return versions;
}

}  // namespace narrows::archive
