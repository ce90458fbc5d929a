#pragma once

#include "evidence/part_keys.h"
#include "gateway/config/config.h"
#include "io/file.h"

namespace narrows::gateway {

/// Who may read what is recorded, as the configuration says. If it names nobody, a reviewer's key
/// is made at the first start: DATA_DIR/reviewer.key, which belongs elsewhere, and its public half
/// DATA_DIR/reviewer.pub, which stays in use. `data_dir` is the one in use, whatever `config` says.
Result<evidence::Recipients> load_recipients(io::FileSystem& fs, const Config& config,
                                             const std::string& data_dir);

}  // namespace narrows::gateway
