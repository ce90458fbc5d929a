#include "protocols/aws/catalogue/suggest.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "codec/text.h"
#include "protocols/aws/catalogue/catalogue.h"

namespace narrows::aws {
namespace {

constexpr std::size_t kNameMax = 128;
constexpr std::size_t kSuggestions = 3;

/// Levenshtein's distance: insertions, deletions and replacements of one character each.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j + 1] + 1, row[j] + 1});
        }
    }
    return row[b.size()];
}

}  // namespace

std::vector<std::string_view> nearest(std::string_view name,
                                      const std::vector<std::string_view>& known) {
    if (name.size() > kNameMax) return {};
    const std::string wanted = codec::lower(name);
    const std::size_t most = std::max<std::size_t>(2, wanted.size() / 4);
    std::vector<std::pair<std::size_t, std::string_view>> near;
    for (const std::string_view each : known) {
        const std::size_t apart =
            each.size() > wanted.size() ? each.size() - wanted.size() : wanted.size() - each.size();
        if (apart > most) continue;
        const std::size_t steps = distance(wanted, codec::lower(each));
        if (steps <= most) near.emplace_back(steps, each);
    }
    std::stable_sort(near.begin(), near.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < std::min(near.size(), kSuggestions); ++i) {
        names.push_back(near[i].second);
    }
    return names;
}

std::vector<std::string_view> Catalogue::suggest(std::string_view name) const {
    std::vector<std::string_view> known;
    known.reserve(actions().size());
    for (const Action action : actions()) known.push_back(action.name());
    return nearest(name, known);
}

}  // namespace narrows::aws
