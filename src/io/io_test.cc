#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "io/faulty.h"
#include "io/file.h"

namespace narrows::io {
namespace {

class TemporaryDirectory {
  public:
    explicit TemporaryDirectory(const std::string& parent) {
        std::string pattern = parent + "/narrows-io-XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

/// What both implementations promise.
void check_contract(FileSystem& fs, const std::string& directory) {
    const std::string path = directory + "/a";
    auto file = fs.open(path, Mode::create_new).value();
    EXPECT_EQ(fs.open(path, Mode::create_new).error().code, ErrorCode::conflict);
    EXPECT_EQ(fs.open(directory + "/none", Mode::read).error().code, ErrorCode::not_found);
    EXPECT_TRUE(write_all(*file, as_bytes("hello"), 3));
    EXPECT_EQ(file->size().value(), 8u);
    EXPECT_TRUE(file->allocate(4096));
    EXPECT_TRUE(file->datasync());
    Bytes back(16, 0xff);
    EXPECT_EQ(file->pread(back, 3).value(), 16u);
    EXPECT_EQ(to_string(ByteView(back).first(5)), "hello");
    EXPECT_EQ(back[5], 0);
    EXPECT_EQ(file->pread(back, 4090).value(), 6u);
    EXPECT_TRUE(file->truncate(5));
    EXPECT_EQ(read_all(fs, path, 5).value(), (Bytes{0, 0, 0, 'h', 'e'}));
    EXPECT_EQ(read_all(fs, path, 4).error().code, ErrorCode::exhausted);
    EXPECT_TRUE(durable_write(fs, directory + "/b", as_bytes("one")));
    EXPECT_TRUE(durable_write(fs, directory + "/b", as_bytes("two")));
    EXPECT_EQ(read_all(fs, directory + "/b", 99).value(), to_bytes("two"));
    EXPECT_EQ(fs.list(directory).value(), (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(fs.remove(path));
    EXPECT_FALSE(fs.exists(path).value());
    const auto lock = fs.lock(directory + "/lock");
    EXPECT_TRUE(lock);
    EXPECT_EQ(fs.lock(directory + "/lock").error().code, ErrorCode::conflict);
}

TEST(Posix, keeps_the_contract_on_disk) {
    const TemporaryDirectory directory("/var/tmp");
    check_contract(posix(), directory.path());
}

TEST(Faulty, keeps_the_contract) {
    FaultyFileSystem fs;
    check_contract(fs, "/d");
}

TEST(Posix, direct_writes_whole_blocks_or_falls_back) {
    for (const char* parent : {"/var/tmp", "/dev/shm"}) {
        const TemporaryDirectory directory(parent);
        auto file = posix().open(directory / "direct", Mode::create_new, Cache::direct).value();
        EXPECT_LE(file->alignment(), AlignedBuffer::kAlignment);
        AlignedBuffer block(4096);
        block.data()[4095] = 7;
        ASSERT_TRUE(write_all(*file, block.first(4096), 4096));
        EXPECT_TRUE(file->datasync());
        EXPECT_EQ(read_all(posix(), directory / "direct", 8192).value()[8191], 7);
    }
}

TEST(Posix, makes_parents_and_lets_a_lock_go) {
    const TemporaryDirectory directory("/var/tmp");
    const std::string deep = directory / "x/y/z";
    EXPECT_TRUE(posix().make_directory(deep));
    EXPECT_TRUE(posix().make_directory(deep));
    EXPECT_TRUE(posix().lock(deep + "/lock"));
    EXPECT_TRUE(posix().lock(deep + "/lock"));
    EXPECT_GT(posix().free_bytes(deep).value(), 0u);
}

TEST(Faulty, power_cut_forgets_what_was_not_synced) {
    FaultyFileSystem fs;
    auto file = fs.open("/d/f", Mode::create_new, Cache::buffered).value();
    ASSERT_TRUE(write_all(*file, as_bytes("old"), 0));
    ASSERT_TRUE(file->datasync());
    ASSERT_TRUE(fs.sync_directory("/d"));
    ASSERT_TRUE(write_all(*file, as_bytes("new"), 0));
    ASSERT_TRUE(fs.open("/d/unsynced name", Mode::create_new, Cache::buffered));
    fs.power_cut();
    EXPECT_EQ(fs.content("/d/f"), to_bytes("old"));
    EXPECT_FALSE(fs.exists("/d/unsynced name").value());
    EXPECT_FALSE(file->datasync());
}

TEST(Faulty, a_failed_sync_loses_the_bytes_and_the_next_one_lies) {
    FaultyFileSystem fs;
    auto file = fs.open("/d/f", Mode::create_new, Cache::buffered).value();
    ASSERT_TRUE(fs.sync_directory("/d"));
    fs.set_faults({.sync_error_at = fs.syncs() + 1});
    ASSERT_TRUE(write_all(*file, as_bytes("gone"), 0));
    EXPECT_EQ(file->datasync().error().code, ErrorCode::io);
    EXPECT_TRUE(file->datasync());
    EXPECT_EQ(fs.content("/d/f"), to_bytes("gone"));
    fs.power_cut();
    EXPECT_EQ(fs.content("/d/f"), Bytes());
}

TEST(Faulty, short_write_and_full_disk) {
    FaultyFileSystem fs;
    auto file = fs.open("/d/f", Mode::create_new, Cache::buffered).value();
    fs.set_faults({.write_short_at = 1, .capacity = 100});
    EXPECT_EQ(write_all(*file, as_bytes("12345678"), 0).error().code, ErrorCode::io);
    EXPECT_EQ(file->allocate(101).error().code, ErrorCode::exhausted);
    EXPECT_TRUE(file->allocate(100));
}

TEST(DurableWrite, holds_old_or_new_at_every_cut) {
    for (std::uint64_t cut = 1;; ++cut) {
        FaultyFileSystem fs;
        ASSERT_TRUE(durable_write(fs, "/d/f", as_bytes("old")));
        fs.set_faults({.die_at = fs.operations() + cut});
        const bool done = durable_write(fs, "/d/f", as_bytes("new")).has_value();
        fs.power_cut();
        const Bytes found = fs.content("/d/f");
        EXPECT_TRUE(found == to_bytes("new") || (!done && found == to_bytes("old")));
        if (done) {
            break;
        }
    }
}

}  // namespace
}  // namespace narrows::io
