#include "crypto/ca_names.h"

#include <algorithm>

#include <arpa/inet.h>

#include "crypto/ca.h"

namespace narrows::crypto {

std::string lower_name(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

Bytes address_bytes(const std::string& text) {
    Bytes bytes(16);
    if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) {
        return bytes;
    }
    bytes.resize(4);
    return inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ? bytes : Bytes{};
}

bool is_dns_name(std::string_view name) {
    std::size_t label = 0;
    for (const char c : name) {
        if (c == '.') {
            if (label == 0) return false;
            label = 0;
            continue;
        }
        const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!fits || ++label > 63) return false;
    }
    return label > 0 && name.size() <= 253;
}

bool is_below(std::string_view host, std::string_view domain) {
    return host == domain || (host.size() > domain.size() + 1 && host.ends_with(domain) &&
                              host[host.size() - domain.size() - 1] == '.');
}

const std::vector<std::string>& aws_domains() {
    static const std::vector<std::string> domains = {
        "amazonaws.com",    "api.aws",
        "amazonaws.com.cn", "api.amazonwebservices.com.cn",
        "amazonaws.eu",     "api.amazonwebservices.eu",
        "c2s.ic.gov",       "sc2s.sgov.gov",
        "cloud.adc-e.uk",   "csp.hci.ic.gov",
    };
    return domains;
}

bool is_aws_host(std::string_view host) {
    std::string name = lower_name(host);
    if (name.ends_with('.')) name.pop_back();
    return std::any_of(aws_domains().begin(), aws_domains().end(),
                       [&](const std::string& domain) { return is_below(name, domain); });
}

}  // namespace narrows::crypto
