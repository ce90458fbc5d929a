#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

/// Where the gateway dials: never a name or an address taken from a request.
namespace narrows::upstream {

/// One place to connect to.
struct Target {
    std::string host;  ///< a DNS name or an IP address, lower case, without brackets
    std::uint16_t port = 443;
    bool tls = true;
    /// The operator named this very place (or the standard chain did, for credentials): loopback
    /// and link-local addresses are then allowed.
    bool configured = false;
    /// The operator gave a pattern only: private addresses are then refused too.
    bool public_only = false;

    std::string authority() const;  ///< for the Host header: port only if not the scheme's own
    friend bool operator==(const Target&, const Target&) = default;
};

/// "https://host[:port][/]", nothing else: no user, path, query, fragment, blanks or encodings.
/// The result is `configured`.
Result<Target> parse_endpoint_url(std::string_view url);

/// The target for a host name computed by the catalogue from partition, region and service, or the
/// connection's own endpoint if it has one (`override_url` not empty).
Result<Target> choose_target(std::string_view catalogue_host, std::string_view override_url);

struct Listener {
    std::string ip;  ///< "127.0.0.1", "::", "0.0.0.0"
    std::uint16_t port = 0;
};

/// Asked of every address a name resolves to, right before connecting. An own listener is never
/// dialled. Loopback, link-local (metadata services live there), unspecified, multicast, unique
/// metadata addresses (fd00:ec2::/32), and their IPv4-in-IPv6 forms only if `target.configured`.
/// Private addresses are allowed (VPC endpoints have them) unless `target.public_only`. Text that
/// is no address is refused.
Result<void> may_dial(const Target& target, std::string_view ip,
                      std::span<const Listener> own_listeners);

}  // namespace narrows::upstream
