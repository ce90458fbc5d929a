#pragma once

#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "process/descriptor.h"

/// Sockets between processes of one program (unix(7)).
namespace narrows::process {

using Pair = std::pair<Descriptor, Descriptor>;

/// Two connected ends for a stream of frames. Neither survives an exec.
Result<Pair> stream_pair();
/// Two connected ends between parent and child, for parcels.
Result<Pair> control_pair();

inline constexpr std::size_t kParcelMax = 64 * 1024;  ///< bytes
inline constexpr std::size_t kParcelDescriptorsMax = 128;

/// One message with descriptors in it (SCM_RIGHTS). The bytes may hold keys.
struct Parcel {
    Secret bytes;
    std::vector<Descriptor> descriptors;
};

/// Whole or not at all, without waiting. The sender keeps its descriptors; the receiver gets
/// others for the same open files. ErrorCode::closed: the other end is gone.
/// ErrorCode::unavailable: it does not read.
Result<void> send_parcel(const Descriptor& over, ByteView bytes,
                         const std::vector<Descriptor>& descriptors);
/// Waits for the next one. ErrorCode::closed: the other end is gone. ErrorCode::invalid: larger
/// than a parcel may be.
Result<Parcel> receive_parcel(const Descriptor& over);

}  // namespace narrows::process
