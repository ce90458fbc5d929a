#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "crypto/ca.h"
#include "gateway/config/config.h"
#include "gateway/fetcher.h"
#include "gateway/session_store.h"
#include "gateway/url_store.h"
#include "identity/proof.h"
#include "journal/journal.h"
#include "net/stream.h"
#include "net/tls.h"
#include "net/workers.h"
#include "protocols/aws/adapter/adapter.h"
#include "recorder/recorder.h"
#include "recording/part_log.h"

namespace narrows::gateway {

/// A configuration in force and what is derived from it. Immutable but for the key sources' caches.
struct Settings {
    Settings(Config loaded, identity::ReplayMemory& replays, const Clock& clock,
             const identity::Fetch& fetch);
    const Config config;
    const identity::Registry registry;
    identity::KeySources keys;
    identity::Authenticator authenticator;
};

/// TLS towards agents: certificates by the gateway's own CA, made on demand and kept until they
/// near their end. Thread-safe.
class Certificates {
  public:
    Certificates(crypto::CertificateAuthority ca, const Clock& clock)
        : ca_(std::move(ca)), clock_(clock) {}
    /// For one host of AWS's (proxy mode), for the gateway's own names, or for one below them. The
    /// CA refuses every other.
    Result<std::shared_ptr<net::TlsServerContext>> context_for(
        const std::vector<std::string>& names);
    const std::string& ca_pem() const { return ca_.certificate_pem(); }

  private:
    /// Contexts kept at once; beyond, all go and are made again on demand.
    static constexpr std::size_t kKept = 256;
    struct Kept {
        std::shared_ptr<net::TlsServerContext> context;
        WallNs not_after = 0;
    };
    crypto::CertificateAuthority ca_;
    const Clock& clock_;
    std::mutex mutex_;
    std::map<std::string, Kept> kept_;
};

/// Everything that a running gateway is made of, in order of construction.
struct Runtime {
    Runtime(const Clock& clock_in, std::size_t threads) : clock(clock_in), loops(threads) {}

    const Clock& clock;
    net::Loops loops;
    std::string name;  ///< of the gateway
    std::string boot;  ///< random name of this start
    std::string version;
    std::string binary_sha256;
    std::string data_dir;

    std::mutex settings_mutex;
    std::shared_ptr<Settings> settings_in_force;
    std::shared_ptr<Settings> settings() {
        const std::lock_guard lock(settings_mutex);
        return settings_in_force;
    }

    identity::ReplayMemory replays;
    std::unique_ptr<recording::ReceiptKey> receipt_key;  ///< of a recorder in this process
    Secret commitment_key;
    std::unique_ptr<Certificates> certificates;
    std::shared_ptr<net::TlsClientContext> tls_client;
    std::unique_ptr<recorder::Recorder> recorder;
    std::deque<evidence::AlarmEntry> untold_alarms;  ///< loop 0 alone
    std::unique_ptr<SessionStore> kept;
    std::unique_ptr<UrlStore> urls;
    std::shared_ptr<recording::PartLog> system;
    std::shared_ptr<recording::PartLog> lobby_log;
    std::unique_ptr<session::Lobby> lobby;
    std::unique_ptr<session::Gate> gate;
    session::Sessions sessions;
    sigv4::KeyCache keys;
    std::unique_ptr<Fetcher> fetcher;
    std::unique_ptr<signer::Client> signer;
    std::unique_ptr<net::Workers> workers;
    std::unique_ptr<net::Workers>
        operator_workers;  ///< so that a kill waits for nobody's AssumeRole
    std::unique_ptr<aws::Services> services;
    std::vector<std::unique_ptr<aws::Adapter>> adapters;  ///< one a loop
    std::unique_ptr<net::Listener> agents;
    std::unique_ptr<net::Listener> operators;
    std::atomic<bool> draining = false;
    std::atomic<bool> reloading = false;
    identity::Fetch fetch_text;  ///< issuers' key sets, from files and https

    /// `kind` as OPEN has it.
    std::shared_ptr<recording::PartLog> new_part(std::string kind, std::string session = {}) {
        return std::make_shared<recording::PartLog>(
            *recorder, recorder->begin_part({std::move(kind), std::move(session)}));
    }
    aws::Adapter& adapter_of(const net::Loop& loop);
};

}  // namespace narrows::gateway
