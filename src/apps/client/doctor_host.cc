#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/client/doctor.h"
#include "apps/client/known_actions.h"
#include "apps/client/output.h"
#include "crypto/ca.h"
#include "io/file.h"
#include "policy/check.h"
#include "process/spawn.h"

namespace narrows::client {
namespace {

constexpr std::size_t kSyncs = 16;
constexpr std::int64_t kSlowSyncUs = 10'000;
constexpr std::int64_t kDayNs = 24 * 3600 * kNsPerSecond;
constexpr std::size_t kPemMax = 64 * 1024;
constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

/// Microseconds of the middle one of some small writes with their syncs.
Result<std::int64_t> measured_sync(io::File& file) {
    io::AlignedBuffer block(io::AlignedBuffer::kAlignment);
    std::vector<std::int64_t> times;
    for (std::size_t i = 0; i < kSyncs; ++i) {
        const MonoNs begin = system_clock().mono();
        NARROWS_TRY(const std::size_t size,
                    file.pwrite(block.first(block.size()), i * block.size()));
        if (size != block.size()) {
            return fail(ErrorCode::io, "a write to the data directory was cut short");
        }
        NARROWS_TRY(file.datasync());
        times.push_back((system_clock().mono() - begin) / 1000);
    }
    std::nth_element(times.begin(), times.begin() + kSyncs / 2, times.end());
    return times[kSyncs / 2];
}

void check_sync(const std::string& data_dir, Checks& to) {
    const std::string path = fmt::format("{}/doctor.{}.tmp", data_dir, getpid());
    auto file = io::posix().open(path, io::Mode::create_new, io::Cache::direct);
    if (!file) {
        to.push_back({Health::unknown, "disk", file.error().what,
                      "Every operation waits for this disk; its speed could not be measured",
                      "Run doctor as the user that runs the gateway"});
        return;
    }
    const bool direct = file.value()->alignment() > 1;
    const Result<std::int64_t> sync = measured_sync(*file.value());
    file.value().reset();
    (void)io::posix().remove(path);
    if (!sync) {
        to.push_back({Health::bad, "disk", sync.error().what,
                      "The gateway refuses what it cannot record",
                      "Check the disk under data_dir (dmesg, smartctl)"});
        return;
    }
    const std::string what = fmt::format("a 4 KiB write and its sync take {} us{}", sync.value(),
                                         direct ? "" : "; O_DIRECT is not supported there");
    if (sync.value() > kSlowSyncUs) {
        to.push_back({Health::odd, "disk", what, "Every operation waits for one such sync",
                      "Put data_dir on a faster local disk"});
    } else if (!direct) {
        to.push_back({Health::odd, "disk", what,
                      "The file system may keep what it says is on disk in memory",
                      "Put data_dir on ext4 or xfs on a disk, not on tmpfs or an overlay"});
    } else {
        to.push_back({Health::good, "disk", what, "", ""});
    }
}

void check_space(const gateway::Config& config, Checks& to) {
    const Result<std::uint64_t> free = io::posix().free_bytes(config.gateway.data_dir);
    if (!free) {
        to.push_back({Health::unknown, "free space", free.error().what,
                      "Without space no session is opened", "Check the disk under data_dir"});
        return;
    }
    const std::uint64_t needed =
        std::uint64_t{config.recording.reserve_mib + 2 * config.recording.segment_mib} << 20;
    const std::string what = fmt::format("{} MiB are free, {} MiB are needed to begin",
                                         free.value() >> 20, needed >> 20);
    if (free.value() < needed) {
        to.push_back({Health::bad, "free space", what,
                      "The gateway opens no session without the space to record it",
                      "Free space, or lower reserve_mib and segment_mib under [recording]"});
    } else {
        to.push_back({Health::good, "free space", what, "", ""});
    }
}

/// Whether there is such a file; its mode and owner are looked at if so.
void check_private_file(const std::string& path, const char* what_for, Checks& to) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) {
        if (errno != ENOENT) {
            to.push_back({Health::unknown, "key file",
                          fmt::format("{}: {}", path, std::strerror(errno)),
                          "It is not known who can read it",
                          "Run doctor as the user that runs the gateway"});
        }
        return;
    }
    if ((info.st_mode & kOthers) != 0) {
        to.push_back({Health::bad, "key file",
                      fmt::format("{} has mode {:04o}", path, info.st_mode & 07777), what_for,
                      fmt::format("chmod 600 {}", path)});
    } else {
        to.push_back({Health::good, "key file", path + " is its owner's alone", "", ""});
    }
}

