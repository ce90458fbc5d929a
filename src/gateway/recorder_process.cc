#include "gateway/recorder_process.h"

#include <thread>

#include <sys/stat.h>

#include "base/log.h"
#include "gateway/boot.h"
#include "gateway/child.h"
#include "io/file.h"
#include "process/channel.h"
#include "process/harden.h"
#include "process/spawn.h"
#include "recorder/server.h"

namespace narrows::gateway {
namespace {

constexpr int kLockLooks = 150;
constexpr std::chrono::milliseconds kLockLook{20};

/// A recorder that was killed a moment ago may not be gone yet.
void await_lock(const Config& config) {
    const std::string path = config.gateway.data_dir + "/journal/lock";
    for (int look = 0; look < kLockLooks; ++look) {
        const auto lock = io::posix().lock(path);
        if (lock.has_value() || lock.error().code != ErrorCode::conflict) {
            return;
        }
        std::this_thread::sleep_for(kLockLook);
    }
}

Result<std::unique_ptr<recorder::Recorder>> open(const GatewayOptions& options,
                                                 const recording::ReceiptKey& key) {
    NARROWS_TRY(const Config config, load_config(options.config));
    await_lock(config);
    NARROWS_TRY(recorder::RecorderOptions wanted,
                recorder_options(config, system_clock(),
                                 {options.accept_corruption, options.accept_rollback}));
    wanted.receipt_key = &key;
    return recorder::open_recorder(io::posix(), system_clock(), std::move(wanted));
}

Result<Secret> key_of(const process::Parcel& parcel) {
    NARROWS_TRY(signer::RecorderSetup setup,
                signer::decode_setup<signer::RecorderSetup>(parcel.bytes.view()));
    return std::move(setup.receipt_key);
}

/// On a thread of its own, as long as the process lives: the key of each new signer.
void follow_keys(recording::ReceiptKey& key, const process::Descriptor& control) {
    while (true) {
        const Result<process::Parcel> parcel = process::receive_parcel(control);
        if (!parcel.has_value()) {
            return;
        }
        Result<Secret> next = key_of(parcel.value());
        if (next.has_value()) {
            key.replace(std::move(next.value()));
        }
    }
}

}  // namespace

Result<void> run_recorder(const GatewayOptions& options) {
    leave_signals_to_the_supervisor();
    ::umask(0077);
    NARROWS_TRY(const bool locked, process::harden({process::Filter::recorder, true}));
    if (!locked) {
        log::warn("the recorder may not lock its memory (RLIMIT_MEMLOCK): keys may be swapped out");
    }
    // Both are never destroyed: a thread that lives as long as the process reads them.
    static const auto& control = *new process::Descriptor(process::kControlDescriptor);
    NARROWS_TRY(process::Parcel parcel, receive_setup(control));
    NARROWS_TRY(Secret first, key_of(parcel));
    if (parcel.descriptors.empty()) {
        return fail(ErrorCode::invalid, "the supervisor gave no link to the gateway");
    }
    static auto& key = *new recording::ReceiptKey(std::move(first));
    std::thread([] { follow_keys(key, control); }).detach();
    const process::Descriptor& gateway = parcel.descriptors.front();
    const std::vector<process::Descriptor> to_loops(
        std::move_iterator(parcel.descriptors.begin() + 1),
        std::move_iterator(parcel.descriptors.end()));
    Result<std::unique_ptr<recorder::Recorder>> opened = open(options, key);
    if (!opened.has_value()) {
        recorder::refuse_gateway(opened.error(), gateway);
        return ok();
    }
    const Result<void> served =
        recorder::serve_gateway(std::move(opened.value()), gateway, to_loops);
    if (!served.has_value()) {
        log::error("{}", served.error().what);
    }
    return ok();
}

}  // namespace narrows::gateway
