#include "gateway/supervisor.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/log.h"
#include "gateway/boot.h"
#include "io/file.h"
#include "process/channel.h"
#include "process/harden.h"
#include "process/restart.h"
#include "process/spawn.h"

namespace narrows::gateway {
namespace {

constexpr std::size_t kReceiptKeyBytes = 32;

/// A recorder whose gateway is gone writes, syncs and signs for so long at most.
constexpr std::int64_t kRecorderEndMaxNs = 20 * kNsPerSecond;
constexpr std::chrono::milliseconds kEndLook{10};

struct Users {
    std::optional<process::User> gateway;
    std::optional<process::User> recorder;
    std::optional<process::User> signer;
};

auto system_failed(const char* call) {
    return fail(ErrorCode::io,
                fmt::format("processes cannot be started: {}: {}", call, std::strerror(errno)));
}

/// All or none: fewer would not keep them apart.
Result<Users> find_users(const ProcessesSection& names) {
    Users users;
    if (::geteuid() == 0) {
        NARROWS_TRY(users.gateway, process::find_user(names.gateway));
        NARROWS_TRY(users.recorder, process::find_user(names.recorder));
        NARROWS_TRY(users.signer, process::find_user(names.signer));
    }
    if (users.gateway && users.recorder && users.signer) {
        return users;
    }
    log::info("all processes run as one user: `narrows doctor` says what would part them");
    return Users();
}

/// The recorder owns the directory, and evidence in it; the gateway may put files of its own there,
/// as members of a group may into a sticky one, and touches no other's.
constexpr mode_t kDataDirMode = S_ISVTX | S_IRWXU | S_IRWXG;

/// Recorder and gateway must be able to work there, and unable to read the group key.
Result<void> check_ownership(const Config& config, const Users& users) {
    struct stat info {};
    const std::string& data_dir = config.gateway.data_dir;
    const auto& [gateway, recorder, signer] = users;
    if (::stat(data_dir.c_str(), &info) == 0 &&
        (info.st_uid != recorder->uid || info.st_gid != gateway->gid ||
         (info.st_mode & 07777) != kDataDirMode)) {
        return fail(ErrorCode::invalid,
                    fmt::format("{0} must belong to {1} and to the group of {2}, with mode 1770, "
                                "and what is recorded in it to {1}: run chown {1}: on its "
                                "journal, keys, log, log.key, trust and reviewer.* (-R), chown "
                                "{2}: on its other files, chown root: on the group key, then "
                                "chown {1}:{2} and chmod 1770 on the directory itself",
                                data_dir, recorder->name, gateway->name));
    }
    const std::string& key = config.gateway.group_key;
    for (const auto* user : {&gateway, &recorder}) {
        if (::stat(key.c_str(), &info) == 0 && info.st_uid == (*user)->uid) {
            return fail(ErrorCode::invalid,
                        fmt::format("the group key {} belongs to the user {}, as whom another "
                                    "process than the signer runs, and which must not read it; "
                                    "run chown root: on it",
                                    key, (*user)->name));
        }
    }
    return ok();
}

Result<void> prepare_data_dir(const Config& config, const Users& users) {
    const std::string& data_dir = config.gateway.data_dir;
    NARROWS_TRY(const bool exists, io::posix().exists(data_dir));
    NARROWS_TRY(io::posix().make_directory(data_dir));
    if (!users.gateway) {
        return ok();
    }
    if (!exists && (::chmod(data_dir.c_str(), kDataDirMode) != 0 ||
                    ::chown(data_dir.c_str(), users.recorder->uid, users.gateway->gid) != 0)) {
        return system_failed("giving the data directory to its users");
    }
    return check_ownership(config, users);
}

bool is_aws_setting(const std::string& variable) {
    return variable.starts_with("AWS_");
}

/// The signer's is the supervisor's; gateway and recorder have no use for AWS's.
std::vector<std::string> plain_environment() {
    std::vector<std::string> out = process::environment();
    std::erase_if(out, is_aws_setting);
    return out;
}

int exit_code(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Of the gateway. A parcel has their links and one more.
std::size_t loops() {
    return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1,
                                   process::kParcelDescriptorsMax - 1);
}

Result<void> make_links(std::size_t count, std::vector<process::Descriptor>& ends,
                        std::vector<process::Descriptor>& other_ends) {
    for (std::size_t i = 0; i < count; ++i) {
        NARROWS_TRY(process::Pair pair, process::stream_pair());
        ends.push_back(std::move(pair.first));
        other_ends.push_back(std::move(pair.second));
    }
    return ok();
}

struct Child {
    pid_t pid = 0;  ///< 0: not running
    process::Descriptor control;
    MonoNs started = 0;
};

class Supervisor {
  public:
    Supervisor(Config config, const GatewayOptions& options, Users users,
               identity::GroupKey group_key)
        : config_(std::move(config)),
          options_(options),
          users_(std::move(users)),
          group_key_(std::move(group_key)) {}

    Result<int> run();

