#include "recorder/alarms.h"

#include "base/log.h"

namespace narrows::recorder {

void Alarms::raise(const std::string& what, const std::string& why) {
    const std::lock_guard lock(mutex_);
    const auto [at, is_new] = active_.try_emplace(what, why);
    if (is_new) {
        log::error("alarm, {}: {}", what, at->second);
        tell({what, at->second, false});
    }
}

void Alarms::lower(const std::string& what) {
    const std::lock_guard lock(mutex_);
    const auto at = active_.find(what);
    if (at != active_.end()) {
        log::info("over: {}", what);
        tell({what, std::move(at->second), true});
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
    return active_;
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
