#include "gateway/config/rules.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <arpa/inet.h>

#include "codec/text.h"
#include "crypto/age.h"
#include "crypto/ca.h"
#include "evidence/note.h"
#include "protocols/aws/catalogue/unsigned.h"

namespace narrows::gateway::rules {
namespace {

constexpr std::array kPartitions = {"aws",     "aws-cn",    "aws-us-gov", "aws-eusc",
                                    "aws-iso", "aws-iso-b", "aws-iso-e",  "aws-iso-f"};

constexpr std::string_view kModels = "preset:models";
/// Hosts that coding agents call for their models and for signing in to them.
constexpr std::array kModelHosts = {
    "api.anthropic.com", "platform.claude.com",
    "claude.ai",         "api.openai.com",
    "auth.openai.com",   "chatgpt.com",
    "api.mistral.ai",    "generativelanguage.googleapis.com",
    "api.x.ai",          "api.deepseek.com",
    "openrouter.ai",     "cloudcode-pa.googleapis.com",
};

bool all_of(std::string_view text, std::string_view beside_alphanumeric) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               beside_alphanumeric.find(c) != std::string_view::npos;
    });
}

bool is_ip(std::string_view text) {
    std::array<unsigned char, 16> bytes;
    const std::string copy(text);
    return inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1 ||
           inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1;
}

bool is_host(std::string_view text) {
    if (is_ip(text)) {
        return true;
    }
    const auto labels = codec::split(text, '.');
    return text.size() <= 253 && all_of(text, ".-_") &&
           std::none_of(labels.begin(), labels.end(),
                        [](std::string_view label) { return label.empty() || label.size() > 63; });
}

std::optional<std::uint16_t> port_of(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && port > 0 ? std::optional(port) : std::nullopt;
}

/// Whether "*.suffix" lets some AWS host through.
bool covers_aws(std::string_view suffix) {
    const auto& domains = crypto::aws_domains();
    return crypto::is_aws_host(suffix) ||
           std::any_of(domains.begin(), domains.end(), [&](const std::string& domain) {
               return domain.ends_with("." + std::string(suffix));
           });
}

std::optional<EgressRule> parse_egress_entry(std::string_view entry) {
    EgressRule rule;
    const std::size_t colon = entry.rfind(':');
    const bool has_port = colon != std::string_view::npos && !is_ip(entry);
    if (has_port) {
        const auto port = port_of(entry.substr(colon + 1));
        if (!port) return std::nullopt;
        rule.port = *port;
        entry = entry.substr(0, colon);
    }
    if (entry.starts_with('[') && entry.ends_with(']')) {
        entry = entry.substr(1, entry.size() - 2);
    }
    rule.host = codec::lower(entry);
    const std::string_view name = entry.starts_with("*.") ? entry.substr(2) : entry;
    return is_host(name) ? std::optional(rule) : std::nullopt;
}

}  // namespace

std::string anything(std::string_view) {
    return {};
}

std::string not_empty(std::string_view text) {
    return text.empty() ? "is empty; write its value" : "";
}

std::string id(std::string_view text) {
    const bool good = !text.empty() && text.size() <= identity::kIdMax && all_of(text, "._-@");
    return good ? "" : "is not a name; use 1 to 64 letters, digits and . _ - @";
}

std::string account(std::string_view text) {
    const bool good = text.size() == 12 && text.find_first_not_of("0123456789") == text.npos;
    return good ? "" : "is not an AWS account; write its 12 digits in quotes";
}

std::string dynamodb_table(std::string_view text) {
    constexpr std::string_view kIndex = "/index/";
    const auto is_name = [](std::string_view name) {
        constexpr std::string_view kAllowed =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
        return !name.empty() && name.find_first_not_of(kAllowed) == name.npos;
    };
    const std::size_t index = text.find(kIndex);
    const bool good = is_name(text.substr(0, index)) &&
                      (index == text.npos || is_name(text.substr(index + kIndex.size())));
    return good ? ""
                : "is no table or index of DynamoDB; write \"orders\" or "
                  "\"orders/index/by-day\"";
}

std::string partition(std::string_view text) {
    const bool good = std::find(kPartitions.begin(), kPartitions.end(), text) != kPartitions.end();
    return good ? ""
                : "is not an AWS partition; write aws, aws-cn, aws-us-gov, aws-eusc or an "
                  "aws-iso one";
}

std::string age_recipient(std::string_view text) {
    return crypto::parse_recipient(text).has_value()
               ? ""
               : "is no age recipient; age-keygen prints one, it begins with age1";
}

std::string region(std::string_view text) {
    const bool good = text.size() >= 4 && text.size() <= 32 && text.find('-') != text.npos &&
                      text == codec::lower(text) && all_of(text, "-");
    return good ? "" : "is not an AWS region; write one like eu-central-1";
}

std::string sha256(std::string_view text) {
    const auto bytes = codec::unhex(text);
    return bytes && bytes.value().size() == 32
               ? ""
               : "is not a SHA-256; write the 64 hex digits that sha256sum prints of the key";
}

std::string ed25519(std::string_view text) {
    const auto bytes = codec::unbase64(text);
    return bytes && bytes.value().size() == 32
               ? ""
               : "is not an Ed25519 public key; write the base64 text of its 32 bytes";
}

