#include "base/check.h"
#include "gateway/runtime.h"

namespace narrows::gateway {
namespace {

/// A leaf is made anew when less than this is left of it.
constexpr std::int64_t kRenewLeafNs = 24 * 3600 * kNsPerSecond;

}  // namespace

Settings::Settings(Config loaded, identity::ReplayMemory& replays, const Clock& clock,
                   const identity::Fetch& fetch)
    : config(std::move(loaded)),
      registry(config.registry()),
      keys(identity::make_key_sources(registry, fetch, clock)),
      authenticator(registry, keys, replays, clock, config.gateway.name) {}

Result<std::shared_ptr<net::TlsServerContext>> Certificates::context_for(
    const std::vector<std::string>& names) {
    const std::lock_guard lock(mutex_);
    const WallNs now = clock_.wall();
    const auto found = kept_.find(names.front());
    if (found != kept_.end() && found->second.not_after - now > kRenewLeafNs) {
        return found->second.context;
    }
    NARROWS_TRY(crypto::Leaf leaf, ca_.issue(names, now));
    const net::TlsIdentity identity{leaf.chain_pem, std::string(leaf.key_pem.text())};
    NARROWS_TRY(std::shared_ptr<net::TlsServerContext> context,
                net::TlsServerContext::make(identity, true));
    if (kept_.size() >= kKept) {
        kept_.clear();
    }
    kept_[names.front()] = {context, leaf.not_after};
    return context;
}

aws::Adapter& Runtime::adapter_of(const net::Loop& loop) {
    for (std::size_t i = 0; i < loops.size(); ++i) {
        if (&loops.at(i) == &loop) {
            return *adapters[i];
        }
    }
    NARROWS_CHECK(false, "a connection runs on a loop of another process");
}

}  // namespace narrows::gateway
