#include <filesystem>
#include <fstream>
#include <iostream>

#include <fmt/format.h>

#include "evidence/store_test.h"

// Writes small data directories, made by the journal and the log themselves, for tests/tamper.
// Usage: make_store DIR. Makes DIR/clean, DIR/again (as clean, by another start of everything), DIR/fault (a sync
// failed), DIR/killed (the process died), DIR/long (a log of more than one tile). Beside journal/, keys/ and log/ lie kept/,
// the log's checkpoints as they were signed, and `identity`, the reviewer's key.
namespace {

using namespace narrows;
using evidence::testing::Store;

void copy_out(io::FaultyFileSystem& disk, const std::string& folder,
              const std::filesystem::path& to) {
    const auto found = disk.list(folder);
    for (const std::string& name : found ? found.value() : std::vector<std::string>{}) {
        std::filesystem::create_directories(to);
        const Bytes bytes = disk.content(folder + "/" + name);
        std::ofstream(to / name, std::ios::binary) << as_text(bytes);
    }
}

class Maker {
  public:
    explicit Maker(std::filesystem::path to) : to_(std::move(to)) {}

    io::FaultyFileSystem& disk() { return disk_; }
    /// A start of a gateway that seals to the store's reviewer.
    Store start() {
        const std::vector<crypto::AgeRecipient> reader{identity_.recipient()};
        return Store(disk_, "/data", {reader, reader, {}});
    }
    void keep(Store& store) {
        disk_.set_content(fmt::format("/data/kept/{}", ++kept_), to_bytes(store.checkpoint()));
    }
    void save() {
        for (const char* folder :
             {"journal", "keys", "kept", "log", "log/tile/0", "log/tile/0/000.p", "log/tile/0/001.p",
              "log/tile/1/000.p", "log/tile/entries", "log/tile/entries/000.p",
              "log/tile/entries/001.p"}) {
            copy_out(disk_, std::string("/data/") + folder, to_ / folder);
        }
        std::ofstream(to_ / "trust") << "log " << evidence::testing::kVkey << "\n";
        std::ofstream(to_ / "identity") << identity_.text().text() << "\n";
    }

  private:
    std::filesystem::path to_;
    io::FaultyFileSystem disk_;
    crypto::AgeIdentity identity_ = crypto::AgeIdentity::generate();
    int kept_ = 0;
};

void upload(Store& store) {
    const auto op = store.intent("allow", codec::Map{{"size", 5}, {"inline", "records"}}, "write");
    store.body(op, 0, "hello", "request");
    store.sent(op);
    store.body(op, 1, "", "request");
    store.put(model::RecordKind::result,
              evidence::testing::observed(
                  {{"op", op}, {"outcome", "answered"}, {"status", 200}, {"bytes_request", 5}}),
              journal::Lane::bulk);
}

void denials(Store& store) {
    store.intent("deny");
    store.intent("deny", codec::Map{{"size", 5},
                                    {"inline", to_bytes(std::string_view("hello"))},
                                    {"sha256", codec::hex(crypto::sha256("hello"))}});
}

/// Two starts of a gateway; a session in each.
void clean(Maker& maker) {
    Store first = maker.start();
    first.begin("");
    maker.keep(first);
    first.close("drained");
    first.begin();
    first.operation();
    first.interval();
    maker.keep(first);
    denials(first);
    first.close();
    first.stop();
    Store second = maker.start();
    second.begin("ns-zzzzzzzzzzzzzzzzzzzzzzzzzz");
    upload(second);
    second.close();
    maker.keep(second);
    second.stop();
}

/// A sync of each lane fails: segments are given up, their last records stand twice.
void fault(Maker& maker) {
    Store store = maker.start();
    store.begin();
    store.operation();
    store.fail_a_sync(maker.disk(), [&] { store.intent("deny"); });
    const auto op = store.intent("allow");
    store.fail_a_sync(maker.disk(), [&] { store.sent(op); });
    store.result(op, "");
    store.close();
    store.stop();
}

/// The process dies; the next start closes nothing (that is the gateway's work) and goes on.
void killed(Maker& maker) {
    {
        Store store = maker.start();
        store.begin();
        store.operation();
        store.interval();
        store.intent("allow");
        maker.disk().kill();
    }
    Store store = maker.start();
    store.begin("ns-zzzzzzzzzzzzzzzzzzzzzzzzzz");
    store.operation();
    store.close();
    store.stop();
}

void long_log(Maker& maker) {
    Store store = maker.start();
    store.begin();
    for (int i = 0; i < 270; ++i) {
        store.add({4 + i, evidence::HeartbeatEntry{}});
    }
    maker.keep(store);
    store.close();
    store.stop();
}

}  // namespace

int main(int argc, char** argv) {
    const std::filesystem::path to = argc == 2 ? argv[1] : "";
    if (to.empty()) {
        std::cerr << "usage: make_store DIR\n";
        return 2;
    }
    const std::pair<const char*, void (*)(Maker&)> stores[] = {
        {"clean", clean}, {"again", clean}, {"fault", fault}, {"killed", killed}, {"long", long_log}};
    for (const auto& [name, make] : stores) {
        Maker maker(to / name);
        make(maker);
        maker.save();
    }
    return ::testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed() ? 1 : 0;
}
