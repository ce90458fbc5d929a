#include "policy/keys.h"

#include <algorithm>
#include <array>

#include "policy/document.h"

namespace narrows::policy {
namespace {

/// What is decided on here the agent asks itself, and no service for it.
const std::vector<std::string>& on_direct_calls(std::string_view service_call_key) {
    static const std::vector<std::string> no{"false"};
    static const std::vector<std::string> absent;
    return service_call_key.starts_with("aws:viaaws") ? no : absent;
}

constexpr std::array<std::string_view, 6> kFactKeys = {
    "narrows:agent",     "narrows:principal", "narrows:taskid",
    "narrows:sessionid", "aws:currenttime",   "aws:epochtime",
};

}  // namespace

Keys::Keys(const model::Operation& operation, const Facts& facts) : context_(operation.context) {
    own_["narrows:agent"] = {facts.agent};
    own_["narrows:taskid"] = {facts.task_id};
    own_["narrows:sessionid"] = {facts.session_id};
    own_["narrows:principal"] = {};
    if (facts.principal) own_["narrows:principal"].push_back(*facts.principal);
    if (facts.now) {
        own_["aws:currenttime"] = {rfc3339(*facts.now)};
        own_["aws:epochtime"] = {std::to_string(*facts.now / kNsPerSecond)};
    }
}

const std::vector<std::string>* Keys::find(std::string_view lower_key) const {
    if (const auto own = own_.find(lower_key); own != own_.end()) return &own->second;
    if (is_fact_key(lower_key)) return nullptr;
    if (is_service_call_key(lower_key)) return &on_direct_calls(lower_key);
    if (const auto found = context_.find(lower_key); found != context_.end()) return &found->second;
    const auto family = model::find_family(context_, lower_key);
    return family == context_.end() ? nullptr : &family->second;
}

bool is_fact_key(std::string_view lower_key) {
    return std::find(kFactKeys.begin(), kFactKeys.end(), lower_key) != kFactKeys.end();
}

}  // namespace narrows::policy
