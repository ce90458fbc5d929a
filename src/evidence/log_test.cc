#include "evidence/log.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "evidence/tiles.h"
#include "io/faulty.h"

namespace narrows::evidence {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSkey =
    "PRIVATE+KEY+narrows/gw-1+f20ca31c+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const std::string kOrigin = "narrows/gw-1";

class EvidenceLog : public testing::Test {
  protected:
    EvidenceLog()
        : folder_(fs::temp_directory_path() /
                  fmt::format("narrows-log-{}", testing::UnitTest::GetInstance()->random_seed() +
                                                    static_cast<int>(::getpid()))) {
        fs::remove_all(folder_);
    }
    ~EvidenceLog() override { fs::remove_all(folder_); }

    std::string log_folder() const { return folder_ / "log"; }
    std::unique_ptr<Log> open() {
        auto log = Log::open(io::posix(), log_folder(), kOrigin, signer_, 1);
        EXPECT_TRUE(log) << log.error().what;
        return std::move(log).value();
    }
    static void beat(Log& log, std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) {
            const Entry entry{static_cast<WallNs>(log.size()), HeartbeatEntry{}};
            ASSERT_TRUE(log.append({&entry, 1}));
        }
    }
    /// The root over the entries as the files have them, independently of the tiles.
    Hash root_of_bundles(std::uint64_t size) {
        TileReader tiles(io::posix(), log_folder());
        Frontier frontier;
        for (std::uint64_t i = 0; i * kTileWidth < size; ++i) {
            const auto bundle = tiles.bundle(i, tile_width(0, i, size)).value();
            for (const Bytes& entry : bundle) {
                frontier.append(leaf_hash(entry));
            }
        }
        return frontier.root();
    }
    bool has(const std::string& path) const { return fs::exists(log_folder() + "/" + path); }
    void damage(const std::string& path) {
        Bytes bytes = io::read_all(io::posix(), log_folder() + "/" + path, 1 << 20).value();
        bytes.back() ^= 1;
        ASSERT_TRUE(io::durable_write(io::posix(), log_folder() + "/" + path, bytes));
    }

    fs::path folder_;
    KeySigner signer_ = KeySigner::parse_skey(kSkey).value();
};

TEST_F(EvidenceLog, begins_with_its_key) {
    const auto log = open();
    EXPECT_EQ(log->size(), 1u);
    EXPECT_EQ(log->signed_checkpoint().checkpoint.size, 0u);
    const SignedCheckpoint checkpoint = log->checkpoint().value();
    EXPECT_EQ(checkpoint.checkpoint.size, 1u);
    TileReader tiles(io::posix(), log_folder());
    const Entry entry = decode_entry(tiles.bundle(0, 1).value()[0]).value();
    EXPECT_EQ(std::get<KeyEntry>(entry.body).vkey, vkey_text(signer_.key()));
}

TEST_F(EvidenceLog, every_checkpoint_is_signed_and_its_files_give_its_root) {
    const auto log = open();
    for (const std::uint64_t count : {1, 5, 249, 1, 1, 700, 0}) {
        beat(*log, count);
        const SignedCheckpoint checkpoint = log->checkpoint().value();
        const Note note = parse_note(checkpoint.note).value();
        EXPECT_TRUE(verify_note(note, {signer_.key()}));
        EXPECT_EQ(parse_checkpoint(note.text).value(), checkpoint.checkpoint);
        const std::uint64_t size = checkpoint.checkpoint.size;
        EXPECT_EQ(size, log->size());
        EXPECT_EQ(root_of_bundles(size), checkpoint.checkpoint.root) << size;
        TileReader tiles(io::posix(), log_folder());
        EXPECT_EQ(tree_root(size, tiles.nodes(size)).value(), checkpoint.checkpoint.root) << size;
    }
}

