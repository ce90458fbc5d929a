#include "archive/store_files.h"

#include <gtest/gtest.h>

#include "archive/directory_store.h"
#include "io/faulty.h"

namespace narrows::archive {
namespace {

constexpr std::size_t kWindow = 4 << 20;

/// Two versions of one object, as a bucket has them; counts what is read.
class Versions : public DirectoryStore {
  public:
    explicit Versions(io::FileSystem& fs) : DirectoryStore(fs, "/there", "") {}
    Result<ListPage> list(const std::string&, const ListMark&) override {
        return ListPage{{{"seg/a", "new", 5}, {"seg/a", "old", large}, {"seg/ab", "x", 1}}, {}};
    }
    Result<Bytes> read(const std::string& key, const std::string& version, std::uint64_t offset,
                       std::size_t size) override {
        asked.push_back(size);
        if (key != "seg/a" || fails) {
            return fail(ErrorCode::unavailable, "not now");
        }
        const std::uint64_t whole = version == "old" ? large : 5;
        Bytes bytes(std::min<std::uint64_t>(size, whole - offset));
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            bytes[i] = static_cast<std::uint8_t>((offset + i) / 1000);
        }
        return bytes;
    }
    Result<Lock> lock_of(const std::string&, const std::string& version) override {
        return Lock{version == "old" ? "COMPLIANCE" : "", "2026-12-24T00:00:00Z", false};
    }

    std::uint64_t large = 3 * kWindow + 1000;
    bool fails = false;
    std::vector<std::size_t> asked;
};

class StoreFilesTest : public testing::Test {
  protected:
    Result<std::unique_ptr<io::File>> open(StoreFiles& files, const std::string& path,
                                           io::Mode mode = io::Mode::read) {
        return files.open(path, mode, io::Cache::buffered);
    }

    io::FaultyFileSystem fs_;
    Versions store_{fs_};
};

TEST_F(StoreFilesTest, the_named_version_is_read_and_without_a_name_the_newest) {
    StoreFiles named(fs_, store_, {{"seg/a", "old"}});
    EXPECT_EQ(open(named, "/there/seg/a").value()->size().value(), store_.large);
    EXPECT_EQ(named.seen().at("seg/a").lock.mode, "COMPLIANCE");
    StoreFiles newest(fs_, store_, {});
    EXPECT_EQ(open(newest, "/there/seg/a").value()->size().value(), 5u);
    StoreFiles other(fs_, store_, {{"seg/a", "gone"}});
    EXPECT_EQ(open(other, "/there/seg/a").error().code, ErrorCode::not_found);
    EXPECT_FALSE(other.exists("/there/seg/a").value());
    EXPECT_FALSE(newest.exists("/there/seg").value()) << "no object has that key";
}

TEST_F(StoreFilesTest, a_file_is_read_through_windows_of_bounded_size) {
    StoreFiles files(fs_, store_, {{"seg/a", "old"}});
    const auto file = open(files, "/there/seg/a").value();
    Bytes piece(3'000);
    for (std::uint64_t at = 0; at < store_.large; at += 2'000) {  // with a look back each time
        const std::size_t got = file->pread(piece, at).value();
        ASSERT_EQ(got, std::min<std::uint64_t>(piece.size(), store_.large - at));
        for (std::size_t i = 0; i < got; ++i) {
            ASSERT_EQ(piece[i], static_cast<std::uint8_t>((at + i) / 1000)) << at + i;
        }
    }
    EXPECT_EQ(store_.asked, (std::vector<std::size_t>{kWindow, kWindow, kWindow, 1000}));
    EXPECT_EQ(file->pread(piece, store_.large).value(), 0u);
    store_.fails = true;
    EXPECT_EQ(file->pread(piece, 0).error().code, ErrorCode::unavailable);
}

TEST_F(StoreFilesTest, what_is_not_in_the_store_is_the_file_system_below_and_nothing_is_written) {
    fs_.set_content("/data/trust", to_bytes("x"));
    StoreFiles files(fs_, store_, {});
    EXPECT_TRUE(files.exists("/data/trust").value());
    EXPECT_EQ(open(files, "/data/trust").value()->size().value(), 1u);
    EXPECT_EQ(open(files, "/there/seg/a", io::Mode::write).error().code, ErrorCode::unsupported);
    EXPECT_EQ(open(files, "/there/seg/a").value()->truncate(0).error().code,
              ErrorCode::unsupported);
    EXPECT_EQ(files.remove("/there/seg/a").error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace narrows::archive
