#include "gateway/boot.h"

#include <chrono>
#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "codec/text.h"
#include "gateway/anchors.h"
#include "gateway/archive_store.h"
#include "gateway/custody.h"
#include "gateway/kms_signer.h"
#include "gateway/open_record.h"
#include "gateway/presign.h"
#include "gateway/recipients.h"
#include "gateway/resume.h"
#include "policy/scope.h"
#include "policy/session_policy.h"
#include "recorder/client.h"

namespace narrows::gateway {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::uint64_t kKeyFileMax = 64 * 1024;
constexpr std::size_t kWorkers = 4;
/// So long a gateway without a recorder tells agents that nothing can be recorded.
constexpr std::chrono::milliseconds kRefusals{200};
constexpr std::size_t kOperatorWorkers = 2;

std::string hex_of_file(const std::string& path) {
    crypto::Hasher hasher;
    Bytes buffer(1 << 20);
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ssize_t size = 0;
    while (file >= 0 && (size = ::read(file, buffer.data(), buffer.size())) > 0) {
        hasher.update(ByteView(buffer).first(static_cast<std::size_t>(size)));
    }
    if (file >= 0) {
        ::close(file);
    }
    return codec::hex(hasher.finish());
}

/// 32 secret bytes in a file of mode 0600, made at first start.
Result<Secret> load_or_create_secret(const std::string& path) {
    NARROWS_TRY(const bool exists, io::posix().exists(path));
    if (!exists) {
        const mode_t before = ::umask(0077);
        const Result<void> written =
            io::durable_write(io::posix(), path, crypto::random_bytes(kKeyBytes));
        ::umask(before);
        NARROWS_TRY(written);
    }
    NARROWS_TRY(Bytes bytes, io::read_all(io::posix(), path, kKeyFileMax));
    if (bytes.size() != kKeyBytes) {
        return fail(ErrorCode::corrupt, path + " is not a key of 32 bytes; restore it");
    }
    return Secret(std::move(bytes));
}

/// The operator's CA, or one made at first start and kept beside the journal.
Result<crypto::CertificateAuthority> load_ca(const Config& config, const Clock& clock) {
    const bool own = config.ca.certificate.empty();
    const std::string certificate =
        own ? config.gateway.data_dir + "/ca.pem" : config.ca.certificate;
    const std::string key = own ? config.gateway.data_dir + "/ca.key" : config.ca.key;
    NARROWS_TRY(const bool exists, io::posix().exists(certificate));
    if (!exists && own) {
        const crypto::CaOptions options{"Narrows CA " + config.gateway.name, config.listen.names,
                                        config.ca.years};
        NARROWS_TRY(const crypto::CertificateAuthority made,
                    crypto::CertificateAuthority::create(options, clock.wall()));
        const mode_t before = ::umask(0077);
        const Result<void> kept = io::durable_write(io::posix(), key, made.key_pem().view());
        ::umask(before);
        NARROWS_TRY(kept);
        NARROWS_TRY(io::durable_write(io::posix(), certificate, as_bytes(made.certificate_pem())));
    }
    NARROWS_TRY(const Bytes certificate_pem, io::read_all(io::posix(), certificate, kKeyFileMax));
    NARROWS_TRY(Bytes key_bytes, io::read_all(io::posix(), key, kKeyFileMax));
    const Secret key_pem(std::move(key_bytes));
    return crypto::CertificateAuthority::load(as_text(certificate_pem), key_pem.text(),
                                              clock.wall());
}

Result<void> open_keys(Runtime& runtime, const Config& config) {
    NARROWS_TRY(io::posix().make_directory(runtime.data_dir));
    NARROWS_TRY(runtime.commitment_key,
                load_or_create_secret(runtime.data_dir + "/commitment.key"));
    NARROWS_TRY(crypto::CertificateAuthority ca, load_ca(config, runtime.clock));
    runtime.certificates = std::make_unique<Certificates>(std::move(ca), runtime.clock);
    NARROWS_TRY(runtime.tls_client, net::TlsClientContext::make(""));
    return ok();
}

std::string origin_of(const Config& config) {
    return "narrows/" + config.gateway.name;
}

/// The process has no word to give that would be on record. Who waits is told so first.
[[noreturn]] void end_without_recorder(const Error& why) {
    log::error("{}; what was under way is refused or cut", why.what);
    std::this_thread::sleep_for(kRefusals);
    std::_Exit(kRecorderLost);
}

Result<void> open_recorder(Runtime& runtime, const Config& config, const BootOptions& boot,
                           Handover& handover) {
    if (handover.recorder.is_open()) {
        std::vector<recorder::LoopLink> links;
        for (std::size_t i = 0; i < handover.told.size(); ++i) {
            links.push_back({runtime.loops.at(i), std::move(handover.told[i])});
        }
        NARROWS_TRY(runtime.recorder,
                    recorder::connect_recorder(std::move(handover.recorder), end_without_recorder,
                                               std::move(links)));
        return ok();
    }
    runtime.receipt_key = std::make_unique<recording::ReceiptKey>(std::move(handover.receipt_key));
    NARROWS_TRY(recorder::RecorderOptions options, recorder_options(config, runtime.clock, boot));
    options.receipt_key = runtime.receipt_key.get();
    NARROWS_TRY(runtime.recorder,
                recorder::open_recorder(io::posix(), runtime.clock, std::move(options)));
    return ok();
}

/// What restarts must know of open sessions, under a key derived from the gateway's own.
Result<void> open_kept(Runtime& runtime) {
    NARROWS_TRY(SessionStore kept,
                SessionStore::open(io::posix(), runtime.data_dir + "/sessions",
                                   crypto::hkdf_sha256(runtime.commitment_key.view(), {},
                                                       "narrows sessions 1", kKeyBytes)));
    runtime.kept = std::make_unique<SessionStore>(std::move(kept));
    NARROWS_TRY(runtime.urls, UrlStore::open(io::posix(), runtime.data_dir + "/urls"));
    return ok();
}

/// What the signer must have on record, in the session's part, with the proof that it is.
net::Task<Result<recording::RecordReceipt>> record_for_signer(Runtime& runtime,
                                                              signer::Record record) {
    const bool is_the_signers = record.kind == recording::RecordKind::credential ||
                                record.kind == recording::RecordKind::notice;
    if (!is_the_signers) {
        co_return fail(ErrorCode::denied, "the signer records credentials and nothing else");
    }
    const session::SessionPtr session = runtime.sessions.find(record.lease.session);
    if (!session) {
        co_return fail(ErrorCode::closed, "the session is over");
    }
    const std::shared_ptr<recording::PartLog> log = session->shared_log();
    co_return co_await log->attested(record.kind, std::move(record.payload), record.challenge);
}

/// The host's own addresses, as text.
std::vector<std::string> host_addresses() {
    std::vector<std::string> found;
    ifaddrs* first = nullptr;
    if (::getifaddrs(&first) != 0) {
        return found;
    }
    for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
        const int family = each->ifa_addr == nullptr ? AF_UNSPEC : each->ifa_addr->sa_family;
        if (family != AF_INET && family != AF_INET6) {
            continue;
        }
        const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        std::array<char, NI_MAXHOST> text{};
        if (::getnameinfo(each->ifa_addr, size, text.data(), text.size(), nullptr, 0,
                          NI_NUMERICHOST) == 0) {
            const std::string whole(text.data());
            found.push_back(whole.substr(0, whole.find('%')));
        }
    }
    ::freeifaddrs(first);
    return found;
}

