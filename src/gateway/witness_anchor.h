#pragma once

#include <memory>

#include "evidence/anchor.h"
#include "net/tls.h"
#include "protocols/aws/upstream/fetch.h"

namespace narrows::gateway {

/// A witness over HTTP (C2SP tlog-witness). Each exchange is bounded by kExchangeMs for each of
/// resolving, connecting, securing and answering; a call makes kExchangesMax of them at most.
class WitnessAnchor : public evidence::Anchor {
  public:
    static constexpr std::int64_t kExchangeMs = 3'000;
    static constexpr int kExchangesMax = 3;
    static constexpr std::size_t kAnswerMax = 64 * 1024;

    /// `url`: the submission prefix. `http` must outlive it.
    static Result<std::unique_ptr<WitnessAnchor>> make(std::string name, const std::string& url,
                                                       evidence::VerifierKey key,
                                                       std::shared_ptr<upstream::HttpFetch> http);

    const std::string& name() const override { return name_; }
    const char* kind() const override { return "witness"; }
    const evidence::VerifierKey* key() const override { return &key_; }
    Result<evidence::Anchored> give(const evidence::SignedCheckpoint& checkpoint,
                                    const evidence::LogView& log) override;

  private:
    WitnessAnchor() = default;
    Result<upstream::FetchResponse> post(const evidence::SignedCheckpoint& checkpoint,
                                         const evidence::LogView& log) const;
    Result<evidence::Anchored> cosigned(const evidence::SignedCheckpoint& checkpoint,
                                        std::string_view body);
    Result<std::optional<evidence::Anchored>> conflict(const evidence::SignedCheckpoint& checkpoint,
                                                       const upstream::FetchResponse& answer);
    Error odd(int status) const;

    std::string name_;
    upstream::Target target_;
    std::string path_;  ///< of add-checkpoint
    evidence::VerifierKey key_;
    std::shared_ptr<upstream::HttpFetch> http_;
    std::uint64_t known_ = 0;  ///< the size that the witness is thought to have
};

}  // namespace narrows::gateway
