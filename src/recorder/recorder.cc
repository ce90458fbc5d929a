#include "recorder/recorder.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "evidence/key_ring.h"
#include "evidence/verify.h"
#include "recorder/journal_watch.h"

namespace narrows::recorder {
namespace {

using journal::Await;
using journal::Lane;

constexpr std::int64_t kInterruptedShownNs = 3600 * kNsPerSecond;
constexpr std::chrono::seconds kWatchTick{1};

/// Passes an OPEN's durability on to the log. Owns itself until it is told.
class Logged final : public journal::Waiter {
  public:
    Logged(EvidenceKeeper& keeper, std::shared_ptr<journal::Part> part, journal::Waiter& then)
        : keeper_(keeper), part_(std::move(part)), then_(then) {}
    void done(const Result<void>& outcome) noexcept override {
        const std::unique_ptr<Logged> self(this);
        if (outcome.has_value()) {
            keeper_.await_logged(std::move(part_), then_);
        } else {
            then_.done(outcome);
        }
    }

  private:
    EvidenceKeeper& keeper_;
    std::shared_ptr<journal::Part> part_;
    journal::Waiter& then_;
};

class LocalRecorder final : public Recorder {
  public:
    LocalRecorder(io::FileSystem& fs, const Clock& clock, const RecorderOptions& options)
        : keys_(fs, clock, options.data_dir, options.origin) {
        keys_.set_recipients(options.recipients);
    }
    ~LocalRecorder() override {
        custody_.reset();
        stop_watching();
        if (archiving_) {
            archiving_->stop();
        }
        if (keeper_) {
            keeper_->stop();
        }
        journal_.reset();  // an OPEN that was on its way becomes durable, and asks the keeper
        keeper_.reset();
        if (archiving_) {
            archiving_->round_at_end();
        }
    }

    Result<void> open(io::FileSystem& fs, const Clock& clock, RecorderOptions& options) {
        NARROWS_TRY(io::make_durable_directory(fs, evidence::keys_directory(options.data_dir)));
        Recovery recovery;
        NARROWS_TRY(Opened opened, Journal::open(fs, clock, journal_options(options, recovery)));
        journal_ = std::move(opened.journal);
        NARROWS_TRY(settle_archived(fs, options.data_dir, opened.report));
        NARROWS_TRY(found_, recovery.declare(*journal_, opened.report));
        NARROWS_TRY(std::unique_ptr<evidence::NoteSigner> signer, open_signer(fs, options));
        NARROWS_TRY(keeper_, EvidenceKeeper::open(fs, clock, options.data_dir, std::move(signer),
                                                  options.anchors, {*journal_, heads_, keys_}));
        const std::string trust =
            "# Who may sign this gateway's evidence log. Keep a copy elsewhere.\nlog " +
            keeper_->vkey() + "\n";
        NARROWS_TRY(io::durable_write(fs, options.data_dir + "/trust", as_bytes(trust)));
        if (found_.frames > 0) {
            keeper_->add(evidence::RecoveryEntry{found_.fields()});
        }
        if (found_.parts_interrupted > 0) {
            keeper_->alarms().show(
                "interrupted",
                fmt::format("the gateway had not ended when it stopped before: {} parts were "
                            "interrupted, {} operations have no known outcome",
                            found_.parts_interrupted, found_.operations_unknown),
                clock.mono() + kInterruptedShownNs);
        }
        watching_ = std::thread([this, &clock] { watch(clock); });
        custody_ = std::make_unique<Custody>(fs, clock, options.data_dir, options.origin, *keeper_,
                                             options.retention);
        if (const Result<void> done = custody_->finish_shredding(); !done.has_value()) {
            keeper_->alarms().raise("shredding unfinished",
                                    "keys that the log says are shredded are still here: " +
                                        done.error().what + "; the next start tries again");
        }
        return open_archive(fs, clock, options);
    }

    std::shared_ptr<journal::Part> begin_part(journal::PartInfo info) override {
        return journal_->begin_part(std::move(info));
    }
    std::shared_ptr<journal::Part> resume_part(const journal::PartReport& report) override {
        return journal_->resume_part(report);
    }
    Result<journal::Appended> append(journal::Part& part, Lane lane, journal::Subject subject,
                                     Bytes payload, Await await, journal::Waiter* waiter,
                                     journal::Use use) override {
        return journal_->append(part, lane, subject, std::move(payload), await, waiter, use);
    }
    Result<journal::Appended> append(journal::Part& part, Lane lane, journal::Subject subject,
                                     const journal::PayloadBuilder& build, Await await,
                                     journal::Waiter* waiter, journal::Use use) override {
        if (subject.kind != model::RecordKind::open || waiter == nullptr) {
            return journal_->append(part, lane, subject, build, await, waiter, use);
        }
        auto logged = std::make_unique<Logged>(*keeper_, part.shared_from_this(), *waiter);
        Result<journal::Appended> appended =
            journal_->append(part, lane, subject, build, await, logged.get(), use);
        if (appended.has_value()) {
            (void)logged.release();  // told, or to be told
        }
        return appended;
    }
    Result<void> sync(Lane lane, journal::Waiter& waiter) override {
        return journal_->sync(lane, waiter);
    }
    journal::State state() const override { return journal_->state(); }
    bool can_open_session() const override { return journal_->can_open_session(); }
    bool has_room_for(std::uint64_t body_bytes) const override {
        return journal_->has_room_for(body_bytes);
    }
    journal::Counters counters() const override { return journal_->counters(); }

