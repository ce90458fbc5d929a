#include "protocols/aws/upstream/dial.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include <arpa/inet.h>

#include "codec/text.h"

namespace narrows::upstream {
namespace {

using Ip = std::array<std::uint8_t, 16>;  ///< IPv4 as ::ffff:a.b.c.d

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
/// Well-known prefix of NAT64 (RFC 6052): what follows is an IPv4 address.
constexpr std::array<std::uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};

bool has_prefix(const Ip& ip, std::span<const std::uint8_t> prefix) {
    return std::equal(prefix.begin(), prefix.end(), ip.begin());
}

std::optional<Ip> parse_ip(std::string_view text) {
    const std::string terminated(text);
    Ip ip{};
    if (::inet_pton(AF_INET6, terminated.c_str(), ip.data()) == 1) return ip;
    std::ranges::copy(kMapped, ip.begin());
    if (::inet_pton(AF_INET, terminated.c_str(), ip.data() + 12) == 1) return ip;
    return std::nullopt;
}

bool is_special_v4(std::uint8_t a, std::uint8_t b) {
    return a == 0 || a == 127 || (a == 169 && b == 254) || a >= 224;
}

/// Addresses that only mean something on this host or link (IANA special-purpose registries).
bool is_local(const Ip& ip) {
    static constexpr std::array<std::uint8_t, 15> kZeros{};
    static constexpr std::array<std::uint8_t, 4> kEc2Services = {0xfd, 0x00, 0x0e, 0xc2};
    // IPv4-compatible (::/96, loopback and unspecified with it), mapped and NAT64 forms.
    if (has_prefix(ip, kMapped) || has_prefix(ip, kNat64)) return is_special_v4(ip[12], ip[13]);
    if (has_prefix(ip, std::span(kZeros).first(12))) return true;
    // 6to4 (RFC 3056) carries the IPv4 address after its 16-bit prefix.
    if (ip[0] == 0x20 && ip[1] == 0x02) return is_special_v4(ip[2], ip[3]);
    const bool link_local = ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
    const bool multicast = ip[0] == 0xff;
    return link_local || multicast || has_prefix(ip, kEc2Services);
}

bool is_private_v4(std::uint8_t a, std::uint8_t b) {
    return a == 10 || (a == 172 && (b & 0xf0) == 16) || (a == 192 && b == 168) ||
           (a == 100 && (b & 0xc0) == 64);
}

/// RFC 1918, RFC 6598, unique local addresses (RFC 4193), in all their forms.
bool is_private(const Ip& ip) {
    if (has_prefix(ip, kMapped) || has_prefix(ip, kNat64)) return is_private_v4(ip[12], ip[13]);
    if (ip[0] == 0x20 && ip[1] == 0x02) return is_private_v4(ip[2], ip[3]);
    return (ip[0] & 0xfe) == 0xfc;
}

bool is_own(const Ip& ip, std::uint16_t port, const Listener& listener) {
    if (listener.port != port) return false;
    const auto bound = parse_ip(listener.ip);
    if (!bound) return false;
    const bool any = *bound == Ip{} || *bound == parse_ip("0.0.0.0");
    return *bound == ip || (any && is_local(ip));
}

bool is_host_name(std::string_view host) {
    if (host.empty() || host.size() > 253) return false;
    return std::ranges::all_of(codec::split(host, '.'), [](std::string_view label) {
        return !label.empty() && label.size() <= 63 && label.front() != '-' &&
               label.back() != '-' && std::ranges::all_of(label, [](char c) {
                   return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
               });
    });
}

/// Digits and dots that are no IPv4 address are read as one by some resolvers (127.1, 2130706433).
bool looks_numeric(std::string_view host) {
    const std::string_view last = host.substr(host.rfind('.') + 1);
    return std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; }) ||
           last.starts_with("0x");
}

Result<std::string> check_host(std::string_view host, bool bracketed) {
    std::string name = codec::lower(host);
    const auto ip = parse_ip(name);
    const bool v6 = name.find(':') != std::string::npos;
    const bool good =
        ip ? v6 == bracketed : !bracketed && is_host_name(name) && !looks_numeric(name);
    if (!good) {
        return fail(ErrorCode::invalid,
                    "the endpoint's host is no DNS name or IP address: " + codec::printable(host));
    }
    return name;
}

Result<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port == 0) {
        return fail(ErrorCode::invalid, "the endpoint's port is no number from 1 to 65535");
    }
    return port;
}

}  // namespace

std::string Target::authority() const {
    const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return port == (tls ? 443 : 80) ? name : name + ":" + std::to_string(port);
}

Result<Target> parse_endpoint_url(std::string_view url) {
    Target out;
    out.configured = true;
    std::string_view rest = url;
    if (rest.starts_with("https://")) {
        rest.remove_prefix(8);
    } else if (rest.starts_with("http://")) {
        rest.remove_prefix(7);
        out.tls = false;
    } else {
        return fail(ErrorCode::invalid, "the endpoint does not begin with https:// or http://: " +
                                            codec::printable(url));
    }
    if (rest.ends_with('/')) rest.remove_suffix(1);
    const bool bracketed = rest.starts_with('[');
    const std::size_t host_end = bracketed ? rest.find(']') : std::min(rest.find(':'), rest.size());
    if (host_end == std::string_view::npos) {
        return fail(ErrorCode::invalid, "the endpoint has a '[' without its ']'");
    }
    NARROWS_TRY(out.host,
                check_host(rest.substr(bracketed, host_end - (bracketed ? 1 : 0)), bracketed));
    const std::string_view port = rest.substr(host_end + (bracketed ? 1 : 0));
    out.port = out.tls ? 443 : 80;
    if (!port.empty()) {
        if (!port.starts_with(':')) {
            return fail(ErrorCode::invalid,
                        "the endpoint has something else than a port after "
                        "its host; a path, query or user cannot be given");
        }
        NARROWS_TRY(out.port, parse_port(port.substr(1)));
    }
    return out;
}

Result<Target> choose_target(std::string_view catalogue_host, std::string_view override_url) {
    if (!override_url.empty()) return parse_endpoint_url(override_url);
    const std::string host = codec::lower(catalogue_host);
    if (!is_host_name(host) || looks_numeric(host)) {
        return fail(ErrorCode::invalid,
                    "the service's endpoint is no DNS name: " + codec::printable(catalogue_host));
    }
    return Target{host, 443, true, false};
}

Result<void> may_dial(const Target& target, std::string_view ip,
                      std::span<const Listener> own_listeners) {
    const auto address = parse_ip(ip);
    if (!address) return fail(ErrorCode::invalid, "this is no IP address: " + codec::printable(ip));
    const bool own = std::ranges::any_of(own_listeners, [&](const Listener& listener) {
        return is_own(*address, target.port, listener);
    });
    if (own) {
        return fail(ErrorCode::denied, target.host + " leads to the gateway's own listener at " +
                                           std::string(ip) + "; it is not dialled");
    }
    if (is_local(*address) && !target.configured) {
        return fail(ErrorCode::denied,
                    target.host + " leads to " + std::string(ip) +
                        ", an address of this host or link; it is dialled only when a connection's "
                        "endpoint names it");
    }
    if (is_private(*address) && target.public_only) {
        return fail(ErrorCode::denied,
                    target.host + " leads to the private address " + std::string(ip) +
                        "; it is dialled only when the egress list names this very host");
    }
    return ok();
}

}  // namespace narrows::upstream