void open_upstream(Runtime& runtime, const Config& config, Handover handover) {
    runtime.fetcher =
        std::make_unique<Fetcher>(runtime.loops, *runtime.tls_client, own_listeners(config));
    runtime.signer =
        std::make_unique<signer::Client>(runtime.loops, [&runtime](signer::Record record) {
            return record_for_signer(runtime, std::move(record));
        });
    runtime.signer->connect(std::move(handover.links));
}

aws::Limits limits_of(const Config& config) {
    aws::Limits limits;
    limits.body_bytes_max = std::size_t{config.limits.body_mib} << 20;
    limits.clock_skew_s = config.limits.clock_skew_s;
    return limits;
}

void open_services(Runtime& runtime, const Config& config) {
    const aws::Catalogue& catalogue = aws::Catalogue::embedded();
    runtime.services = std::unique_ptr<aws::Services>(new aws::Services{
        runtime.clock, catalogue, runtime.keys, runtime.sessions, *runtime.lobby, *runtime.gate,
        *runtime.signer, *runtime.tls_client, runtime.commitment_key.view(), own_listeners(config),
        limits_of(config),
        config.recording.result == ResultMode::durable ? recording::Await::durable
                                                       : recording::Await::held,
        catalogue.info().digest,
        [&runtime](std::string key_id) { return spend_url(runtime, std::move(key_id)); }});
    for (std::size_t i = 0; i < runtime.loops.size(); ++i) {
        runtime.adapters.push_back(
            std::make_unique<aws::Adapter>(runtime.loops.at(i), *runtime.services));
    }
}

codec::Map config_fields(const Runtime& runtime, const Config& config,
                         const std::vector<std::string>& changes) {
    codec::Map fields;
    fields.emplace("digest", codec::hex(config.digest));
    codec::Map files;
    for (const auto& [name, digest] : config.files) {
        files.emplace(name, codec::hex(digest));
    }
    fields.emplace("files", std::move(files));
    fields.emplace("boot", runtime.boot);
    fields.emplace("changes", codec::List(changes.begin(), changes.end()));
    return fields;
}

}  // namespace

std::vector<upstream::Listener> own_listeners(const Config& config) {
    std::vector<upstream::Listener> own;
    for (const Address& listen : {config.listen.agents, config.listen.operators}) {
        own.push_back({listen.host, listen.port});
        if (listen.host == "0.0.0.0" || listen.host == "::") {
            for (const std::string& address : host_addresses()) {
                own.push_back({address, listen.port});
            }
        }
    }
    return own;
}