void check_log_key(const gateway::Config& config, Checks& to) {
    const std::string file = config.gateway.data_dir + "/log.key";
    const gateway::KmsKey& key = config.evidence.log_key;
    check_private_file(file, "Whoever reads it can sign another history", to);
    if (key.arn.empty()) {
        return;
    }
    check_private_file(key.credentials, "Whoever reads it can have AWS KMS sign another history",
                       to);
    if (access(file.c_str(), F_OK) == 0) {
        to.push_back(
            {Health::odd, "log key",
             fmt::format("{} is there, and the log is to be signed by {}", file, key.arn),
             "A log keeps the key that it began with: the gateway does not start with both",
             "Give a gateway whose log is signed by AWS KMS a new name and data_dir"});
    } else {
        to.push_back({Health::good, "log key", key.arn + " in AWS KMS", "", ""});
    }
}

}  // namespace

void check_scopes(const gateway::Config& config, Checks& to) {
    const Actions actions;
    for (const gateway::Connection& connection : config.connections) {
        bool clean = true;
        for (const policy::Finding& finding : policy::check(connection.scope.text, actions)) {
            if (finding.severity == policy::Severity::note) continue;
            clean = false;
            const bool error = finding.severity == policy::Severity::error;
            to.push_back({error ? Health::bad : Health::odd, "scope of " + connection.name,
                          fmt::format("{}: {}", finding.path, finding.message),
                          "The agent may do something else than what you meant",
                          finding.suggestion.empty()
                              ? fmt::format("Correct {}", connection.scope.path)
                              : "Write instead: " + finding.suggestion});
        }
        if (clean) {
            to.push_back({Health::good, "scope of " + connection.name,
                          connection.scope.path + " does what it says", "", ""});
        }
    }
}

void check_data_dir(const gateway::Config& config, Checks& to) {
    const std::string& path = config.gateway.data_dir;
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) {
        const bool missing = errno == ENOENT;
        to.push_back(
            {missing ? Health::odd : Health::unknown, "data directory",
             fmt::format("{}: {}", path, std::strerror(errno)), "All recordings live there",
             missing ? "The gateway makes it at its first start if the folder above lets it"
                     : "Run doctor as the user that runs the gateway"});
        return;
    }
    if (!S_ISDIR(info.st_mode)) {
        to.push_back({Health::bad, "data directory", path + " is no directory",
                      "All recordings live there", "Set data_dir under [gateway]"});
        return;
    }
    if ((info.st_mode & kOthers) != 0) {
        to.push_back({Health::bad, "data directory",
                      fmt::format("{} has mode {:04o}", path, info.st_mode & 07777),
                      "Others on this host can read the recordings",
                      fmt::format("chmod 700 {}", path)});
    } else if (info.st_uid != geteuid()) {
        to.push_back({Health::odd, "data directory",
                      fmt::format("{} belongs to user {}, doctor runs as user {}", path,
                                  info.st_uid, geteuid()),
                      "What was checked here is not what the gateway's user meets",
                      "Run doctor as the user that runs the gateway"});
    } else {
        to.push_back({Health::good, "data directory", path + " is its owner's alone", "", ""});
    }
    check_space(config, to);
    check_sync(path, to);
}

void check_key_files(const gateway::Config& config, Checks& to) {
    const std::string& data_dir = config.gateway.data_dir;
    check_private_file(config.gateway.group_key,
                       "Whoever reads it can make credentials of any session", to);
    check_private_file(config.ca.key.empty() ? data_dir + "/ca.key" : config.ca.key,
                       "Whoever reads it can pose as AWS to the agents", to);
    check_log_key(config, to);
    check_private_file(data_dir + "/commitment.key", "Whoever reads it can guess withheld values",
                       to);
}