  private:
    Result<void> watch_signals();
    Result<Child> start(std::vector<std::string> arguments, std::vector<std::string> environment,
                        const std::optional<process::User>& user);
    Result<Child> start_with_config(const char* command, const std::optional<process::User>& user);
    Result<void> start_all();
    Result<void> start_recorder_and_gateway();
    Result<void> start_signer();
    Result<void> link();
    void signer_ended(const std::string& how);
    void gateway_ended(int code);
    void restart_signer_if_due();
    void restart_all_if_due();
    int await_recorder();
    static void kill(Child& child);
    int poll_timeout_ms() const;
    void take_signals();
    void reap();
    int end();

    const Config config_;
    const GatewayOptions options_;
    const Users users_;
    const identity::GroupKey group_key_;
    process::Descriptor signals_;
    Child gateway_;
    Child recorder_;
    Child signer_;
    int recorder_status_ = 0;  ///< how the last one ended
    process::RestartPolicy restarts_;
    process::RestartPolicy restarts_of_all_;
    MonoNs restart_at_ = 0;  ///< while there is no signer, or no gateway
    bool stopping_ = false;
    std::optional<int> ended_;
};

/// They come through a descriptor; children begin with none blocked.
Result<void> Supervisor::watch_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) {
        ::sigaddset(&set, number);
    }
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) {
        return system_failed("sigprocmask");
    }
    signals_ = process::Descriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    return signals_.is_open() ? Result<void>(ok()) : system_failed("signalfd");
}

Result<Child> Supervisor::start(std::vector<std::string> arguments,
                                std::vector<std::string> environment,
                                const std::optional<process::User>& user) {
    if (options_.json_log) {
        arguments.emplace_back("--json");
    }
    NARROWS_TRY(process::Pair control, process::control_pair());
    const process::Program program{std::move(arguments), std::move(environment), user};
    NARROWS_TRY(const pid_t pid, process::spawn(program, std::move(control.second)));
    return Child{pid, std::move(control.first), system_clock().mono()};
}

Result<Child> Supervisor::start_with_config(const char* command,
                                            const std::optional<process::User>& user) {
    std::vector<std::string> arguments{command, "--config", options_.config};
    if (options_.accept_corruption) {
        arguments.emplace_back("--accept-corruption");
    }
    if (options_.accept_rollback) {
        arguments.emplace_back("--accept-rollback");
    }
    return start(std::move(arguments), plain_environment(), user);
}

Result<void> Supervisor::start_recorder_and_gateway() {
    std::vector<process::Descriptor> to_recorder;
    std::vector<process::Descriptor> to_gateway;
    NARROWS_TRY(make_links(1 + loops(), to_gateway, to_recorder));
    recorder_status_ = 0;
    NARROWS_TRY(recorder_, start_with_config("recorder", users_.recorder));
    NARROWS_TRY(gateway_, start_with_config("boundary", users_.gateway));
    // Another key follows with the signer.
    const Secret setup =
        signer::encode_setup(signer::RecorderSetup{Secret(crypto::random_bytes(kReceiptKeyBytes))});
    NARROWS_TRY(process::send_parcel(recorder_.control, setup.view(), to_recorder));
    return process::send_parcel(
        gateway_.control, signer::encode_setup(signer::GatewaySetup{true}).view(), to_gateway);
}

Result<void> Supervisor::start_all() {
    NARROWS_TRY(start_recorder_and_gateway());
    return start_signer();
}

Result<void> Supervisor::start_signer() {
    NARROWS_TRY(signer_, start({"signer"}, process::environment(), users_.signer));
    return link();
}

/// A key for receipts and links, new with each signer: what was receipted for the one before signs
/// nothing any more.
Result<void> Supervisor::link() {
    std::vector<process::Descriptor> to_gateway;
    std::vector<process::Descriptor> to_signer;
    NARROWS_TRY(make_links(loops(), to_gateway, to_signer));
    const Secret receipt_key(crypto::random_bytes(kReceiptKeyBytes));
    const Secret for_signer = signer::encode_setup(signer::SignerSetup{
        receipt_key.copy(), Secret(to_bytes(group_key_.bytes())), own_listeners(config_)});
    const Secret for_recorder = signer::encode_setup(signer::RecorderSetup{receipt_key.copy()});
    const Secret for_gateway = signer::encode_setup(signer::GatewaySetup{false});
    // First the key: what the new signer sees must be receipted with it. A recorder that is gone
    // takes the gateway along, which starts all anew.
    (void)process::send_parcel(recorder_.control, for_recorder.view(), {}).has_value();
    NARROWS_TRY(process::send_parcel(signer_.control, for_signer.view(), to_signer));
    return process::send_parcel(gateway_.control, for_gateway.view(), to_gateway);
}

Result<int> Supervisor::run() {
    NARROWS_TRY(process::harden({}));
    NARROWS_TRY(watch_signals());
    const Result<void> started = start_all();
    if (!started.has_value()) {
        end();
        return fail(started.error());
    }
    while (!ended_) {
        pollfd wait{signals_.number(), POLLIN, 0};
        (void)::poll(&wait, 1, poll_timeout_ms());
        take_signals();
        reap();
        restart_signer_if_due();
        restart_all_if_due();
    }
    return end();
}

