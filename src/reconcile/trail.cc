#include "reconcile/trail.h"

#include <filesystem>

#include "codec/text.h"

namespace narrows::reconcile {
namespace {

namespace fs_std = std::filesystem;

constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::uint64_t kSignatureBytesMax = 4096;

class DirectoryTrail final : public Trail {
  public:
    DirectoryTrail(io::FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}

    const std::string& name() const override { return path_; }

    Result<void> list(const std::function<Result<void>(const TrailFile&)>& take) override {
        std::error_code error;
        fs_std::recursive_directory_iterator at(path_, error);
        for (; !error && at != fs_std::recursive_directory_iterator(); at.increment(error)) {
            std::error_code odd;
            if (!at->is_regular_file(odd)) {
                continue;
            }
            const auto size = at->file_size(odd);
            const auto changed = at->last_write_time(odd).time_since_epoch().count();
            NARROWS_TRY(
                take({at->path().string(), std::to_string(size) + " " + std::to_string(changed)}));
        }
        if (error) {
            return fail(ErrorCode::not_found,
                        path_ + " cannot be read as a folder with a trail: " + error.message());
        }
        return ok();
    }

    Result<void> read(const std::string& path,
                      const std::function<Result<void>(ByteView)>& take) override {
        NARROWS_TRY(const auto file, fs_.open(path, io::Mode::read));
        Bytes piece(kPieceBytes);
        for (std::uint64_t offset = 0;;) {
            NARROWS_TRY(const std::size_t size, file->pread(piece, offset));
            if (size == 0) {
                return ok();
            }
            NARROWS_TRY(take(ByteView(piece).first(size)));
            offset += size;
        }
    }

    Result<std::string> signature(const std::string& path) override {
        const std::string beside = path + ".signature";
        NARROWS_TRY(const bool is_there, fs_.exists(beside));
        if (!is_there) {
            return std::string();
        }
        NARROWS_TRY(const Bytes bytes, io::read_all(fs_, beside, kSignatureBytesMax));
        std::string_view text = as_text(bytes);
        while (text.ends_with('\n') || text.ends_with('\r')) {
            text.remove_suffix(1);
        }
        return std::string(codec::trim(text));
    }

  private:
    io::FileSystem& fs_;
    const std::string path_;
};

}  // namespace

std::unique_ptr<Trail> directory_trail(io::FileSystem& fs, std::string path) {
    return std::make_unique<DirectoryTrail>(fs, std::move(path));
}

}  // namespace narrows::reconcile