Result<std::unique_ptr<Runtime>> boot(Config config, const Clock& clock, std::size_t threads,
                                      const BootOptions& options, Handover handover) {
    NARROWS_TRY(check_scopes(config));
    auto runtime = std::make_unique<Runtime>(clock, threads);
    runtime->name = config.gateway.name;
    runtime->boot = codec::hex(crypto::random_bytes(8));
    runtime->version = kVersion;
    runtime->binary_sha256 = hex_of_file("/proc/self/exe");
    runtime->data_dir = config.gateway.data_dir;
    NARROWS_TRY(open_keys(*runtime, config));
    NARROWS_TRY(open_recorder(*runtime, config, options, handover));
    NARROWS_TRY(open_kept(*runtime));
    runtime->system = runtime->new_part("system");
    runtime->lobby_log = runtime->new_part("lobby");
    runtime->lobby = std::make_unique<session::Lobby>(runtime->lobby_log,
                                                      std::uint64_t{config.limits.lobby_mib} << 20);
    runtime->gate = std::make_unique<session::Gate>(config.limits.operations);
    open_upstream(*runtime, config, std::move(handover));
    runtime->workers = std::make_unique<net::Workers>(kWorkers);
    runtime->operator_workers = std::make_unique<net::Workers>(kOperatorWorkers);
    open_services(*runtime, config);
    Runtime& running = *runtime;
    runtime->fetch_text = [&running](const std::string& where) {
        return fetch_text(*running.fetcher, where);
    };
    runtime->settings_in_force =
        std::make_shared<Settings>(std::move(config), runtime->replays, clock, runtime->fetch_text);
    return runtime;
}

Result<recorder::RecorderOptions> recorder_options(const Config& config, const Clock& clock,
                                                   const BootOptions& boot) {
    recorder::RecorderOptions options;
    options.data_dir = config.gateway.data_dir;
    options.origin = origin_of(config);
    options.segment_bytes = std::uint64_t{config.recording.segment_mib} << 20;
    options.reserve_bytes = std::uint64_t{config.recording.reserve_mib} << 20;
    options.accept_corruption = boot.accept_corruption;
    options.open_signer = log_key_setup(config, options.origin, clock);
    options.anchors = anchor_setup(config, clock, boot.accept_rollback);
    NARROWS_TRY(options.archive, archive_setup(config, options.origin, clock));
    NARROWS_TRY(options.recipients, load_recipients(io::posix(), config, options.data_dir));
    options.retention = retention_of(config);
    return options;
}

Result<void> check_scopes(const Config& config) {
    for (const Connection& connection : config.connections) {
        const Result<policy::Scope> scope = policy::Scope::parse(connection.scope.text);
        if (!scope.has_value()) {
            return fail(ErrorCode::invalid,
                        fmt::format("{}: {}", connection.scope.path, scope.error().what));
        }
    }
    return ok();
}

net::Task<Result<void>> open_own_part(Runtime& runtime, recording::PartLog& log,
                                      const std::string& kind) {
    auto payload = [&](model::PartNo part) {
        return complete_open(runtime, own_open_payload(runtime, kind), part, model::PartNo(0));
    };
    co_return co_await log.open(*runtime.workers, payload);
}

namespace {

/// What AWS will not enforce a second time, said before anybody relies on it.
void warn_of_session_policies(const Config& config) {
    for (const Connection& connection : config.connections) {
        const auto scope = policy::Scope::parse(connection.scope.text);
        if (!scope) continue;  // its sessions are refused with the place of the mistake
        const policy::Target target{connection.account, connection.regions};
        const auto compiled = policy::session_policy(scope.value(), target, nullptr);
        if (!compiled) {
            log::warn("connection {}: {}", connection.name, compiled.error().what);
            continue;
        }
        for (const std::string& note : compiled.value().notes) {
            log::warn("connection {}: {}", connection.name, codec::printable(note));
        }
    }
}

}  // namespace

net::Task<Result<void>> record_config(Runtime& runtime, std::shared_ptr<const Settings> settings,
                                      std::vector<std::string> changes) {
    warn_of_session_policies(settings->config);
    codec::Value payload = recording::observed(config_fields(runtime, settings->config, changes));
    const std::shared_ptr<recording::PartLog> system = runtime.system;
    const Result<void> recorded =
        co_await system->control(recording::RecordKind::config, std::move(payload),
                                 recording::Await::durable, journal::Use::normal);
    if (recorded.has_value()) {
        runtime.recorder->configured(codec::hex(settings->config.digest), runtime.boot);
    }
    co_return recorded;
}

net::Task<Result<void>> declare_start(Runtime& runtime) {
    const Result<void> system = co_await open_own_part(runtime, *runtime.system, "system");
    if (!system.has_value()) {
        co_return system;
    }
    const Result<void> lobby = co_await open_own_part(runtime, *runtime.lobby_log, "lobby");
    if (!lobby.has_value()) {
        co_return lobby;
    }
    const Result<void> resumed = co_await resume(runtime);
    if (!resumed.has_value()) {
        co_return resumed;
    }
    std::vector<std::string> changes = {"the gateway started"};
    std::shared_ptr<const Settings> settings = runtime.settings();
    co_return co_await record_config(runtime, std::move(settings), std::move(changes));
}

}  // namespace narrows::gateway