int Supervisor::poll_timeout_ms() const {
    if (ended_) {
        return 0;
    }
    if (signer_.pid != 0) {
        return -1;
    }
    const std::int64_t left = restart_at_ - system_clock().mono();
    return static_cast<int>(std::max<std::int64_t>(0, left) / kNsPerMs) + 1;
}

void Supervisor::take_signals() {
    signalfd_siginfo info{};
    while (::read(signals_.number(), &info, sizeof(info)) == sizeof(info)) {
        stopping_ = stopping_ || info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
        if (info.ssi_signo != SIGCHLD && gateway_.pid != 0) {
            ::kill(gateway_.pid, static_cast<int>(info.ssi_signo));
        } else if (stopping_ && gateway_.pid == 0) {
            ended_ = 0;  // before the next gateway was started
        }
    }
}

void Supervisor::reap() {
    int status = 0;
    pid_t pid = 0;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == gateway_.pid) {
            gateway_.pid = 0;
            gateway_ended(exit_code(status));
        } else if (pid == recorder_.pid) {
            recorder_.pid = 0;
            recorder_status_ = status;
        } else if (pid == signer_.pid) {
            signer_ended(WIFSIGNALED(status) ? fmt::format("by signal {}", WTERMSIG(status))
                                             : fmt::format("with {}", WEXITSTATUS(status)));
        }
    }
}

void Supervisor::signer_ended(const std::string& how) {
    const MonoNs now = system_clock().mono();
    const std::int64_t pause = restarts_.pause(signer_.started, now);
    signer_.pid = 0;
    signer_.control.close();
    restart_at_ = now + pause;
    log::error("the signer ended {}; operations are refused until another one is there, in {} ms",
               how, pause / kNsPerMs);
}

/// A gateway that lost its recorder ends at once, and both are started again, unless the recorder
/// could not even begin.
void Supervisor::gateway_ended(int code) {
    const int recorder = await_recorder();
    if (code != kRecorderLost || stopping_) {
        ended_ = code;
    } else if (WIFEXITED(recorder) && WEXITSTATUS(recorder) != 0) {
        ended_ = WEXITSTATUS(recorder);
    } else {
        kill(signer_);
        const MonoNs now = system_clock().mono();
        const std::int64_t pause = restarts_of_all_.pause(gateway_.started, now);
        restart_at_ = now + pause;
        log::error("the recorder was lost; gateway and recorder start again in {} ms",
                   pause / kNsPerMs);
    }
}

void Supervisor::restart_all_if_due() {
    if (ended_ || gateway_.pid != 0 || system_clock().mono() < restart_at_) {
        return;
    }
    const Result<void> started = start_all();
    if (!started.has_value()) {
        log::error("{}", started.error().what);
        kill(gateway_);
        gateway_ended(kRecorderLost);
    }
}

/// How it ended. By force, if it does not end in time.
int Supervisor::await_recorder() {
    recorder_.control.close();
    const MonoNs since = system_clock().mono();
    while (recorder_.pid != 0 && system_clock().mono() - since < kRecorderEndMaxNs) {
        if (::waitpid(recorder_.pid, &recorder_status_, WNOHANG) == recorder_.pid) {
            recorder_.pid = 0;
        } else {
            std::this_thread::sleep_for(kEndLook);
        }
    }
    if (recorder_.pid != 0) {
        log::error("the recorder did not end within {} s and is killed",
                   kRecorderEndMaxNs / kNsPerSecond);
        ::kill(recorder_.pid, SIGKILL);
        ::waitpid(recorder_.pid, &recorder_status_, 0);
        recorder_.pid = 0;
    }
    return recorder_status_;
}

void Supervisor::restart_signer_if_due() {
    if (ended_ || gateway_.pid == 0 || signer_.pid != 0 || system_clock().mono() < restart_at_) {
        return;
    }
    const Result<void> started = start_signer();
    if (!started.has_value()) {
        log::error("{}", started.error().what);
        if (signer_.pid == 0) {
            signer_ended("before it began");
        } else {
            ::kill(signer_.pid, SIGKILL);  // without links it is of no use; its end starts another
        }
    }
}

void Supervisor::kill(Child& child) {
    if (child.pid != 0) {
        ::kill(child.pid, SIGKILL);
        ::waitpid(child.pid, nullptr, 0);
        child.pid = 0;
    }
}

int Supervisor::end() {
    kill(gateway_);
    (void)await_recorder();
    kill(signer_);
    return ended_.value_or(0);
}

}  // namespace

Result<int> supervise(const GatewayOptions& options) {
    NARROWS_TRY(Config config, load_config(options.config));
    NARROWS_TRY(check_scopes(config));
    NARROWS_TRY(Users users, find_users(config.processes));
    NARROWS_TRY(prepare_data_dir(config, users));
    NARROWS_TRY(identity::GroupKey group_key,
                identity::load_or_create_group_key(io::posix(), config.gateway.group_key));
    return Supervisor(std::move(config), options, std::move(users), std::move(group_key)).run();
}

}  // namespace narrows::gateway
