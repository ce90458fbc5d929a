#include "gateway/config/section.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "codec/text.h"

namespace narrows::gateway {
namespace {

/// Levenshtein's edit distance of two short texts.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replace});
        }
    }
    return row[b.size()];
}

std::string suggestion(std::string_view key, const std::vector<std::string>& known) {
    constexpr std::size_t kFarthest = 3;
    constexpr std::size_t kLongest = 64;
    std::size_t best = kFarthest + 1;
    std::string nearest;
    for (const std::string& candidate : known) {
        const std::size_t far = key.size() > kLongest ? best : distance(key, candidate);
        if (far < best) {
            best = far;
            nearest = candidate;
        }
    }
    if (!nearest.empty()) {
        return "did you mean \"" + nearest + "\"?";
    }
    std::string all;
    for (const std::string& candidate : known) all += (all.empty() ? "" : ", ") + candidate;
    return "known here: " + all;
}

std::optional<std::int64_t> seconds_of(std::string_view text) {
    std::int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (error != std::errc() || count < 1 || count > 1'000'000) return std::nullopt;
    if (unit == "s") return count;
    if (unit == "m") return count * 60;
    if (unit == "h") return count * 3600;
    if (unit == "d") return count * 24 * 3600;
    return std::nullopt;
}

}  // namespace

// toml++ throws, and that stops here.
Result<toml::table> parse_toml(std::string_view text, const std::string& path) {
    try {
        return toml::parse(text, path);
    } catch (const toml::parse_error& error) {
        const auto at = error.source().begin;
        return fail(ErrorCode::invalid,
                    fmt::format("{}:{}:{}: not TOML: {}; correct the line", path, at.line,
                                at.column, codec::printable(error.description())));
    }
}

void Problems::add(const toml::source_region& at, std::string_view key, std::string_view what) {
    if (lines_.size() < kLinesMax) {
        lines_.push_back(
            fmt::format("{}:{}:{}: {}: {}", path_, at.begin.line, at.begin.column, key, what));
    }
}

std::string Problems::text() const {
    return fmt::format("{}", fmt::join(lines_, "\n"));
}

const toml::node* Section::ask(std::string_view key) {
    asked_.emplace_back(key);
    return table_.get(key);
}

std::string Section::path_of(std::string_view key) const {
    return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
}

void Section::refuse(std::string_view key, std::string_view what) {
    const toml::node* node = table_.get(key);
    problems_.add(node ? node->source() : table_.source(), path_of(key), what);
}

std::string Section::checked(const toml::node& node, std::string_view key, const Rule& rule) {
    const auto* text = node.as_string();
    if (text == nullptr) {
        problems_.add(node.source(), path_of(key), "is not a text; put it in quotes");
        return {};
    }
    const std::string wrong = rule(text->get());
    if (!wrong.empty()) {
        problems_.add(node.source(), path_of(key), wrong);
    }
    return text->get();
}

std::string Section::required(std::string_view key, const Rule& rule) {
    const toml::node* node = ask(key);
    if (node == nullptr) {
        refuse(key, "is missing; add it");
        return {};
    }
    return checked(*node, key, rule);
}

std::string Section::text(std::string_view key, std::string otherwise, const Rule& rule) {
    const toml::node* node = ask(key);
    return node ? checked(*node, key, rule) : std::move(otherwise);
}

std::vector<std::string> Section::texts(std::string_view key, const Rule& rule) {
    const toml::node* node = ask(key);
    std::vector<std::string> out;
    if (node == nullptr) {
        return out;
    }
    const toml::array* array = node->as_array();
    if (array == nullptr) {
        refuse(key, "is not a list of texts; write [\"…\", \"…\"]");
        return out;
    }
    for (const toml::node& each : *array) {
        out.push_back(checked(each, key, rule));
    }
    return out;
}

std::uint64_t Section::number(std::string_view key, std::uint64_t otherwise, std::uint64_t least,
                              std::uint64_t most) {
    const toml::node* node = ask(key);
    if (node == nullptr) {
        return otherwise;
    }
    const auto* value = node->as_integer();
    const bool fits = value != nullptr && value->get() >= 0 &&
                      static_cast<std::uint64_t>(value->get()) >= least &&
                      static_cast<std::uint64_t>(value->get()) <= most;
    if (!fits) {
        refuse(key, fmt::format("is not a whole number from {} to {}; write one", least, most));
        return otherwise;
    }
    return static_cast<std::uint64_t>(value->get());
}

bool Section::flag(std::string_view key, bool otherwise) {
    const toml::node* node = ask(key);
    if (node != nullptr && node->as_boolean() == nullptr) {
        refuse(key, "is not a truth value; write true or false");
        return otherwise;
    }
    return node ? node->as_boolean()->get() : otherwise;
}

std::int64_t Section::duration_s(std::string_view key, std::int64_t otherwise, std::int64_t most) {
    const toml::node* node = ask(key);
    if (node == nullptr) {
        return otherwise;
    }
    const auto* text = node->as_string();
    const auto seconds = text ? seconds_of(text->get()) : std::nullopt;
    if (!seconds || *seconds > most) {
        refuse(key, fmt::format("is not a duration of at most {} s; write \"90s\", \"15m\", "
                                "\"12h\" or \"30d\"",
                                most));
        return otherwise;
    }
    return *seconds;
}

std::optional<Section> Section::table(std::string_view key) {
    const toml::node* node = ask(key);
    if (node == nullptr) {
        return std::nullopt;
    }
    if (node->as_table() == nullptr) {
        refuse(key, fmt::format("is not a table; write [{}] and its keys below", path_of(key)));
        return std::nullopt;
    }
    return Section(problems_, *node->as_table(), path_of(key));
}

std::vector<std::pair<std::string, std::string>> Section::members() {
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& [key, node] : table_) {
        asked_.emplace_back(key.str());
        out.emplace_back(key.str(), checked(node, key.str(), [](std::string_view text) {
                             return text.empty() ? "is empty; write the value or glob it must have"
                                                 : "";
                         }));
    }
    return out;
}

std::vector<Section> Section::tables(std::string_view key) {
    const toml::node* node = ask(key);
    std::vector<Section> out;
    if (node == nullptr) {
        return out;
    }
    const toml::array* array = node->as_array();
    if (array == nullptr || !array->is_homogeneous(toml::node_type::table)) {
        refuse(key, fmt::format("is not a list of tables; write [[{}]] before each", key));
        return out;
    }
    for (const toml::node& each : *array) {
        out.push_back(Section(problems_, *each.as_table(), path_of(key)));
    }
    return out;
}

void Section::finish() {
    for (const auto& [key, node] : table_) {
        if (std::find(asked_.begin(), asked_.end(), key.str()) == asked_.end()) {
            problems_.add(key.source(), path_of(key.str()),
                          "is not a known key; " + suggestion(key.str(), asked_));
        }
    }
}

}  // namespace narrows::gateway
