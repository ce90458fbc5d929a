#pragma once

#include "gateway/config/config.h"
#include "recorder/evidence_keeper.h"

namespace narrows::gateway {

/// The anchors that the configuration names. Those over HTTP share a loop of their own, so that
/// they neither wait for agents' traffic nor delay it. `clock` must outlive what is made.
recorder::AnchorSetup anchor_setup(const Config& config, const Clock& clock, bool accept_rollback);

}  // namespace narrows::gateway
