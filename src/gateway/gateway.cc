#include "gateway/gateway.h"

#include <csignal>
#include <thread>

#include <fmt/format.h>
#include <sys/resource.h>

#include "base/log.h"
#include "gateway/agent_port.h"
#include "gateway/boot.h"
#include "gateway/custody.h"
#include "gateway/lifecycle.h"
#include "gateway/operator_port.h"
#include "gateway/recipients.h"
#include "io/file.h"
#include "net/signals.h"
#include "process/channel.h"
#include "process/harden.h"
#include "process/spawn.h"

namespace narrows::gateway {
namespace {

constexpr net::Millis kExpiryTick{100};
constexpr net::Millis kHouseTick{1000};
/// What was admitted has this long to finish when the gateway stops.
constexpr int kDrainSteps = 300;
constexpr net::Millis kDrainStep{100};

/// Connections at once on the operator's port.
constexpr std::size_t kOperatorsMax = 128;
/// Descriptors kept for operators, other processes and key sets.
constexpr std::size_t kDescriptorsKept = kOperatorsMax + 128;

/// Alarms that wait for a disk that takes records again; newer ones are dropped first.
constexpr std::size_t kUntoldMax = 256;

/// An agent's connection needs a descriptor, and so does its upstream one.
std::size_t agents_max() {
    rlimit limit{};
    const bool known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    const std::size_t descriptors = known ? limit.rlim_cur : 65'536;
    return std::max<std::size_t>(16, (descriptors - std::min(descriptors, kDescriptorsKept)) / 2);
}

net::Endpoint endpoint_of(const Address& address) {
    return {address.host, address.port};
}

Result<void> listen(Runtime& runtime) {
    const Config& config = runtime.settings_in_force->config;
    NARROWS_TRY(
        runtime.agents,
        net::Listener::listen(runtime.loops, endpoint_of(config.listen.agents), agents_max()));
    NARROWS_TRY(
        runtime.operators,
        net::Listener::listen(runtime.loops, endpoint_of(config.listen.operators), kOperatorsMax));
    runtime.agents->start([&runtime](net::Loop& loop, net::StreamPtr stream) {
        return serve_agent(runtime, loop, std::move(stream));
    });
    runtime.operators->start([&runtime](net::Loop&, net::StreamPtr stream) {
        return serve_operator(runtime, std::move(stream));
    });
    log::info("agents on {}, operators on {}", net::to_string(runtime.agents->local()),
              net::to_string(runtime.operators->local()));
    return ok();
}

net::Task<void> expire_forever(Runtime& runtime) {
    while (true) {
        co_await net::sleep_for(kExpiryTick);
        expire_sessions(runtime);
    }
}

/// Alarms that began or ended, in the system part; those that cannot be recorded now, later.
net::Task<void> record_alarms(Runtime& runtime) {
    std::deque<evidence::AlarmEntry>& untold = runtime.untold_alarms;
    for (evidence::AlarmEntry& alarm : runtime.recorder->take_alarms()) {
        untold.push_back(std::move(alarm));
    }
    while (!untold.empty()) {
        const evidence::AlarmEntry alarm = std::move(untold.front());
        untold.pop_front();
        codec::Map fields;
        fields.emplace("what", "alarm");
        fields.emplace("alarm", alarm.what);
        fields.emplace("why", alarm.why);
        fields.emplace("over", alarm.over);
        codec::Value payload = recording::observed(std::move(fields));
        const Result<void> recorded =
            co_await runtime.system->control(recording::RecordKind::notice, std::move(payload),
                                             recording::Await::durable, journal::Use::closing);
        if (!recorded.has_value()) {
            log::warn("an alarm waits to be recorded: {}", recorded.error().what);
            untold.resize(std::min(untold.size(), kUntoldMax));
            untold.push_front(alarm);
            co_return;
        }
    }
}

net::Task<void> close_own(recording::PartLog& part, std::string reason, std::string by) {
    codec::Map fields;
    fields.emplace("reason", std::move(reason));
    fields.emplace("by", std::move(by));
    const Result<void> end = co_await part.close(std::move(fields), false);
    if (!end.has_value()) {
        log::error("the end is not on record: {}", end.error().what);
    }
}

/// A part of our own that holds back what is to be removed here ends, and another goes on.
net::Task<std::shared_ptr<recording::PartLog>> renewed(Runtime& runtime,
                                                       std::shared_ptr<recording::PartLog> part,
                                                       std::string kind) {
    const std::optional<recorder::ArchiveState> archive = runtime.recorder->status().archive;
    if (!archive || !archive->held_back_by.contains(part->no().value())) {
        co_return part;
    }
    std::shared_ptr<recording::PartLog> fresh = runtime.new_part(kind);
    const Result<void> opened = co_await open_own_part(runtime, *fresh, kind);
    co_return opened.has_value() ? fresh : part;
}

net::Task<void> renew_own_parts(Runtime& runtime) {
    if (runtime.reloading) {
        co_return;
    }
    const std::shared_ptr<recording::PartLog> system = runtime.system;
    const std::shared_ptr<recording::PartLog> lobby = runtime.lobby_log;
    std::shared_ptr<recording::PartLog> fresh_system = co_await renewed(runtime, system, "system");
    std::shared_ptr<recording::PartLog> fresh_lobby = co_await renewed(runtime, lobby, "lobby");
    runtime.system = fresh_system;
    runtime.lobby_log = fresh_lobby;
    runtime.lobby->go_on_in(fresh_lobby);
    if (fresh_system != system) {
        co_await close_own(*system, "ended", "gateway");
    }
    if (fresh_lobby != lobby) {
        co_await close_own(*lobby, "ended", "gateway");
    }
}

/// Alarms and lobby counts on record, operations halted if anchors are long overdue, idle upstream
/// connections closed.
net::Task<void> keep_house(Runtime& runtime) {
    while (!runtime.draining) {
        co_await net::sleep_for(kHouseTick);
        co_await record_alarms(runtime);
        runtime.gate->halt(runtime.recorder->status().refuses_operations);
        co_await runtime.lobby->record_counted();
        co_await renew_own_parts(runtime);
        for (std::size_t i = 0; i < runtime.adapters.size(); ++i) {
            aws::Adapter* adapter = runtime.adapters[i].get();
            runtime.loops.at(i).post([adapter] { adapter->tidy(); });
        }
    }
}

/// A configuration with what its names stand for.
struct Loaded {
    Config config;
    evidence::Recipients recipients;
};

Result<Loaded> load_checked(const std::string& path, const std::string& data_dir) {
    NARROWS_TRY(Config config, load_config(path));
    NARROWS_TRY(check_scopes(config));
    NARROWS_TRY(evidence::Recipients recipients, load_recipients(io::posix(), config, data_dir));
    return Loaded{std::move(config), std::move(recipients)};
}

/// Checked, then on record, then in force.
net::Task<Result<std::size_t>> take_config(Runtime& runtime, std::string path) {
    std::function<Result<Loaded>()> load = [&runtime, path] {
        return load_checked(path, runtime.data_dir);
    };
    Result<Loaded> loaded = co_await runtime.workers->run(load);
    if (!loaded.has_value()) {
        co_return fail(loaded.error());
    }
    Config& config = loaded.value().config;
    const std::vector<std::string> changes = diff(runtime.settings()->config, config);
    auto after = std::make_shared<Settings>(std::move(config), runtime.replays, runtime.clock,
                                            runtime.fetch_text);
    const Result<void> recorded = co_await record_config(runtime, after, changes);
    if (!recorded.has_value()) {
        co_return fail(recorded.error());
    }
    runtime.recorder->set_recipients(std::move(loaded.value().recipients));
    runtime.recorder->set_retention(retention_of(after->config));
    const std::lock_guard lock(runtime.settings_mutex);
    runtime.settings_in_force = std::move(after);
    co_return changes.size();
}

/// A broken new configuration changes nothing and says why. One at a time.
net::Task<void> reload(Runtime& runtime, std::string path) {
    if (runtime.reloading.exchange(true)) {
        log::warn("a configuration is being loaded already; send SIGHUP again");
        co_return;
    }
    const Result<std::size_t> changes = co_await take_config(runtime, std::move(path));
    runtime.reloading = false;
    if (changes.has_value()) {
        log::info("configuration reloaded: {} changes", changes.value());
    } else {
        log::error("the configuration was not reloaded: {}", changes.error().what);
    }
}

/// No new connections, what was admitted finishes, every session and the gateway's own parts close.
net::Task<void> drain(Runtime& runtime) {
    if (runtime.draining.exchange(true)) {
        co_return;
    }
    while (!runtime.operators) {  // told to stop while starting: start() ends the loops if it fails
        co_await net::sleep_for(kDrainStep);
    }
    log::info("stopping: {} operations in flight", runtime.gate->inside());
    runtime.agents->close();
    for (int step = 0; step < kDrainSteps && runtime.gate->inside() > 0; ++step) {
        co_await net::sleep_for(kDrainStep);
    }
    for (const session::SessionPtr& session : runtime.sessions.all()) {
        session->end({"drained", "operator", std::nullopt});
    }
    expire_sessions(runtime);
    for (int step = 0; step < kDrainSteps && !runtime.sessions.all().empty(); ++step) {
        co_await net::sleep_for(kDrainStep);
    }
    runtime.operators->close();
    co_await runtime.lobby->record_counted();
    co_await record_alarms(runtime);
    co_await close_own(*runtime.lobby_log, "drained", "operator");
    co_await close_own(*runtime.system, "drained", "operator");
    runtime.loops.stop();
}

net::Task<void> start(Runtime& runtime, Result<void>& outcome) {
    outcome = co_await declare_start(runtime);
    if (outcome.has_value()) {
        outcome = listen(runtime);
    }
    if (!outcome.has_value()) {
        runtime.loops.stop();
        co_return;
    }
    runtime.loops.at(0).spawn([&runtime] { return expire_forever(runtime); });
    runtime.loops.at(0).spawn([&runtime] { return keep_house(runtime); });
}

/// The loops have stopped. Threads end and what is queued goes to the recorder; the rest is left
/// standing until the process ends, since coroutines that are suspended still refer to it.
void give_up(std::unique_ptr<Runtime> runtime) {
    runtime->operator_workers.reset();
    runtime->workers.reset();
    runtime->recorder.reset();
    [[maybe_unused]] static const Runtime* const left_standing = runtime.release();
    (void)left_standing;
}

using Links = std::vector<process::Descriptor>;

Result<Links> receive_links(const process::Descriptor& control, bool to_recorder) {
    NARROWS_TRY(process::Parcel parcel, process::receive_parcel(control));
    NARROWS_TRY(const signer::GatewaySetup setup,
                signer::decode_setup<signer::GatewaySetup>(parcel.bytes.view()));
    if (parcel.descriptors.empty() || setup.is_recorder != to_recorder) {
        return fail(ErrorCode::invalid, "the supervisor gave other links than those due");
    }
    return std::move(parcel.descriptors);
}

Result<Handover> receive_handover(const process::Descriptor& control) {
    NARROWS_TRY(Links to_recorder, receive_links(control, true));
    NARROWS_TRY(Links to_signer, receive_links(control, false));
    Handover handover;
    if (to_recorder.size() != 1 + to_signer.size()) {
        return fail(ErrorCode::invalid, "the supervisor gave a link too few or too many");
    }
    handover.recorder = std::move(to_recorder.front());
    handover.told.assign(std::move_iterator(to_recorder.begin() + 1),
                         std::move_iterator(to_recorder.end()));
    handover.links = std::move(to_signer);
    return handover;
}

/// On a thread of its own, as long as the process lives.
void follow_signers(Runtime& runtime, const process::Descriptor& control) {
    while (true) {
        Result<Links> next = receive_links(control, false);
        if (!next.has_value()) {
            return;
        }
        runtime.signer->connect(std::move(next.value()));
        log::info("there is a new signer");
    }
}

}  // namespace

Result<void> run_gateway(const GatewayOptions& options) {
    NARROWS_TRY(process::harden({process::Filter::boundary, false}));
    // Shared with the thread that waits for the next signer.
    auto control = std::make_shared<process::Descriptor>(process::kControlDescriptor);
    NARROWS_TRY(Config config, load_config(options.config));
    NARROWS_TRY(Handover first, receive_handover(*control));
    const std::size_t threads = first.links.size();
    NARROWS_TRY(std::unique_ptr<Runtime> runtime,
                boot(std::move(config), system_clock(), threads,
                     {options.accept_corruption, options.accept_rollback}, std::move(first)));
    Runtime& running = *runtime;
    std::thread([&running, control] { follow_signers(running, *control); }).detach();
    Result<void> outcome = ok();
    const net::Signals signals(running.loops.at(0), [&](int number) {
        running.loops.at(0).spawn([&running, number, path = options.config] {
            return number == SIGHUP ? reload(running, path) : drain(running);
        });
    });
    running.loops.at(0).spawn([&] { return start(running, outcome); });
    running.loops.run();
    give_up(std::move(runtime));
    return outcome;
}

}  // namespace narrows::gateway
