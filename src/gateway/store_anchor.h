#pragma once

#include <memory>

#include "archive/store.h"
#include "evidence/anchor.h"

namespace narrows::gateway {

/// An anchor that keeps every checkpoint it is given as an object of its own in a store, locked
/// where the store locks: ORIGIN/REST-SIZE, where REST counts down as SIZE goes up, so that the
/// newest stands first in any listing.
class StoreAnchor : public evidence::Anchor {
  public:
    /// `log`: the key that signs the checkpoints.
    StoreAnchor(std::string name, std::unique_ptr<archive::Store> store, evidence::VerifierKey log)
        : name_(std::move(name)), store_(std::move(store)), log_(std::move(log)) {}
    const std::string& name() const override { return name_; }
    const char* kind() const override { return "s3"; }
    Result<evidence::Anchored> give(const evidence::SignedCheckpoint& checkpoint,
                                    const evidence::LogView& log) override;

  private:
    Result<std::optional<evidence::Note>> newest(const std::string& folder);
    Result<evidence::Note> read(const std::string& key, const std::string& version);

    std::string name_;
    std::unique_ptr<archive::Store> store_;
    evidence::VerifierKey log_;
};

}  // namespace narrows::gateway
