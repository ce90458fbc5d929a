#include "recorder/alarms.h"

#include "base/log.h"

namespace narrows::recorder {

void Alarms::raise(const std::string& what, const std::string& why) {
    const std::lock_guard lock(mutex_);
    const auto [at, is_new] = active_.try_emplace(what, Raised{why, std::nullopt});
    if (is_new) {
        log::error("alarm, {}: {}", what, why);
        tell({what, why, false});
    }
}

void Alarms::show(const std::string& what, const std::string& why, MonoNs until) {
    const std::lock_guard lock(mutex_);
    lower_locked(what);
    active_.emplace(what, Raised{why, until});
    log::error("alarm, {}: {}", what, why);
    tell({what, why, false});
}

void Alarms::lower(const std::string& what) {
    const std::lock_guard lock(mutex_);
    lower_locked(what);
}

void Alarms::expire(MonoNs now) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> over;
    for (const auto& [what, raised] : active_) {
        if (raised.until && now >= *raised.until) {
            over.push_back(what);
        }
    }
    for (const std::string& what : over) {
        lower_locked(what);
    }
}

void Alarms::lower_locked(const std::string& what) {
    const auto at = active_.find(what);
    if (at != active_.end()) {
        log::info("over: {}", what);
        tell({what, std::move(at->second.why), true});
        active_.erase(at);
    }
}

void Alarms::tell(const evidence::AlarmEntry& change) {
    for (auto* list : {&for_log_, &for_notices_}) {
        if (list->size() == kUntoldMax) {
            list->erase(list->begin());
        }
        list->push_back(change);
    }
}

std::map<std::string, std::string> Alarms::active() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::string> active;
    for (const auto& [what, raised] : active_) {
        active.emplace(what, raised.why);
    }
    return active;
}

std::vector<evidence::AlarmEntry> Alarms::take_for_log() {
    const std::lock_guard lock(mutex_);
    return std::exchange(for_log_, {});
}

std::vector<evidence::AlarmEntry> Alarms::take_for_notices() {
    const std::lock_guard lock(mutex_);
    return std::exchange(for_notices_, {});
}

}  // namespace narrows::recorder
