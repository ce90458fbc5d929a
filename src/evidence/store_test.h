#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "codec/cbor.h"
#include "codec/text.h"
#include "evidence/heads.h"
#include "evidence/key_ring.h"
#include "evidence/log.h"
#include "evidence/part_keys.h"
#include "evidence/payload.h"
#include "evidence/verify.h"
#include "journal/store_test.h"

/// A small data directory, made through the journal and the log, for the tests of whoever reads.
namespace narrows::evidence::testing {

using codec::Map;
using codec::Value;
using journal::Lane;
using model::RecordKind;

inline constexpr std::string_view kSkey =
    "PRIVATE+KEY+narrows/gw-1+f20ca31c+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
inline constexpr std::string_view kVkey =
    "narrows/gw-1+f20ca31c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
inline const std::string kSession = "ns-abcdefghijklmnopqrstuvwxyz";

inline Value observed(Map fields) {
    return Map{{"observed", std::move(fields)}};
}

class Store {
  public:
    explicit Store(io::FileSystem& fs, std::string data_dir = "/data", Recipients readers = {})
        : fs_(fs),
          data_dir_(std::move(data_dir)),
          keys_(fs, system_clock(), data_dir_, journal::testing::kOrigin) {
        keys_.set_recipients(std::move(readers));
        EXPECT_TRUE(fs_.make_directory(keys_directory(data_dir_)));
        journal::Options options = journal::testing::small_options();
        options.directory = journal_directory(data_dir_);
        options.make_sealer = [this](model::PartNo part, const journal::PartInfo&) {
            return keys_.make(part);
        };
        options.on_placed = [this](const journal::PartInfo& info,
                                   const journal::FrameHeader& header,
                                   const Hash& leaf) { heads_.placed(info, header, leaf); };
        journal_ = std::move(journal::testing::open(fs_, options).value().journal);
        log_ =
            Log::open(fs_, log_directory(data_dir_), journal::testing::kOrigin, signer_, 1).value();
    }

    /// A new part with its OPEN; without `session` a system part.
    void begin(const std::string& session = kSession) {
        part_ = journal_->begin_part({session.empty() ? "system" : "session", session});
        counts_.clear();
        Map fields{{"session", session}, {"kind", session.empty() ? "system" : "session"}};
        fields["enforcement"] =
            Map{{"level", "network"}, {"words", "The agent had no other way to AWS."}};
        fields["connections"] = codec::List{Map{{"name", "reports-ro"},
                                                {"type", "aws"},
                                                {"account", "123456789012"},
                                                {"scope_sha256", std::string(64, 'a')}}};
        put(RecordKind::open,
            Map{{"observed", fields},
                {"verified", Map{{"agent", Map{{"id", "reporter"}, {"method", "key"}}}}},
                {"attested", Map{{"task", Map{{"title", "weekly report"}, {"reason", "asked"}}}}},
                {"stated", Map{{"principal", "pat\x1b[31m"}}}});
    }
    /// One record; its sequence number.
    std::uint64_t put(RecordKind kind, const Value& payload, Lane lane = Lane::control) {
        journal::testing::Outcome outcome;
        const bool waits = await_ != journal::Await::none;
        const auto appended =
            journal_->append(*part_, lane, subject_of(kind, payload), codec::cbor_encode(payload),
                             await_, waits ? &outcome : nullptr);
        EXPECT_TRUE(appended && (!waits || outcome.wait()));
        if (kind == RecordKind::open) {
            log_ends();
        }
        ++counts_[model::name_of(kind)];
        return appended.value().sequence.value();
    }
    std::uint64_t intent(const char* verdict, Value body = Map{}, const char* effect = "read") {
        const std::uint64_t op = part_->next().value();
        put(RecordKind::intent,
            Map{{"observed",
                 Map{{"op", op},
                     {"connection", "reports-ro"},
                     {"request", Map{{"method", "GET"}, {"target", "/b/k"}, {"body", body}}},
                     {"decision", Map{{"verdict", verdict},
                                      {"reason", "allowed"},
                                      {"statement", "ReadReports"},
                                      {"why", "the scope says so"}}}}},
                {"derived",
                 Map{{"service", "s3"},
                     {"operation", "GetObject"},
                     {"effect", effect},
                     {"parameters", Map{{"Bucket", "reports"}, {"Key", "a\x1b]0;x\x07.csv"}}},
                     {"access", codec::List{Map{
                                    {"action", "s3:GetObject"},
                                    {"resources", codec::List{Map{{"arn", "arn:aws:s3:::reports/a"},
                                                                  {"exact", true}}}}}}}}}});
        return op;
    }
    void sent(std::uint64_t op) {
        put(RecordKind::sent, observed({{"op", op}, {"attempt", 1}}), Lane::bulk);
    }
    void body(std::uint64_t op, std::uint64_t index, std::string_view bytes,
              const char* direction = "response") {
        put(RecordKind::body,
            Map{{"op", op}, {"dir", direction}, {"index", index}, {"bytes", to_bytes(bytes)}},
            Lane::bulk);
    }
    void result(std::uint64_t op, std::string_view response) {
        put(RecordKind::result,
            observed({{"op", op},
                      {"outcome", "answered"},
                      {"status", 200},
                      {"aws_request_id", "REQ1"},
                      {"bytes_request", 0},
                      {"bytes_response", response.size()},
                      {"sha256_response", codec::hex(crypto::sha256(response))},
                      {"duration_ns", 1'500'000}}),
            Lane::bulk);
    }
    /// A whole allowed operation with a two-piece answer.
    std::uint64_t operation() {
        const std::uint64_t op = intent("allow");
        sent(op);
        put(RecordKind::head, observed({{"op", op}, {"status", 200}}), Lane::bulk);
        body(op, 0, "hello\x1b[2J ");
        body(op, 1, "world");
        result(op, "hello\x1b[2J world");
        return op;
    }
    void close(const char* reason = "ended") {
        Map counts;
        for (const auto& [kind, count] : counts_) counts.emplace(kind, count);
        close_with(observed({{"reason", reason}, {"counts", counts}}));
    }
    void close_with(const Value& payload) {
        put(RecordKind::close, payload);
        log_ends();
    }
    /// Logs how far the parts have come.
    void interval() {
        log_ends();
        for (const Entry& each : split_interval(3, std::exchange(held_.heads, {}))) add(each);
        EXPECT_TRUE(log_->checkpoint());
    }
    void add(const Entry& entry) { EXPECT_TRUE(log_->append({&entry, 1})); }
    std::string checkpoint() { return log_->checkpoint().value().note; }
    /// Ends the writer, so that the directory is still.
    void stop() {
        EXPECT_TRUE(log_->checkpoint());
        journal_.reset();
        log_.reset();
    }

