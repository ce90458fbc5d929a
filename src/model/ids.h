#pragma once

#include <cstdint>
#include <string>

#include "base/strong_id.h"

namespace narrows::model {

using GatewayId = StrongId<struct GatewayIdTag, std::string>;  ///< origin, e.g. "narrows/gw-1"
using SessionId = StrongId<struct SessionIdTag, std::string>;  ///< "ns-" + 26 base32 characters
using PartNo = StrongId<struct PartNoTag, std::uint64_t>;      ///< dense per gateway, from 1
using Sequence = StrongId<struct SequenceTag, std::uint64_t>;  ///< dense per part, from 0 (OPEN)

}  // namespace narrows::model
