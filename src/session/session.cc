#include "session/session.h"

#include <algorithm>

#include <fmt/format.h>

#include "codec/text.h"

namespace narrows::session {

bool Egress::matches(std::string_view to_host, std::uint16_t to_port) const {
    if (to_port != port) {
        return false;
    }
    const std::string asked = codec::lower(to_host);
    if (host.starts_with("*.")) {
        return asked.size() > host.size() - 1 && asked.ends_with(host.substr(1));
    }
    return asked == host;
}

bool Connection::names_unsigned(std::string_view operation) const {
    return std::find(unsigned_operations.begin(), unsigned_operations.end(), operation) !=
           unsigned_operations.end();
}

std::optional<std::string> Usage::over_rate(const Budget& budget, MonoNs now) {
    if (budget.per_second_max == 0) {
        return std::nullopt;
    }
    const std::lock_guard lock(rate_mutex_);
    const MonoNs second = now / kNsPerSecond;
    if (second != second_) {
        second_ = second;
        this_second_ = 0;
    }
    if (this_second_ >= budget.per_second_max) {
        return fmt::format("the budget of {} operations a second is used up",
                           budget.per_second_max);
    }
    ++this_second_;
    return std::nullopt;
}

std::optional<std::string> Usage::attempt(const Budget& budget, MonoNs now) {
    if (exhausted(budget)) {
        return fmt::format("the budget of {} recorded bytes is used up", budget.bytes_max);
    }
    return over_rate(budget, now);
}

std::optional<std::string> Usage::begin(const Budget& budget) {
    const std::uint32_t others = in_flight_.fetch_add(1);
    if (budget.in_flight_max == 0 || others < budget.in_flight_max) {
        return std::nullopt;
    }
    in_flight_.fetch_sub(1);
    return fmt::format("the budget of {} operations at once is used up", budget.in_flight_max);
}

bool Usage::spend(const Budget& budget, std::uint64_t bytes) {
    const std::uint64_t before = bytes_.fetch_add(bytes);
    return budget.bytes_max == 0 || before + bytes <= budget.bytes_max;
}

Session::Session(Terms terms, std::shared_ptr<recording::PartLog> log)
    : terms_(std::move(terms)), log_(std::move(log)) {
    for (std::size_t i = 0; i < terms_.connections.size(); ++i) {
        usage_.push_back(std::make_unique<Usage>());
    }
}

std::optional<std::size_t> Session::connection_of_key(std::string_view key_id) const {
    for (std::size_t i = 0; i < terms_.connections.size(); ++i) {
        if (terms_.connections[i].key_id == key_id) {
            return i;
        }
    }
    return std::nullopt;
}

std::optional<Derived> Session::derived_of_key(std::string_view key_id) const {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(derived_.begin(), derived_.end(),
                                    [&](const Derived& each) { return each.key_id == key_id; });
    return found == derived_.end() ? std::nullopt : std::optional(*found);
}

void Session::add_derived(Derived derived, WallNs now) {
    const std::lock_guard lock(mutex_);
    std::erase_if(derived_, [&](const Derived& each) { return each.expires_at <= now; });
    derived_.push_back(std::move(derived));
}

std::size_t Session::derived_count(WallNs now) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(derived_.begin(), derived_.end(),
                      [&](const Derived& each) { return each.expires_at > now; }));
}

std::optional<std::string> Session::over(const Clock& clock) const {
    if (ended_) {
        return "the session is over: " + ending().reason;
    }
    const bool by_mono = terms_.mono_expires_at != 0 && clock.mono() >= terms_.mono_expires_at;
    if (by_mono || clock.wall() >= terms_.expires_at) {
        return "the session has expired at " + rfc3339(terms_.expires_at);
    }
    return std::nullopt;
}

std::uint32_t Session::in_flight() const {
    std::uint32_t sum = 0;
    for (const auto& usage : usage_) {
        sum += usage->in_flight();
    }
    return sum;
}

bool Session::end(Ending ending) {
    const std::lock_guard lock(mutex_);
    if (ended_) {
        return false;
    }
    ending_ = std::move(ending);
    ended_ = true;
    for (const auto& cut : cuts_) {
        cut();
    }
    return true;
}

Ending Session::ending() const {
    const std::lock_guard lock(mutex_);
    return ending_;
}

Session::OnEnd::OnEnd(Session& session, std::function<void()> cut) : session_(session) {
    const std::lock_guard lock(session_.mutex_);
    if (session_.ended_) {
        cut();
    }
    at_ = session_.cuts_.insert(session_.cuts_.end(), std::move(cut));
}

Session::OnEnd::~OnEnd() {
    const std::lock_guard lock(session_.mutex_);
    session_.cuts_.erase(at_);
}

void Sessions::add(SessionPtr session) {
    const std::lock_guard lock(mutex_);
    by_id_.insert_or_assign(session->terms().id.value(), std::move(session));
}

void Sessions::remove(const model::SessionId& id) {
    const std::lock_guard lock(mutex_);
    by_id_.erase(id.value());
}

SessionPtr Sessions::find(const model::SessionId& id) const {
    const std::lock_guard lock(mutex_);
    const auto at = by_id_.find(id.value());
    return at == by_id_.end() ? nullptr : at->second;
}

std::vector<SessionPtr> Sessions::all() const {
    const std::lock_guard lock(mutex_);
    std::vector<SessionPtr> all;
    all.reserve(by_id_.size());
    for (const auto& [id, session] : by_id_) {
        all.push_back(session);
    }
    return all;
}

}  // namespace narrows::session
