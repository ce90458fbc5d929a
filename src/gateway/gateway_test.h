#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "base/check.h"
#include "codec/cbor.h"
#include "codec/text.h"
#include "evidence/key_ring.h"
#include "gateway/boot.h"
#include "gateway/lifecycle.h"
#include "journal/reader.h"
#include "process/channel.h"
#include "protocols/aws/signer/server.h"

/// A gateway's runtime over a real directory, without listeners: booted, worked with, given up.
namespace narrows::gateway::testing {

struct Record {
    std::uint64_t part = 0;
    model::RecordKind kind = model::RecordKind::notice;
    codec::Value payload;
    const codec::Value& observed() const { return *payload.find("observed"); }
};

class Folder {
  public:
    Folder() {
        std::string name = std::filesystem::temp_directory_path() / "narrows-test-XXXXXX";
        NARROWS_CHECK(::mkdtemp(name.data()) != nullptr, "a temporary directory can be made");
        path = name;
        write("scope.json", R"({"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"s3:*","Resource":"*"}]})");
        write("narrows.toml", config());
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path / name) << text;
    }
    static std::string config(const std::string& connection_more = "",
                              const std::string& grant_more = "launchers = [\"ci\"]") {
        const std::string key = codec::hex(crypto::sha256("any key"));
        return "[gateway]\nname = \"gw-1\"\ndata_dir = \"data\"\n"
               "[recording]\nsegment_mib = 1\nreserve_mib = 16\n"
               "[[launcher]]\nid = \"ci\"\nkey_sha256 = \"" +
               key +
               "\"\n"
               "[[agent]]\nid = \"reader\"\nkey_sha256 = \"" +
               codec::hex(crypto::sha256("another")) +
               "\"\n"
               "[[connection]]\nname = \"c1\"\naccount = \"123456789012\"\n"
               "regions = [\"us-east-1\"]\nscope = \"scope.json\"\n"
               "role_arn = \"arn:aws:iam::123456789012:role/r\"\n" +
               connection_more +
               "\n"
               "[[grant]]\nagent = \"reader\"\nconnections = [\"c1\"]\n" +
               grant_more + "\n";
    }
    std::vector<Record> records() const {
        std::vector<Record> records;
        evidence::KeyRing keys(io::posix(), path / "data");
        const Bytes key =
            io::read_all(io::posix(), path / "data" / "reviewer.key", 1 << 16).value();
        NARROWS_CHECK(keys.add(as_text(key)).has_value(), "the reviewer's key is one");
        auto reader = journal::Reader::open(io::posix(), path / "data" / "journal");
        while (auto item = reader.value().next().value()) {
            const journal::Frame* frame = std::get_if<journal::Frame>(&*item);
            if (frame != nullptr && frame->part.value() != 0) {
                const ByteView plain = keys.open(reader.value().origin(), *frame).value();
                records.push_back(
                    {frame->part.value(), frame->kind, codec::cbor_decode(plain).value()});
            }
        }
        return records;
    }
    /// Records of one kind in the order they stand in.
    std::vector<Record> records(model::RecordKind kind) const {
        std::vector<Record> all = records();
        std::erase_if(all, [&](const Record& record) { return record.kind != kind; });
        return all;
    }
    std::filesystem::path path;
};

/// One start of the gateway. Its destruction is a crash: nothing is closed.
class Boot {
  public:
    explicit Boot(const Folder& folder) {
        auto config = load_config(folder.path / "narrows.toml");
        NARROWS_CHECK(config.has_value(), "the test's configuration is right");
        Secret group_key(Bytes(32, 7));
        Handover handover;
        handover.receipt_key = Secret(std::string_view("receipt key"));
        signer = std::make_unique<signer::Server>(
            signer::Server::Keys{handover.receipt_key.copy(),
                                 identity::GroupKey::from_bytes(std::move(group_key)).value()},
            no_credentials_, no_fetch_, system_clock(), workers_);
        process::Pair link = process::stream_pair().value();
        handover.links.push_back(std::move(link.first));
        runtime =
            boot(std::move(config.value()), system_clock(), 1, {}, std::move(handover)).value();
        signer->serve(runtime->loops.at(0), std::move(link.second));
        thread_ = std::thread([this] { runtime->loops.run(); });
        const Result<void> declared = wait<Result<void>>(
            [this]() -> net::Task<Result<void>> { co_return co_await declare_start(*runtime); });
        NARROWS_CHECK(declared.has_value(), "the gateway starts");
    }
    ~Boot() {
        runtime->loops.stop();
        thread_.join();
    }
    Boot(const Boot&) = delete;
    Boot& operator=(const Boot&) = delete;

    template <class T>
    T wait(std::function<net::Task<T>()> story) {
        std::promise<T> done;
        runtime->loops.at(0).spawn([&]() -> net::Task<void> {
            T value = co_await story();
            done.set_value(std::move(value));
        });
        return done.get_future().get();
    }
    session::SessionPtr session(std::int64_t lifetime_s = 600) {
        Start start;
        start.launcher = identity::Identity{"ci", identity::Method::key, "", {}, {}, 0};
        start.agent = identity::Identity{"reader", identity::Method::key, "", {}, {}, 0};
        start.task.title = "a task";
        start.connections = {"c1"};
        start.lifetime_s = lifetime_s;
        return this->start(std::move(start)).value().session;
    }
    Result<Started> start(Start start) {
        return wait<Result<Started>>([&]() -> net::Task<Result<Started>> {
            co_return co_await start_session(*runtime, std::move(start));
        });
    }
    Result<void> end(const session::SessionPtr& session, const std::string& reason) {
        return wait<Result<void>>([&]() -> net::Task<Result<void>> {
            const session::Ending ending{reason, "somebody", std::nullopt};
            co_return co_await end_session(*runtime, session, ending);
        });
    }
    std::unique_ptr<Runtime> runtime;
    std::unique_ptr<signer::Server> signer;  ///< on the same loop as the gateway

  private:
    struct NoCredentials : upstream::CredentialSource {
        Result<upstream::HostCredentials> get(const std::string&) override {
            return fail(ErrorCode::not_found, "a test has no credentials");
        }
    };
    struct NoFetch : upstream::HttpFetch {
        Result<upstream::FetchResponse> fetch(const upstream::FetchRequest&) override {
            return fail(ErrorCode::unavailable, "a test has no network");
        }
    };
    NoCredentials no_credentials_;
    NoFetch no_fetch_;
    net::Workers workers_{1};
    std::thread thread_;
};

}  // namespace narrows::gateway::testing
