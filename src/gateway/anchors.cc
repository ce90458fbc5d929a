#include "gateway/anchors.h"

#include <thread>

#include "evidence/note.h"
#include "gateway/fetcher.h"
#include "gateway/witness_anchor.h"

namespace narrows::gateway {
namespace {

/// HTTP exchanges on a loop and thread of their own, which end with the object.
class OwnLoopFetch : public upstream::HttpFetch {
  public:
    explicit OwnLoopFetch(std::shared_ptr<net::TlsClientContext> tls)
        : tls_(std::move(tls)), thread_([this] { loops_.run(); }) {}
    ~OwnLoopFetch() override {
        loops_.stop();
        thread_.join();
    }
    Result<upstream::FetchResponse> fetch(const upstream::FetchRequest& request) override {
        return fetcher_.fetch(request);
    }

  private:
    net::Loops loops_{1};
    std::shared_ptr<net::TlsClientContext> tls_;
    Fetcher fetcher_{loops_, *tls_, {}};
    std::thread thread_;
};

/// One for each set of roots that witnesses are verified against.
class Fetches {
  public:
    Result<std::shared_ptr<upstream::HttpFetch>> for_ca(const std::string& ca) {
        std::shared_ptr<upstream::HttpFetch>& fetch = by_ca_[ca];
        if (!fetch) {
            NARROWS_TRY(std::shared_ptr<net::TlsClientContext> tls,
                        net::TlsClientContext::make(ca));
            fetch = std::make_shared<OwnLoopFetch>(std::move(tls));
        }
        return fetch;
    }

  private:
    std::map<std::string, std::shared_ptr<upstream::HttpFetch>> by_ca_;
};

Result<std::unique_ptr<evidence::Anchor>> make_anchor(const AnchorSection& anchor,
                                                      const Clock& clock,
                                                      const evidence::VerifierKey& log,
                                                      Fetches& fetches) {
    if (anchor.type == "directory") {
        return std::unique_ptr<evidence::Anchor>(std::make_unique<evidence::DirectoryAnchor>(
            io::posix(), clock, anchor.name, anchor.path, log));
    }
    NARROWS_TRY(std::shared_ptr<upstream::HttpFetch> http, fetches.for_ca(anchor.ca));
    NARROWS_TRY(evidence::VerifierKey key, evidence::parse_vkey(anchor.key));
    NARROWS_TRY(std::unique_ptr<WitnessAnchor> witness,
                WitnessAnchor::make(anchor.name, anchor.url, std::move(key), std::move(http)));
    return std::unique_ptr<evidence::Anchor>(std::move(witness));
}

}  // namespace

recorder::AnchorSetup anchor_setup(const Config& config, const Clock& clock, bool accept_rollback) {
    recorder::AnchorSetup setup;
    setup.policy.every_ns = config.evidence.anchor_every_s * kNsPerSecond;
    setup.policy.age_max_ns = config.evidence.anchor_age_max_s * kNsPerSecond;
    setup.policy.required = config.evidence.anchor_required;
    setup.accept_rollback = accept_rollback;
    setup.make = [sections = config.anchors, &clock](
                     const evidence::VerifierKey& log) -> Result<recorder::AnchorSetup::Anchors> {
        recorder::AnchorSetup::Anchors anchors;
        Fetches fetches;
        for (const AnchorSection& section : sections) {
            NARROWS_TRY(std::unique_ptr<evidence::Anchor> anchor,
                        make_anchor(section, clock, log, fetches));
            anchors.push_back(std::move(anchor));
        }
        return anchors;
    };
    return setup;
}

}  // namespace narrows::gateway
