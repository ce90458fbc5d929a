#pragma once

#include <string>
#include <vector>

#include "gateway/config/config.h"
#include "protocols/aws/upstream/fetch.h"

/// What `narrows doctor` looks at. Every check says what it saw; unless all is well also why that
/// matters and what to do.
namespace narrows::client {

enum class Health {
    good,
    odd,      ///< works, and should be looked at
    bad,      ///< does not work, or lets something past the boundary
    unknown,  ///< could not be looked at from here
};
const char* name_of(Health health);

struct Check {
    Health health = Health::good;
    std::string subject;  ///< "data directory"
    std::string what;     ///< what was seen, a sentence
    std::string why;      ///< why it matters; empty if good
    std::string remedy;   ///< what to do; empty if good
};
using Checks = std::vector<Check>;

// On the gateway's host. doctor_host.cc: files and disks; doctor_network.cc: what is reached.
void check_scopes(const gateway::Config& config, Checks& to);
void check_data_dir(const gateway::Config& config, Checks& to);
void check_key_files(const gateway::Config& config, Checks& to);
void check_processes(const gateway::Config& config, Checks& to);
void check_ca(const gateway::Config& config, Checks& to);
void check_anchors(const gateway::Config& config, Checks& to);
void check_ports(const gateway::Config& config, upstream::HttpFetch& fetch, Checks& to);
void check_connections(const gateway::Config& config, upstream::HttpFetch& fetch, Checks& to);

/// Where an agent works: what leads past the gateway from there (doctor_sandbox.cc).
void check_sandbox(upstream::HttpFetch& fetch, Checks& to);

}  // namespace narrows::client
