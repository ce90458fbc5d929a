#include "evidence/trust.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "codec/text.h"

namespace narrows::evidence {
namespace {

Result<void> add_key(std::vector<VerifierKey>& keys, std::string_view vkey, KeyType type) {
    NARROWS_TRY(VerifierKey key, parse_vkey(vkey));
    if (key.type != type) {
        return fail(ErrorCode::invalid, type == KeyType::ed25519
                                            ? "a log's or officer's key has type 01 (Ed25519)"
                                            : "a witness's key has type 04 (cosignature)");
    }
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) {
        return fail(ErrorCode::conflict, "the key stands here twice");
    }
    keys.push_back(std::move(key));
    return ok();
}

/// A trust file as it is read, line by line.
struct Reading {
    Trust trust;
    bool has_quorum = false;

    Result<void> quorum(std::string_view text) {
        const auto [end, error] =
            std::from_chars(text.data(), text.data() + text.size(), trust.quorum);
        if (error != std::errc() || end != text.data() + text.size() || has_quorum) {
            return fail(ErrorCode::invalid, "quorum takes one number and stands once");
        }
        has_quorum = true;
        return ok();
    }

    Result<void> line(std::string_view text) {
        const auto blank = text.find_first_of(" \t");
        const std::string_view word = text.substr(0, blank);
        const std::string_view rest =
            blank == text.npos ? std::string_view{} : codec::trim(text.substr(blank));
        if (word == "log") {
            return add_key(trust.logs, rest, KeyType::ed25519);
        }
        if (word == "witness") {
            return add_key(trust.witnesses, rest, KeyType::cosignature);
        }
        if (word == "quorum") {
            return quorum(rest);
        }
        if (word == "officer") {
            return add_key(trust.officers, rest, KeyType::ed25519);
        }
        return fail(ErrorCode::invalid,
                    "a line says log VKEY, witness VKEY, officer VKEY or quorum N");
    }
};

}  // namespace

Result<Trust> parse_trust(std::string_view text) {
    if (text.size() > kTrustBytesMax) {
        return fail(ErrorCode::invalid, "the trust file is larger than 1 MiB");
    }
    Reading reading;
    std::size_t number = 0;
    for (std::string_view line : codec::split(text, '\n')) {
        ++number;
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        line = codec::trim(line);
        if (line.empty() || line.starts_with('#')) {
            continue;
        }
        const Result<void> read = reading.line(line);
        if (!read) {
            return fail(read.error().code,
                        fmt::format("trust file, line {}: {}", number, read.error().what));
        }
    }
    if (reading.trust.logs.empty()) {
        return fail(ErrorCode::invalid, "the trust file names no log: add a line `log VKEY`");
    }
    if (reading.trust.quorum > reading.trust.witnesses.size()) {
        return fail(ErrorCode::invalid,
                    "the trust file's quorum is larger than its list of witnesses");
    }
    return std::move(reading.trust);
}

}  // namespace narrows::evidence