    /// Makes syncs fail one after another, each below a record that `put` appends, until the
    /// journal has given up one more segment: a spare in preparation may take a fault instead.
    void fail_a_sync(io::FaultyFileSystem& disk, const std::function<void()>& put) {
        const std::uint64_t before = faults();
        await_ = journal::Await::none;
        for (int tries = 0; tries < 20 && faults() == before; ++tries) {
            disk.set_faults({.sync_error_at = disk.syncs() + 1});
            put();
            std::this_thread::sleep_for(std::chrono::milliseconds(200));  // bulk waits up to 50 ms
        }
        await_ = journal::Await::durable;
        EXPECT_EQ(faults(), before + 1);
    }

    io::FileSystem& fs() { return fs_; }
    const std::string& data_dir() const { return data_dir_; }
    journal::Journal& journal() { return *journal_; }

  private:
    /// What a reader without a key sees of a record.
    static journal::Subject subject_of(RecordKind kind, const Value& payload) {
        const Value* observed = payload.find("observed");
        const Value& fields = observed == nullptr ? payload : *observed;
        const Value* decision = fields.find("decision");
        std::uint8_t flags = 0;
        if (decision != nullptr && decision->text("verdict") == "allow") {
            flags |= journal::kFlagAllowed;
        }
        if (kind == RecordKind::close && fields.text("reason") == "drained") {
            flags |= journal::kFlagContinues;
        }
        if (kind == RecordKind::body && fields.text("dir") == "response") {
            flags |= journal::kFlagResponse;
        }
        const auto op = static_cast<std::uint64_t>(has_operation(kind) ? fields.number("op") : 0);
        return {kind, model::Sequence(op), flags};
    }
    void log_ends() {
        held_.add(heads_.take());
        for (OpenEntry& open : held_.opens) {
            open.keys = keys_.take_envelopes(open.part);
            add({2, open});
        }
        for (const CloseEntry& close : held_.closes) add({3, close});
        held_.opens.clear();
        held_.closes.clear();
    }
    std::uint64_t faults() const {
        const journal::Counters counters = journal_->counters();
        return counters.control.faults + counters.bulk.faults;
    }

    journal::Await await_ = journal::Await::durable;  ///< what `put` waits for
    io::FileSystem& fs_;
    std::string data_dir_;
    KeyStore keys_;
    KeySigner signer_ = KeySigner::parse_skey(kSkey).value();
    std::unique_ptr<journal::Journal> journal_;
    std::unique_ptr<Log> log_;
    std::shared_ptr<journal::Part> part_;
    PartHeads heads_;
    Grown held_;
    std::map<std::string, std::uint64_t> counts_;
};

/// A clean store: a system part and a session with an answered and a denied operation; then what
/// `more` adds before the writer ends.
inline void fill(Store& store, const std::function<void(Store&)>& more = nullptr) {
    store.begin("");
    store.begin();
    store.operation();
    store.interval();
    store.intent("deny");
    store.intent("deny", Map{{"size", 5},
                             {"inline", to_bytes(std::string_view("hello"))},
                             {"sha256", codec::hex(crypto::sha256("hello"))}});
    store.close();
    if (more) more(store);
    store.stop();
}

}  // namespace narrows::evidence::testing
