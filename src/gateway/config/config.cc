#include "gateway/config/config.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "codec/cbor.h"
#include "codec/text.h"
#include "gateway/config/parser.h"
#include "io/file.h"

namespace narrows::gateway {
namespace {

crypto::Digest digest_of(const std::map<std::string, crypto::Digest>& files) {
    codec::Map map;
    for (const auto& [path, digest] : files) {
        map.emplace(path, to_bytes(ByteView(digest)));
    }
    return crypto::sha256(codec::cbor_encode(map));
}

}  // namespace

std::string to_string(const Address& address) {
    const bool v6 = address.host.find(':') != std::string::npos;
    return fmt::format(fmt::runtime(v6 ? "[{}]:{}" : "{}:{}"), address.host, address.port);
}

bool EgressRule::matches(std::string_view to_host, std::uint16_t to_port) const {
    const std::string name = codec::lower(to_host);
    if (to_port != port) {
        return false;
    }
    if (!host.starts_with("*.")) {
        return name == host;
    }
    return name.size() > host.size() - 1 && name.ends_with(std::string_view(host).substr(1));
}

const Connection* Config::connection(std::string_view name) const {
    const auto at = std::find_if(connections.begin(), connections.end(),
                                 [&](const Connection& each) { return each.name == name; });
    return at == connections.end() ? nullptr : &*at;
}

identity::Registry Config::registry() const {
    return {issuers, launchers, agents, grants};
}

Result<Config> parse_config(std::string_view text, const std::string& path, const ReadFile& read) {
    if (text.size() > kConfigFileMax) {
        return fail(ErrorCode::invalid, path + ":1:1: the file is larger than 1 MiB; shorten it");
    }
    NARROWS_TRY(const auto table, parse_toml(text, path));
    Config config;
    config.path = path;
    config.files[std::filesystem::path(path).filename().string()] = crypto::sha256(text);
    Problems problems(path);
    Parser(config, problems, read).document(table);
    if (!problems.none()) {
        return fail(ErrorCode::invalid, problems.text());
    }
    config.digest = digest_of(config.files);
    return config;
}

Result<Config> load_config(const std::string& path) {
    const ReadFile read = [](const std::string& file) -> Result<std::string> {
        NARROWS_TRY(const auto bytes, io::read_all(io::posix(), file, kConfigFileMax));
        return narrows::to_string(ByteView(bytes));
    };
    NARROWS_TRY(const auto text, read(path));
    return parse_config(text, path, read);
}

}  // namespace narrows::gateway