TEST_F(EvidenceLog, has_exactly_the_tiles_the_specification_names) {
    const auto log = open();
    beat(*log, 69'999 % Log::kPendingMax);
    ASSERT_TRUE(log->checkpoint());
    while (log->size() < 70'000) {
        beat(*log, std::min<std::uint64_t>(10'000, 70'000 - log->size()));
        ASSERT_TRUE(log->checkpoint());
    }
    // "A tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0
    // tile of width 112, one full level 1 tile, one partial level 1 tile of width 17, and one
    // partial level 2 tile of width 1."
    EXPECT_TRUE(has("tile/0/272"));
    EXPECT_FALSE(has("tile/0/273"));
    EXPECT_TRUE(has("tile/0/273.p/112"));
    EXPECT_TRUE(has("tile/1/000"));
    EXPECT_TRUE(has("tile/1/001.p/17"));
    EXPECT_TRUE(has("tile/2/000.p/1"));
    EXPECT_TRUE(has("tile/entries/272"));
    EXPECT_TRUE(has("tile/entries/273.p/112"));
    TileReader tiles(io::posix(), log_folder());
    const Hash root = log->signed_checkpoint().checkpoint.root;
    for (const std::uint64_t index : {0, 255, 256, 65'535, 65'536, 69'999}) {
        const Hash leaf = tiles.nodes(70'000)(0, index).value();
        const auto proof = inclusion_proof(index, 70'000, tiles.nodes(70'000)).value();
        EXPECT_TRUE(verify_inclusion(leaf, index, 70'000, proof, root)) << index;
    }
    const Hash old_root = tree_root(65'537, tiles.nodes(70'000)).value();
    const auto proof = consistency_proof(65'537, 70'000, tiles.nodes(70'000)).value();
    EXPECT_TRUE(verify_consistency(65'537, old_root, 70'000, root, proof));
}

TEST_F(EvidenceLog, keeps_partial_files_of_the_two_newest_checkpoints_only) {
    const auto log = open();
    for (int i = 0; i < 5; ++i) {
        beat(*log, 10);
        ASSERT_TRUE(log->checkpoint());
    }
    EXPECT_FALSE(has("tile/entries/000.p/31"));
    EXPECT_TRUE(has("tile/entries/000.p/41"));
    EXPECT_TRUE(has("tile/entries/000.p/51"));
    beat(*log, 205);
    ASSERT_TRUE(log->checkpoint());
    beat(*log, 1);
    ASSERT_TRUE(log->checkpoint());
    EXPECT_FALSE(has("tile/entries/000.p/51"));
    EXPECT_TRUE(has("tile/entries/000"));
}

TEST_F(EvidenceLog, goes_on_where_it_was) {
    Hash root{};
    std::uint64_t size = 0;
    for (const std::uint64_t count : {3, 252, 1, 300, 256}) {
        const auto log = open();
        EXPECT_EQ(log->size(), std::max<std::uint64_t>(size, 1));
        beat(*log, count);
        root = log->checkpoint().value().checkpoint.root;
        size = log->size();
    }
    EXPECT_EQ(root_of_bundles(size), root);
}

TEST_F(EvidenceLog, entries_written_but_not_signed_are_taken_over) {
    std::string older;
    SignedCheckpoint newest;
    {
        const auto log = open();
        beat(*log, 20);
        older = log->checkpoint().value().note;
        beat(*log, 600);
        newest = log->checkpoint().value();
    }
    // As if the process had died before the newest checkpoint's rename.
    ASSERT_TRUE(io::durable_write(io::posix(), log_folder() + "/checkpoint", as_bytes(older)));
    const auto log = open();
    EXPECT_EQ(log->signed_checkpoint().checkpoint.size, 21u);
    EXPECT_EQ(log->size(), newest.checkpoint.size);
    EXPECT_EQ(log->checkpoint().value().note, newest.note);
}

TEST_F(EvidenceLog, a_failed_write_loses_nothing_and_is_made_good) {
    const auto log = open();
    ASSERT_TRUE(log->checkpoint());
    beat(*log, 300);
    fs::rename(log_folder() + "/tile", log_folder() + "/away");
    std::ofstream(log_folder() + "/tile") << "a file where a folder belongs";
    EXPECT_FALSE(log->checkpoint());
    EXPECT_EQ(log->signed_checkpoint().checkpoint.size, 1u);
    fs::remove(log_folder() + "/tile");
    fs::rename(log_folder() + "/away", log_folder() + "/tile");
    const SignedCheckpoint checkpoint = log->checkpoint().value();
    EXPECT_EQ(checkpoint.checkpoint.size, 301u);
    EXPECT_EQ(root_of_bundles(301), checkpoint.checkpoint.root);
}

/// Remembers everything it ever signed, published or not.
class RememberingSigner : public NoteSigner {
  public:
    const VerifierKey& key() const override { return signer_.key(); }
    Result<crypto::Signature> sign(ByteView text) override {
        signed_.push_back(parse_checkpoint(as_text(text)).value());
        return signer_.sign(text);
    }
    const std::vector<Checkpoint>& all() const { return signed_; }

  private:
    KeySigner signer_ = KeySigner::parse_skey(kSkey).value();
    std::vector<Checkpoint> signed_;
};

/// Appends and signs until the file system dies or all is done; says what was published.
std::uint64_t work(io::FileSystem& disk, NoteSigner& signer, WallNs salt) {
    auto log = Log::open(disk, "/data/log", kOrigin, signer, salt);
    std::uint64_t published = 0;
    for (const std::uint64_t count : {1, 3, 252, 1, 40}) {
        for (std::uint64_t i = 0; log && i < count; ++i) {
            const Entry entry{salt + static_cast<WallNs>(i), HeartbeatEntry{}};
            EXPECT_TRUE(log.value()->append({&entry, 1}));
        }
        if (!log || !log.value()->checkpoint()) {
            break;
        }
        published = log.value()->size();
    }
    return published;
}

TEST_F(EvidenceLog, no_crash_at_any_operation_makes_a_fork_of_what_was_signed) {
    std::uint64_t cuts = 0;
    for (std::uint64_t die_at = 1; die_at < 120; ++die_at) {
        for (const bool power : {false, true}) {
            io::FaultyFileSystem disk;
            RememberingSigner signer;
            disk.set_faults({.die_at = die_at});
            const std::uint64_t published = work(disk, signer, 1'000);
            power ? disk.power_cut(die_at) : disk.kill();
            ASSERT_GE(work(disk, signer, 9'000), published + 297) << die_at;
            TileReader tiles(disk, "/data/log");
            const std::uint64_t size = signer.all().back().size;
            for (const Checkpoint& each : signer.all()) {
                const Result<Hash> root = tree_root(each.size, tiles.nodes(size));
                ASSERT_TRUE(root) << root.error().what;
                EXPECT_EQ(root.value(), each.root) << die_at << ", size " << each.size;
            }
            cuts += published < 298 ? 1 : 0;
        }
    }
    EXPECT_GT(cuts, 100u);
}

TEST_F(EvidenceLog, a_failing_disk_is_survived_without_forking) {
    for (std::uint64_t at = 1; at < 40; ++at) {
        io::FaultyFileSystem disk;
        RememberingSigner signer;
        disk.set_faults({.write_short_at = at, .sync_error_at = at + 3});
        auto log = Log::open(disk, "/data/log", kOrigin, signer, 1).value();
        for (int round = 0; round < 8; ++round) {
            const Entry entry{round, HeartbeatEntry{}};
            ASSERT_TRUE(log->append({&entry, 1}));
            const bool published = static_cast<bool>(log->checkpoint());
            EXPECT_TRUE(published || log->size() > log->signed_checkpoint().checkpoint.size);
        }
        EXPECT_EQ(log->checkpoint().value().checkpoint.size, 9u);
    }
}

TEST_F(EvidenceLog, refuses_more_than_it_may_hold) {
    const auto log = open();
    beat(*log, Log::kPendingMax - 1);
    const Entry entry{1, HeartbeatEntry{}};
    EXPECT_EQ(log->append({&entry, 1}).error().code, ErrorCode::exhausted);
    ASSERT_TRUE(log->checkpoint());
    EXPECT_TRUE(log->append({&entry, 1}));
}

TEST_F(EvidenceLog, refuses_to_go_on_with_anything_but_what_was_signed) {
    {
        const auto log = open();
        beat(*log, 300);
        ASSERT_TRUE(log->checkpoint());
    }
    const auto code_of_opening = [&] {
        return Log::open(io::posix(), log_folder(), kOrigin, signer_, 1).error().code;
    };
    for (const char* path :
         {"tile/1/000.p/1", "tile/0/001.p/45", "tile/entries/001.p/45", "checkpoint"}) {
        damage(path);
        EXPECT_EQ(code_of_opening(), ErrorCode::corrupt) << path;
        damage(path);
    }
    EXPECT_TRUE(Log::open(io::posix(), log_folder(), kOrigin, signer_, 1));
}

TEST_F(EvidenceLog, refuses_another_key_and_another_origin) {
    ASSERT_TRUE(open()->checkpoint());
    KeySigner other = KeySigner::make(kOrigin, crypto::SigningKey::generate()).value();
    EXPECT_EQ(Log::open(io::posix(), log_folder(), kOrigin, other, 1).error().code,
              ErrorCode::conflict);
    EXPECT_EQ(Log::open(io::posix(), log_folder(), "narrows/gw-2", signer_, 1).error().code,
              ErrorCode::conflict);
}

TEST_F(EvidenceLog, the_key_file_is_made_once_and_private) {
    const std::string path = folder_ / "keys" / "log.key";
    const VerifierKey made = open_key_file(io::posix(), path, kOrigin).value().key();
    EXPECT_EQ(open_key_file(io::posix(), path, kOrigin).value().key(), made);
    EXPECT_EQ(open_key_file(io::posix(), path, "narrows/gw-2").error().code, ErrorCode::conflict);
    struct stat info {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
}

}  // namespace
}  // namespace narrows::evidence
