#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "codec/value.h"
#include "crypto/hash.h"
#include "io/file.h"
#include "model/ids.h"

namespace narrows::gateway {

/// A proof that opened a session and must not open another.
struct SpentProof {
    crypto::Digest sha256{};
    WallNs expires_at = 0;
};

/// A session as a restart must know it: what is recorded is sealed, so the gateway cannot read it
/// back from there.
struct KeptSession {
    std::string id;
    model::PartNo part;  ///< its newest
    codec::Value open;   ///< OPEN's payload; null once it is over
    bool over = false;   ///< no restart brings it back
    std::vector<SpentProof> proofs;
};

/// The sessions that may act, a file each, sealed under a key of this gateway (AES-256-GCM, the
/// session's id authenticated). Calls block on the disk; those about different
/// sessions may come from different threads.
class SessionStore {
  public:
    /// `directory` is made if missing. `key` has 32 bytes.
    static Result<SessionStore> open(io::FileSystem& fs, std::string directory, Secret key);

    /// Durable when it returns; replaces what is kept of that session.
    Result<void> keep(const KeptSession& session);
    /// No restart brings it back. Proofs that may still be presented are kept.
    Result<void> end(const std::string& id, WallNs now);
    /// All that is kept. ErrorCode::corrupt names a file that does not open.
    Result<std::vector<KeptSession>> load();
    /// Forgets sessions that are over and whose proofs have expired.
    Result<void> tidy(WallNs now);

  private:
    SessionStore(io::FileSystem& fs, std::string directory, Secret key)
        : fs_(&fs), directory_(std::move(directory)), key_(std::move(key)) {}
    std::string path_of(const std::string& id) const { return directory_ + "/" + id; }
    Result<void> forget(const std::string& id);
    Result<KeptSession> read(const std::string& id) const;

    io::FileSystem* fs_;
    std::string directory_;
    Secret key_;
};

}  // namespace narrows::gateway
