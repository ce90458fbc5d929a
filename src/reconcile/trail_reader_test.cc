#include "reconcile/trail_reader.h"

#include <map>

#include <gtest/gtest.h>
#include <zlib.h>

namespace narrows::reconcile {
namespace {

constexpr int kFiles = 30;

Bytes packed(const std::string& text) {
    z_stream z{};
    EXPECT_EQ(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    Bytes out(deflateBound(&z, text.size()));
    const ByteView in = as_bytes(text);
    z.next_in = const_cast<Bytef*>(in.data());  // zlib does not write there
    z.avail_in = static_cast<uInt>(in.size());
    z.next_out = out.data();
    z.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
}

/// Counts how often its files are read.
class MemoryTrail final : public Trail {
  public:
    const std::string& name() const override { return name_; }
    Result<void> list(const std::function<Result<void>(const TrailFile&)>& take) override {
        for (const auto& [path, bytes] : files) {
            NARROWS_TRY(take({path, std::to_string(bytes.size())}));
        }
        return ok();
    }
    Result<void> read(const std::string& path,
                      const std::function<Result<void>(ByteView)>& take) override {
        ++reads;
        return take(files.at(path));
    }
    Result<std::string> signature(const std::string& /*path*/) override { return std::string(); }

    std::map<std::string, Bytes> files;
    int reads = 0;

  private:
    const std::string name_ = "memory";
};

std::string file_name(int minute) {
    return "AWSLogs/1/CloudTrail/us-east-1/2026/11/26/1_CloudTrail_us-east-1_20261126T10" +
           std::to_string(10 + minute) + "Z_a.json.gz";
}

/// An event of the user u, whom a session created, at ten o'clock.
std::string event_of(int id, const char* name, const char* answer) {
    return R"({"eventID":")" + std::to_string(id) +
           R"(","eventTime":"2026-11-26T10:00:00Z","eventSource":"iam.amazonaws.com","eventName":")" +
           name + R"(","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::1:user/u",)" +
           R"("accountId":"1"},"responseElements":)" + answer + "}";
}

TEST(TrailReader, reads_files_twice_and_not_once_for_everything_that_was_made) {
    Database state = Database::open("").value();
    Follower follower(state);
    const codec::Value request = codec::Map{{"UserName", "u"}};
    EXPECT_TRUE(follower.make({"iam", "CreateUser", "1", "us-east-1", request, {}},
                              {.session = "ns-a", .record = "3/7", .since = 1}, ""));
    MemoryTrail trail;
    for (int i = 0; i < kFiles; ++i) {
        const std::string key =
            R"({"accessKey":{"accessKeyId":"AKIA)" + std::to_string(i) + R"("}})";
        trail.files[file_name(i)] =
            packed(R"({"Records":[)" + event_of(i, "CreateAccessKey", key.c_str()) + "]}");
    }
    Matcher matcher(state, {"1:user/gateway"}, {});
    const PublicKeys keys;
    TrailReader reader(state, trail, keys, {});
    EXPECT_TRUE(reader.read_digests());
    EXPECT_TRUE(reader.read_logs(matcher));
    EXPECT_EQ(trail.reads, 2 * kFiles);
    Query made = state.prepare("SELECT count(*) FROM made WHERE what = 'key'");
    EXPECT_TRUE(made.next().value());
    EXPECT_EQ(made.number(0), kFiles);
}

}  // namespace
}  // namespace narrows::reconcile
