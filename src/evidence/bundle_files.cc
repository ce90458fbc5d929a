#include "evidence/bundle_files.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "evidence/bundle.h"
#include "evidence/tar.h"

namespace narrows::evidence {
namespace {

constexpr std::size_t kMembersMax = 1'000'000;
constexpr std::size_t kTarEnd = 2 * kTarBlock;

std::uint64_t padding_of(std::uint64_t size) {
    return (kTarBlock - size % kTarBlock) % kTarBlock;
}

class FolderSink final : public BundleSink {
  public:
    FolderSink(io::FileSystem& fs, std::string folder) : fs_(fs), folder_(std::move(folder)) {}

    Result<void> begin(const std::string& name) override {
        const std::string path = folder_ + "/" + name;
        NARROWS_TRY(fs_.make_directory(io::directory_of(path)));
        NARROWS_TRY(file_, fs_.open(path, io::Mode::create_new));
        names_.push_back(path);
        at_ = 0;
        return ok();
    }
    Result<void> append(ByteView bytes) override {
        NARROWS_TRY(io::write_all(*file_, bytes, at_));
        at_ += bytes.size();
        return ok();
    }
    Result<void> end() override {
        NARROWS_TRY(file_->datasync());
        file_.reset();
        return ok();
    }
    Result<void> finish() override { return fs_.sync_directory(folder_); }
    void abandon() override {
        file_.reset();
        for (const std::string& name : names_) {
            (void)fs_.remove(name);
        }
    }

  private:
    io::FileSystem& fs_;
    const std::string folder_;
    std::vector<std::string> names_;
    std::unique_ptr<io::File> file_;
    std::uint64_t at_ = 0;
};

class TarSink final : public BundleSink {
  public:
    TarSink(io::FileSystem& fs, std::unique_ptr<io::File> file) : fs_(fs), file_(std::move(file)) {}

    Result<void> begin(const std::string& name) override {
        name_ = name;
        header_at_ = at_;
        at_ += kTarBlock;
        return ok();
    }
    Result<void> append(ByteView bytes) override {
        NARROWS_TRY(io::write_all(*file_, bytes, at_));
        at_ += bytes.size();
        return ok();
    }
    Result<void> end() override {
        const std::uint64_t size = at_ - header_at_ - kTarBlock;
        NARROWS_TRY(append(Bytes(padding_of(size), 0)));
        return io::write_all(*file_, tar_header(name_, size), header_at_);
    }
    Result<void> finish() override {
        NARROWS_TRY(append(Bytes(kTarEnd, 0)));
        NARROWS_TRY(file_->datasync());
        return fs_.sync_directory(io::directory_of(file_->path()));
    }
    void abandon() override { (void)fs_.remove(file_->path()); }

  private:
    io::FileSystem& fs_;
    std::unique_ptr<io::File> file_;
    std::string name_;
    std::uint64_t header_at_ = 0;
    std::uint64_t at_ = 0;
};

}  // namespace

Result<BundleFiles> BundleFiles::open(io::FileSystem& fs, const std::string& path) {
    const Result<bool> is_folder = fs.exists(path + "/" + std::string(kManifestName));
    if (is_folder && is_folder.value()) {
        return BundleFiles(fs, path);
    }
    BundleFiles files(fs, "");
    auto opened = fs.open(path, io::Mode::read);
    if (!opened) {
        return fail(ErrorCode::not_found, path + " is no bundle: there is no manifest.json in it");
    }
    files.archive_ = std::move(opened).value();
    NARROWS_TRY(files.index());
    if (!files.members_.contains(std::string(kManifestName))) {
        return fail(ErrorCode::not_found, path + " is no bundle: there is no manifest.json in it");
    }
    return files;
}

/// Names count from the folder that the manifest stands in: whoever packed a bundle again may have
/// packed that folder.
Result<void> BundleFiles::index() {
    const std::uint64_t end = archive_->size().has_value() ? archive_->size().value() : 0;
    std::map<std::string, Range> found;
    std::string prefix;
    bool has_manifest = false;
    for (std::uint64_t at = 0; at + kTarBlock <= end && found.size() < kMembersMax;) {
        const Result<Bytes> block = Range{archive_, at, kTarBlock}.read(0, kTarBlock);
        const auto member =
            block ? decode_tar_header(block.value())
                  : Result<std::optional<TarMember>>(fail(block.error()));  // a folder, say
        if (!member && at == 0) {
            return fail(ErrorCode::not_found, archive_->path() + " is no bundle and no tar of one");
        }
        if (!member) {
            return fail(member.error());
        }
        if (!member.value()) {
            break;
        }
        const TarMember& file = *member.value();
        at += kTarBlock;
        if (file.size > end - at) {
            return fail(ErrorCode::invalid, archive_->path() + " was cut: " + file.name);
        }
        if (file.is_file) {
            found[file.name] = {archive_, at, file.size};
        }
        const bool is_manifest =
            file.name == kManifestName || file.name.ends_with("/manifest.json");
        if (is_manifest && !has_manifest) {
            has_manifest = true;
            prefix = file.name.substr(0, file.name.size() - kManifestName.size());
        }
        at += file.size + padding_of(file.size);
    }
    for (auto& [name, range] : found) {
        if (name.starts_with(prefix)) {
            members_.emplace(name.substr(prefix.size()), range);
        }
    }
    return ok();
}

Result<Bytes> BundleFiles::Range::read(std::uint64_t at, std::uint64_t size_max) const {
    const std::uint64_t left = at < size ? size - at : 0;
    Bytes bytes(static_cast<std::size_t>(std::min(left, size_max)));
    NARROWS_TRY(const std::size_t got, file->pread(bytes, offset + at));
    bytes.resize(got);
    return bytes;
}

Result<BundleFiles::Range> BundleFiles::range(const std::string& name) const {
    if (archive_) {
        const auto member = members_.find(name);
        if (member == members_.end()) {
            return fail(ErrorCode::not_found, name + " is not in the bundle");
        }
        return member->second;
    }
    const std::string path = folder_ + "/" + name;
    const Result<bool> exists = fs_->exists(path);
    if (exists && !exists.value()) {
        return fail(ErrorCode::not_found, name + " is not in the bundle");
    }
    NARROWS_TRY(std::shared_ptr<io::File> file, fs_->open(path, io::Mode::read));
    NARROWS_TRY(const std::uint64_t size, file->size());
    return Range{std::move(file), 0, size};
}

Result<Bytes> BundleFiles::read(const std::string& name, std::uint64_t size_max) const {
    NARROWS_TRY(const Range found, range(name));
    if (found.size > size_max) {
        return fail(ErrorCode::exhausted, name + " of the bundle is larger than it may be");
    }
    return found.read(0, size_max);
}

Result<void> BundleSink::put(const std::string& name, ByteView bytes) {
    NARROWS_TRY(begin(name));
    NARROWS_TRY(append(bytes));
    return end();
}

std::unique_ptr<BundleSink> folder_sink(io::FileSystem& fs, const std::string& folder) {
    return std::make_unique<FolderSink>(fs, folder);
}

Result<std::unique_ptr<BundleSink>> tar_sink(io::FileSystem& fs, const std::string& path) {
    NARROWS_TRY(std::unique_ptr<io::File> file, fs.open(path, io::Mode::create_new));
    return std::unique_ptr<BundleSink>(std::make_unique<TarSink>(fs, std::move(file)));
}

}  // namespace narrows::evidence
