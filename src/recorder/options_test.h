#pragma once

#include <string>
#include <utility>

#include "crypto/age.h"
#include "journal/store_test.h"
#include "recorder/recorder.h"

/// For this room's tests.
namespace narrows::recorder {

/// A small recorder without anchors, of which `reviewer` reads everything but secret values.
inline RecorderOptions small_recorder(std::string data_dir, const crypto::AgeIdentity& reviewer) {
    RecorderOptions options;
    options.data_dir = std::move(data_dir);
    options.origin = journal::testing::kOrigin;
    options.segment_bytes = 1 << 20;
    options.reserve_bytes = 2 << 20;
    options.anchors.make = [](const evidence::VerifierKey&) {
        return Result<AnchorSetup::Anchors>(AnchorSetup::Anchors());
    };
    options.recipients.operations = {reviewer.recipient()};
    options.recipients.bodies = {reviewer.recipient()};
    return options;
}

}  // namespace narrows::recorder