    Status status() const override {
        Status status;
        status.journal = journal_->state();
        status.can_open_session = journal_->can_open_session();
        status.counters = journal_->counters();
        status.log_size = keeper_->size();
        status.log_trouble = keeper_->trouble();
        status.no_new_sessions = keeper_->no_new_sessions();
        status.refuses_operations = keeper_->refuses_operations();
        status.clock_jumps = keeper_->clock_jumps();
        status.anchors = keeper_->anchoring().states();
        status.anchored_age_ns = keeper_->anchoring().age_ns();
        status.alarms = keeper_->alarms().active();
        if (archiving_) {
            status.archive = archiving_->state();
        }
        return status;
    }
    const Found& found() const override { return found_; }
    void configured(const std::string& digest, const std::string& boot) override {
        keeper_->add(evidence::ConfigEntry{digest, boot});
    }
    std::vector<evidence::AlarmEntry> take_alarms() override {
        return keeper_->alarms().take_for_notices();
    }
    void set_recipients(evidence::Recipients recipients) override {
        keys_.set_recipients(std::move(recipients));
    }
    void set_retention(Retention retention) override {
        custody_->set_retention(std::move(retention));
    }
    Result<void> hold(const evidence::HoldEntry& word) override { return custody_->hold(word); }
    Result<std::uint64_t> shred(const ShredRequest& request) override {
        return custody_->shred(request);
    }
    Result<void> reconciled(const evidence::ReconciledEntry& entry) override {
        keeper_->add(entry);
        return keeper_->flush();
    }

  private:
    static Result<std::unique_ptr<evidence::NoteSigner>> open_signer(
        io::FileSystem& fs, const RecorderOptions& options) {
        if (options.open_signer) {
            return options.open_signer();
        }
        NARROWS_TRY(evidence::KeySigner key,
                    evidence::open_key_file(fs, options.data_dir + "/log.key", options.origin));
        return std::unique_ptr<evidence::NoteSigner>(
            std::make_unique<evidence::KeySigner>(std::move(key)));
    }
    /// On a thread of its own: it writes nothing and asks nobody, so nothing holds it up.
    void watch(const Clock& clock) {
        JournalWatch watch;
        std::unique_lock lock(watch_mutex_);
        while (!watch_wake_.wait_for(lock, kWatchTick, [this] { return watch_ends_; })) {
            keys_.tick();
            watch.look(journal_->state(), journal_->counters(), clock.mono(), keeper_->alarms());
        }
    }
    void stop_watching() {
        {
            const std::lock_guard lock(watch_mutex_);
            watch_ends_ = true;
        }
        watch_wake_.notify_all();
        if (watching_.joinable()) {
            watching_.join();
        }
    }
    Result<void> open_archive(io::FileSystem& fs, const Clock& clock, RecorderOptions& options) {
        if (!options.archive.store) {
            return ok();
        }
        NARROWS_TRY(evidence::VerifierKey log, evidence::parse_vkey(keeper_->vkey()));
        archiving_ = std::make_unique<Archiving>(
            fs, clock, std::move(options.archive), options.data_dir, std::move(log),
            keeper_->alarms(), [this](evidence::SegmentEntry entry) {
                if (keeper_) {  // else it is told again at the next start
                    keeper_->add(std::move(entry));
                }
            });
        return ok();
    }
    journal::Options journal_options(const RecorderOptions& options, Recovery& recovery) {
        journal::Options journal;
        journal.directory = evidence::journal_directory(options.data_dir);
        journal.origin = options.origin;
        journal.segment_bytes = options.segment_bytes;
        journal.reserve_bytes = options.reserve_bytes;
        journal.accept_corruption = options.accept_corruption;
        journal.on_recovered = [&recovery](const journal::Frame& frame) { recovery.see(frame); };
        journal.make_sealer = [this](model::PartNo part, const journal::PartInfo&) {
            return keys_.make(part);
        };
        journal.on_placed = [this](const journal::PartInfo& info,
                                   const journal::FrameHeader& header, const evidence::Hash& leaf) {
            heads_.placed(info, header, leaf);
        };
        if (options.receipt_key != nullptr) {
            journal.attest = [key = options.receipt_key](
                                 const journal::Subject& subject, model::PartNo part,
                                 model::Sequence sequence, ByteView payload) {
                return key->attest(subject, part, sequence, payload);
            };
        }
        return journal;
    }

    evidence::KeyStore keys_;
    evidence::PartHeads heads_;
    Found found_;
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<EvidenceKeeper> keeper_;
    std::mutex watch_mutex_;
    std::condition_variable watch_wake_;
    bool watch_ends_ = false;
    std::thread watching_;
    std::unique_ptr<Archiving> archiving_;
    std::unique_ptr<Custody> custody_;
};

}  // namespace

Result<std::unique_ptr<Recorder>> open_recorder(io::FileSystem& fs, const Clock& clock,
                                                RecorderOptions options) {
    auto recorder = std::make_unique<LocalRecorder>(fs, clock, options);
    NARROWS_TRY(recorder->open(fs, clock, options));
    return std::unique_ptr<Recorder>(std::move(recorder));
}

}  // namespace narrows::recorder
