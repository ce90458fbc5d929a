#include "protocols/aws/decode/key_condition.h"

#include <algorithm>
#include <array>

#include "codec/text.h"

namespace narrows::aws {
namespace {

constexpr int kDepthMax = 16;

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class KeyConditionReader {
  public:
    explicit KeyConditionReader(std::string_view text) : rest_(text) { next(); }

    /// Conditions joined by AND, in parentheses or not.
    bool read_all(int depth, std::vector<KeyCondition>& to) {
        do {
            if (!read_one(depth, to)) return false;
        } while (take_keyword("and"));
        return true;
    }
    bool at_end() const { return token_.empty() && rest_.empty(); }

  private:
    bool read_one(int depth, std::vector<KeyCondition>& to) {
        if (take("(")) return depth < kDepthMax && read_all(depth + 1, to) && take(")");
        if (token_ == "begins_with") return read_begins_with(to);
        const std::string_view name = take_name();
        if (name.empty()) return false;
        if (take("=")) {
            to.push_back({name, take_value()});
            return !to.back().value.empty();
        }
        to.push_back({name, {}});
        if (take_keyword("between")) {
            return !take_value().empty() && take_keyword("and") && !take_value().empty();
        }
        static constexpr std::array<std::string_view, 4> kOrders = {"<", "<=", ">", ">="};
        const bool ordered = std::any_of(kOrders.begin(), kOrders.end(),
                                         [this](std::string_view each) { return take(each); });
        return ordered && !take_value().empty();
    }

    bool read_begins_with(std::vector<KeyCondition>& to) {
        next();
        if (!take("(")) return false;
        to.push_back({take_name(), {}});
        return !to.back().name.empty() && take(",") && !take_value().empty() && take(")");
    }

    std::string_view take_name() {
        const bool is_name = !token_.empty() && (token_[0] == '#' || is_word(token_[0]));
        return is_name ? take_any() : std::string_view();
    }
    std::string_view take_value() {
        return token_.starts_with(':') ? take_any() : std::string_view();
    }
    std::string_view take_any() {
        const std::string_view taken = token_;
        next();
        return taken;
    }
    bool take(std::string_view token) {
        if (token_ != token) return false;
        next();
        return true;
    }
    bool take_keyword(std::string_view lower) {
        if (codec::lower(token_) != lower) return false;
        next();
        return true;
    }

    /// A word, a placeholder with its mark, an operator or a parenthesis. What is none of them
    /// stays in rest_, and there the expression ends for whoever reads on.
    void next() {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
        std::size_t size = 0;
        if (rest_.starts_with("<=") || rest_.starts_with(">=")) {
            size = 2;
        } else if (!rest_.empty() && std::string_view("()<>=,").find(rest_[0]) != rest_.npos) {
            size = 1;
        } else {
            size = rest_.starts_with('#') || rest_.starts_with(':') ? 1 : 0;
            const std::size_t mark = size;
            while (size < rest_.size() && is_word(rest_[size])) ++size;
            if (size == mark) size = 0;
        }
        token_ = rest_.substr(0, size);
        rest_.remove_prefix(size);
    }

    std::string_view rest_;
    std::string_view token_;
};

}  // namespace

std::optional<std::vector<KeyCondition>> read_key_condition(std::string_view expression) {
    if (expression.size() > kKeyConditionMax) return std::nullopt;
    KeyConditionReader reader(expression);
    std::vector<KeyCondition> conditions;
    if (!reader.read_all(0, conditions) || !reader.at_end()) return std::nullopt;
    return conditions;
}

}  // namespace narrows::aws
