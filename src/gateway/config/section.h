#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/result.h"

/// Reads toml++ tables for config.cc: every mistake is kept with its place, reading goes on.
namespace narrows::gateway {

/// All mistakes of one file.
class Problems {
  public:
    explicit Problems(std::string path) : path_(std::move(path)) {}
    void add(const toml::source_region& at, std::string_view key, std::string_view what);
    bool none() const { return lines_.empty(); }
    std::string text() const;

  private:
    static constexpr std::size_t kLinesMax = 50;
    std::string path_;
    std::vector<std::string> lines_;
};

/// ErrorCode::invalid with the place of the first mistake.
Result<toml::table> parse_toml(std::string_view text, const std::string& path);

/// A rule on a text: empty if it holds, else what is wrong and what to do.
using Rule = std::function<std::string(std::string_view)>;

/// One table, each of its keys asked for once; `finish` refuses the keys nobody asked for. Lives no
/// longer than the parsed document and its Problems.
class Section {
  public:
    Section(Problems& problems, const toml::table& table, std::string name)
        : problems_(problems), table_(table), name_(std::move(name)) {}

    std::string required(std::string_view key, const Rule& rule);
    std::string text(std::string_view key, std::string otherwise, const Rule& rule);
    std::vector<std::string> texts(std::string_view key, const Rule& rule);
    std::uint64_t number(std::string_view key, std::uint64_t otherwise, std::uint64_t least,
                         std::uint64_t most);
    bool flag(std::string_view key, bool otherwise);
    /// Seconds of "90s", "15m", "12h", "30d".
    std::int64_t duration_s(std::string_view key, std::int64_t otherwise, std::int64_t most);
    /// A table below this one; nullopt if the key is not there.
    std::optional<Section> table(std::string_view key);
    /// Every member as text (claims); no key is unknown here.
    std::vector<std::pair<std::string, std::string>> members();
    /// [[key]] tables; empty if there are none.
    std::vector<Section> tables(std::string_view key);

    bool has(std::string_view key) const { return table_.contains(key); }
    void refuse(std::string_view key, std::string_view what);
    void finish();

  private:
    const toml::node* ask(std::string_view key);
    std::string checked(const toml::node& node, std::string_view key, const Rule& rule);
    std::string path_of(std::string_view key) const;

    Problems& problems_;
    const toml::table& table_;
    std::string name_;
    std::vector<std::string> asked_;
};

}  // namespace narrows::gateway
