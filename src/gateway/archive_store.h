#pragma once

#include <memory>
#include <string>

#include "archive/store.h"
#include "gateway/config/config.h"
#include "gateway/own_loop_fetch.h"
#include "recorder/archiving.h"

namespace narrows::gateway {

/// What the configuration archives to, at the folder of the gateway `origin`; without a store if
/// it archives nowhere. `clock` must outlive it.
Result<recorder::ArchiveSetup> archive_setup(const Config& config, const std::string& origin,
                                             const Clock& clock);

/// A gateway's own folder in S3; nothing that is put there is locked.
Result<std::unique_ptr<archive::Store>> open_s3_store(const S3Place& place, const Clock& clock,
                                                      Fetches& fetches);

}  // namespace narrows::gateway