std::optional<Address> parse_address(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const auto port = port_of(text.substr(colon + 1));
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return std::nullopt;
    }
    if (!port || !is_host(host)) return std::nullopt;
    return Address{std::string(host), *port};
}

std::string address(std::string_view text) {
    return parse_address(text) ? ""
                               : "is not an address to listen on; write host:port, such as "
                                 "127.0.0.1:8400 or [::1]:8400";
}

std::string host_name(std::string_view text) {
    return is_host(text) ? "" : "is neither a DNS name nor an address; correct it";
}

std::string endpoint(std::string_view text) {
    std::string_view rest = text;
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!text.starts_with(scheme)) continue;
        rest = text.substr(scheme.size());
        const bool good = parse_address(rest).has_value() || is_host(rest);
        return good ? "" : "holds more or less than a host and a port; write https://host:port";
    }
    return "is not a URL; write http://host:port or https://host:port";
}

std::string submission_prefix(std::string_view text) {
    const std::size_t host = text.find("://");
    const std::size_t path = host == text.npos ? text.npos : text.find('/', host + 3);
    const bool plain = all_of(text.substr(std::min(path, text.size())), "/.-_~");
    return plain ? endpoint(text.substr(0, path))
                 : "has a path with more than letters, digits and / . - _ ~; write the witness's "
                   "submission prefix";
}

std::string witness_key(std::string_view text) {
    const auto key = evidence::parse_vkey(text);
    return key && key.value().type == evidence::KeyType::cosignature
               ? ""
               : "is not a witness's key; write the vkey (name+id+base64, type 04) that its "
                 "operator "
                 "gave you: `narrows witness key` prints it";
}

std::string bucket(std::string_view text) {
    const bool good = text.size() >= 3 && text.size() <= 63 && text == codec::lower(text) &&
                      all_of(text, ".-") && text.find("..") == text.npos && text.front() != '.' &&
                      text.back() != '.';
    return good ? "" : "is not the name of a bucket; use 3 to 63 small letters, digits and . -";
}

std::string key_prefix(std::string_view text) {
    const bool good = !text.empty() && text.size() <= 256 && all_of(text, "/._-") &&
                      text.front() != '/' && text.back() != '/' && text.find("//") == text.npos &&
                      text.find("..") == text.npos;
    return good ? ""
                : "is not a prefix; use letters, digits and / . _ - without a slash at its ends";
}

std::string officer_key(std::string_view text) {
    const auto key = evidence::parse_vkey(text);
    return key && key.value().type == evidence::KeyType::ed25519
               ? ""
               : "is not an officer's key; write the vkey (name+id+base64, type 01) that the "
                 "officer "
                 "gave you: `narrows recording officer-key` prints it";
}

std::optional<KmsKey> parse_kms_key(std::string_view text) {
    constexpr std::string_view kKms = "kms:";
    constexpr std::string_view kKey = "key/";
    constexpr std::size_t kIdMax = 64;
    const auto parts = codec::split(text, ':');
    if (parts.size() != 7 || parts[0] != "kms" || parts[1] != "arn" || parts[3] != "kms" ||
        !partition(parts[2]).empty() || !region(parts[4]).empty() || !account(parts[5]).empty() ||
        !parts[6].starts_with(kKey)) {
        return std::nullopt;
    }
    const std::string_view key = parts[6].substr(kKey.size());
    KmsKey found;
    found.arn = text.substr(kKms.size());
    found.region = parts[4];
    const bool good = !key.empty() && key.size() <= kIdMax && all_of(key, "-");
    return good ? std::optional(std::move(found)) : std::nullopt;
}

std::string kms_key(std::string_view text) {
    return parse_kms_key(text)
               ? ""
               : "is not a key of AWS KMS; write kms:arn:aws:kms:REGION:ACCOUNT:key/ID (no alias, "
                 "which could come to mean another key), or leave it out for a key in data_dir";
}

std::string jwks(std::string_view text) {
    const bool remote = text.find("://") != std::string_view::npos;
    const bool good = remote ? text.starts_with("https://") : !text.empty();
    return good ? ""
                : "is neither a file nor an https URL; keys fetched otherwise could be "
                  "anyone's";
}

std::string unsigned_operation(std::string_view text) {
    const std::string why = aws::why_not_unsigned(aws::Catalogue::embedded(), text);
    return why.empty() ? "" : "names \"" + codec::printable(text) + "\", which " + why;
}

std::string egress(std::string_view text) {
    if (text == kModels) return {};
    if (text.starts_with("preset:")) return "is not a known preset; the known one is preset:models";
    const auto rule = parse_egress_entry(text);
    if (!rule) {
        return "is not a host; write host, host:port, *.domain or preset:models";
    }
    const std::string_view host = rule->host;
    if (host.starts_with("*.") ? covers_aws(host.substr(2)) : crypto::is_aws_host(host)) {
        return "lets AWS hosts through unopened and unrecorded; remove it, AWS is reached through "
               "connections";
    }
    return {};
}

std::vector<EgressRule> parse_egress(const std::vector<std::string>& entries) {
    std::vector<EgressRule> rules;
    for (const std::string& entry : entries) {
        if (entry == kModels) {
            for (const char* host : kModelHosts) rules.push_back({host, 443});
        } else if (auto rule = parse_egress_entry(entry)) {
            rules.push_back(std::move(*rule));
        }
    }
    return rules;
}

}  // namespace narrows::gateway::rules
