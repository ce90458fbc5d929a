#include "gateway/anchors.h"

#include "evidence/note.h"
#include "gateway/own_loop_fetch.h"
#include "gateway/s3_store.h"
#include "gateway/store_anchor.h"
#include "gateway/witness_anchor.h"

namespace narrows::gateway {
namespace {

Result<std::unique_ptr<evidence::Anchor>> make_anchor(const AnchorSection& anchor,
                                                      const Clock& clock,
                                                      const evidence::VerifierKey& log,
                                                      Fetches& fetches) {
    if (anchor.type == "directory") {
        return std::unique_ptr<evidence::Anchor>(std::make_unique<evidence::DirectoryAnchor>(
            io::posix(), clock, anchor.name, anchor.path, log));
    }
    if (anchor.type == "s3") {
        NARROWS_TRY(std::unique_ptr<S3Client> client, S3Client::make(anchor.s3, clock, fetches));
        auto store =
            std::make_unique<S3Store>(std::move(client), clock, S3Locks{anchor.retention_days});
        return std::unique_ptr<evidence::Anchor>(
            std::make_unique<StoreAnchor>(anchor.name, std::move(store), log));
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