void check_processes(const gateway::Config& config, Checks& to) {
    const std::string names[] = {config.processes.gateway, config.processes.recorder,
                                 config.processes.signer};
    std::string missing;
    for (const std::string& name : names) {
        const auto user = process::find_user(name);
        if (!user || !user.value()) {
            missing += (missing.empty() ? "" : ", ") + name;
        }
    }
    if (!missing.empty()) {
        to.push_back(
            {Health::odd, "processes",
             fmt::format("not isolated: this host has no user {}", missing),
             "Signer, recorder and gateway run as one user: whoever takes over the gateway "
             "can read the group key's file and the AWS configuration of that user, and "
             "write over recordings",
             "useradd --system --shell /usr/sbin/nologin NAME for each, then start the "
             "gateway as root (packaging/systemd)"});
        return;
    }
    to.push_back(
        {Health::good, "processes",
         fmt::format("started by root, the gateway runs as {}, the recorder as {}, the "
                     "signer as {}",
                     config.processes.gateway, config.processes.recorder, config.processes.signer),
         "", ""});
}

void check_anchors(const gateway::Config& config, Checks& to) {
    if (config.anchors.empty()) {
        to.push_back({Health::odd, "anchors", "none is configured",
                      "Whoever controls this host can rewrite all recordings unnoticed",
                      "Add an [[anchor]]: a witness on another machine, a directory on another "
                      "volume"});
    }
    struct stat data {};
    const bool known = stat(config.gateway.data_dir.c_str(), &data) == 0;
    for (const gateway::AnchorSection& anchor : config.anchors) {
        struct stat there {};
        if (anchor.type != "directory" || !known || stat(anchor.path.c_str(), &there) != 0) {
            continue;
        }
        if (there.st_dev == data.st_dev) {
            to.push_back({Health::odd, "anchor " + anchor.name,
                          anchor.path + " lies on the volume of data_dir",
                          "What destroys or exchanges the one takes the other along",
                          "Move it to another volume or machine"});
        }
    }
}

void check_ca(const gateway::Config& config, Checks& to) {
    const bool own = config.ca.certificate.empty();
    const std::string certificate =
        own ? config.gateway.data_dir + "/ca.pem" : config.ca.certificate;
    const std::string key = own ? config.gateway.data_dir + "/ca.key" : config.ca.key;
    if (own && access(certificate.c_str(), F_OK) != 0 && errno == ENOENT) {
        to.push_back({Health::good, "CA", "the gateway makes its own at its first start", "", ""});
        return;
    }
    const Result<std::string> certificate_pem = read_text(certificate, kPemMax);
    const Result<std::string> key_pem = read_text(key, kPemMax);
    if (!certificate_pem || !key_pem) {
        to.push_back(
            {Health::unknown, "CA", (certificate_pem ? key_pem : certificate_pem).error().what,
             "Proxy mode opens TLS with it", "Run doctor as the user that runs the gateway"});
        return;
    }
    const WallNs now = system_clock().wall();
    const auto ca =
        crypto::CertificateAuthority::load(certificate_pem.value(), key_pem.value(), now);
    if (!ca) {
        to.push_back({Health::bad, "CA", ca.error().what, "Proxy mode opens TLS with it",
                      own ? "Move ca.pem and ca.key away; the gateway makes new ones, and agents "
                            "get them with their next session"
                          : "Configure a CA that is valid and name-constrained under [ca]"});
        return;
    }
    const std::int64_t days = (ca.value().not_after() - now) / kDayNs;
    const bool soon = days < 30;
    to.push_back({soon ? Health::odd : Health::good, "CA",
                  fmt::format("valid for {} more days", days),
                  soon ? "After that proxy mode fails" : "", soon ? "Renew it before then" : ""});
}

}  // namespace narrows::client
