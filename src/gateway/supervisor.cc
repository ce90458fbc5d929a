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

struct Users {
    std::optional<process::User> gateway;
    std::optional<process::User> signer;
};

auto system_failed(const char* call) {
    return fail(ErrorCode::io,
                fmt::format("processes cannot be started: {}: {}", call, std::strerror(errno)));
}

/// Both or none: one alone would not keep them apart.
Result<Users> find_users(const ProcessesSection& names) {
    Users users;
    if (::geteuid() == 0) {
        NARROWS_TRY(users.gateway, process::find_user(names.gateway));
        NARROWS_TRY(users.signer, process::find_user(names.signer));
    }
    if (users.gateway && users.signer) {
        return users;
    }
    log::info("gateway and signer run as one user: `narrows doctor` says what would part them");
    return Users();
}

/// The gateway must be able to work in its directory, and unable to read the group key.
Result<void> check_ownership(const Config& config, const process::User& gateway) {
    struct stat info {};
    const std::string& data_dir = config.gateway.data_dir;
    if (::stat(data_dir.c_str(), &info) == 0 && info.st_uid != gateway.uid) {
        return fail(ErrorCode::invalid,
                    fmt::format("{} does not belong to the user {}, as whom the gateway runs; run "
                                "chown -R {}: on it, then chown root: on the group key",
                                data_dir, gateway.name, gateway.name));
    }
    const std::string& key = config.gateway.group_key;
    if (::stat(key.c_str(), &info) == 0 && info.st_uid == gateway.uid) {
        return fail(ErrorCode::invalid,
                    fmt::format("the group key {} belongs to the user {}, as whom the gateway "
                                "runs, and which must not read it; run chown root: on it",
                                key, gateway.name));
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
    if (!exists && ::chown(data_dir.c_str(), users.gateway->uid, users.gateway->gid) != 0) {
        return system_failed("chown of the data directory");
    }
    return check_ownership(config, *users.gateway);
}

bool is_aws_setting(const std::string& variable) {
    return variable.starts_with("AWS_");
}

/// The signer's is the supervisor's; the gateway has no use for AWS's.
std::vector<std::string> gateway_environment() {
    std::vector<std::string> out = process::environment();
    std::erase_if(out, is_aws_setting);
    return out;
}

int exit_code(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
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
    Result<void> start_gateway();
    Result<void> start_signer();
    Result<void> link();
    void signer_ended(const std::string& how);
    void restart_signer_if_due();
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
    Child signer_;
    process::RestartPolicy restarts_;
    MonoNs restart_at_ = 0;  ///< while there is no signer
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

Result<void> Supervisor::start_gateway() {
    std::vector<std::string> arguments{"boundary", "--config", options_.config};
    if (options_.accept_corruption) {
        arguments.emplace_back("--accept-corruption");
    }
    if (options_.accept_rollback) {
        arguments.emplace_back("--accept-rollback");
    }
    NARROWS_TRY(gateway_, start(std::move(arguments), gateway_environment(), users_.gateway));
    return ok();
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
    const std::size_t loops = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1,
                                                      process::kParcelDescriptorsMax);
    for (std::size_t i = 0; i < loops; ++i) {
        NARROWS_TRY(process::Pair pair, process::stream_pair());
        to_gateway.push_back(std::move(pair.first));
        to_signer.push_back(std::move(pair.second));
    }
    const Secret receipt_key(crypto::random_bytes(kReceiptKeyBytes));
    const Secret for_signer = signer::encode_setup(signer::SignerSetup{
        receipt_key.copy(), Secret(to_bytes(group_key_.bytes())), own_listeners(config_)});
    const Secret for_gateway = signer::encode_setup(signer::GatewaySetup{receipt_key.copy()});
    NARROWS_TRY(process::send_parcel(signer_.control, for_signer.view(), to_signer));
    return process::send_parcel(gateway_.control, for_gateway.view(), to_gateway);
}

Result<int> Supervisor::run() {
    NARROWS_TRY(process::harden({}));
    NARROWS_TRY(watch_signals());
    NARROWS_TRY(start_gateway());
    const Result<void> started = start_signer();
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
    }
    return end();
}

int Supervisor::poll_timeout_ms() const {
    if (signer_.pid != 0) {
        return -1;
    }
    const std::int64_t left = restart_at_ - system_clock().mono();
    return static_cast<int>(std::max<std::int64_t>(0, left) / kNsPerMs) + 1;
}

void Supervisor::take_signals() {
    signalfd_siginfo info{};
    while (::read(signals_.number(), &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGCHLD && gateway_.pid != 0) {
            ::kill(gateway_.pid, static_cast<int>(info.ssi_signo));
        }
    }
}

void Supervisor::reap() {
    int status = 0;
    pid_t pid = 0;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == gateway_.pid) {
            gateway_.pid = 0;
            ended_ = exit_code(status);
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

void Supervisor::restart_signer_if_due() {
    if (ended_ || signer_.pid != 0 || system_clock().mono() < restart_at_) {
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

int Supervisor::end() {
    for (Child* child : {&gateway_, &signer_}) {
        if (child->pid != 0) {
            ::kill(child->pid, SIGKILL);
            ::waitpid(child->pid, nullptr, 0);
        }
    }
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
