#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "evidence/bundle.h"
#include "evidence/entry.h"
#include "io/file.h"

namespace narrows::evidence {

/// What a gateway's log says of some parts, with proofs to its newest checkpoint. No entry about
/// another session stands in it, but for the heads that share an INTERVAL with a part's newest.
struct SessionLog {
    std::string origin;
    std::string checkpoint;  ///< the signed note
    std::string cosigned;    ///< the tree that most witnesses signed, as a note; empty: none
    LogExcerpt excerpt;
    std::map<model::PartNo, OpenEntry> opens;
    std::map<model::PartNo, PartHead> heads;  ///< the newest of each part
};

/// The log may be live. ErrorCode::unavailable: it does not know one of the parts (yet).
Result<SessionLog> read_session_log(io::FileSystem& fs, const std::string& data_dir,
                                    const std::string& session,
                                    const std::vector<model::PartNo>& parts);

/// One entry that states a root over at least the first `size` records of a part: its CLOSE, else
/// the newest INTERVAL that does; with its proof and the signed checkpoint.
struct ProvenHead {
    std::string checkpoint;
    std::string origin;
    ProvenEntry entry;
    PartHead head;
};
/// ErrorCode::not_found: no entry states such a root.
Result<ProvenHead> read_proven_head(io::FileSystem& fs, const std::string& data_dir,
                                    model::PartNo part, std::uint64_t size);

}  // namespace narrows::evidence
