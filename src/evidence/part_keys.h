#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "crypto/age.h"
#include "crypto/ratchet.h"
#include "evidence/entry.h"
#include "io/file.h"
#include "journal/journal.h"

namespace narrows::evidence {

/// Who may read what is recorded, by class; a class with nobody has no key.
struct Recipients {
    std::vector<crypto::AgeRecipient> operations;
    std::vector<crypto::AgeRecipient> bodies;
    std::vector<crypto::AgeRecipient> secrets;
};

/// The keys of one part in their current epochs (docs/format.md section 4.1). Thread-safe.
class PartKeys final : public journal::Sealer {
  public:
    static constexpr std::uint64_t kEpochBytes = 1 << 20;  ///< of plaintext
    static constexpr std::int64_t kEpochNs = 60 * kNsPerSecond;

    PartKeys(const Clock& clock, std::string origin) : clock_(clock), origin_(std::move(origin)) {}

    void add(journal::KeyClass key, Secret session_key);
    Result<Bytes> seal(journal::FrameHeader& header, Bytes plain) override;
    bool seals(journal::KeyClass key) const override;
    /// Wipes epochs that are over by time.
    void tick();

  private:
    struct Current {
        crypto::Ratchet ratchet;
        MonoNs since = 0;
        bool used = false;
    };
    void advance(Current& current) const;

    const Clock& clock_;
    const std::string origin_;
    mutable std::mutex mutex_;
    std::array<std::optional<Current>, journal::kKeyClasses.size()> current_;
};

/// Makes the keys of parts and puts their envelopes beside the journal. Thread-safe.
class KeyStore {
  public:
    /// `data_dir` holds journal/ and keys/.
    KeyStore(io::FileSystem& fs, const Clock& clock, const std::string& data_dir,
             std::string origin);

    /// For parts that begin from now on.
    void set_recipients(Recipients recipients);
    /// Durable when it returns. Nothing is sealed if nobody may read.
    Result<std::shared_ptr<journal::Sealer>> make(model::PartNo part);
    /// The envelopes of a part that `make` made and nobody took yet, for its OPEN entry.
    PartEnvelopes take_envelopes(model::PartNo part);
    /// Wipes epochs that are over by time. To be called every second.
    void tick();

  private:
    io::FileSystem& fs_;
    const Clock& clock_;
    const std::string directory_;
    const std::string origin_;
    std::mutex mutex_;
    std::shared_ptr<const Recipients> recipients_ = std::make_shared<Recipients>();
    std::map<model::PartNo, PartEnvelopes> envelopes_;
    std::vector<std::weak_ptr<PartKeys>> live_;
};

}  // namespace narrows::evidence
