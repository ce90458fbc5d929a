#include "policy/pattern.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace narrows::policy {
namespace {

bool matches(std::string_view glob, std::string_view text) {
    return Pattern::glob(glob).matches(text_of(text));
}

TEST(Pattern, stars_cross_slashes_and_question_marks_take_one) {
    EXPECT_TRUE(matches("a*z", "a/b/z"));
    EXPECT_TRUE(matches("a*z", "az"));
    EXPECT_FALSE(matches("a?z", "az"));
    EXPECT_TRUE(matches("a?z", "a/z"));
    EXPECT_FALSE(matches("a?z", "abbz"));
    EXPECT_TRUE(matches("*", ""));
    EXPECT_FALSE(matches("?*", ""));
    EXPECT_FALSE(matches("", "a"));
    EXPECT_TRUE(matches("", ""));
}

TEST(Pattern, a_question_mark_takes_one_code_point_or_one_bad_byte) {
    EXPECT_TRUE(matches("a?b",
                        "a\xC3\xA9"
                        "b"));
    EXPECT_TRUE(matches("a?b",
                        "a\xFF"
                        "b"));
    EXPECT_FALSE(matches("a?b",
                         "a\xFF\xFE"
                         "b"));
    EXPECT_FALSE(matches("\xC3\xA9", "\xE9"));
}

TEST(Pattern, literals_hold_wildcard_characters) {
    Pattern pattern = Pattern::literal("a*");
    EXPECT_TRUE(pattern.matches(text_of("a*")));
    EXPECT_FALSE(pattern.matches(text_of("ab")));
    EXPECT_FALSE(pattern.has_wildcard());
    EXPECT_TRUE(Pattern::glob("a*").covers(pattern));
    EXPECT_FALSE(pattern.covers(Pattern::glob("a*")));
}

// All strings over `alphabet` up to `length`.
std::vector<std::string> strings(std::string_view alphabet, std::size_t length) {
    std::vector<std::string> all = {""};
    for (std::size_t first = 0, size = 0; size < length; ++size) {
        const std::size_t last = all.size();
        for (; first < last; ++first) {
            for (const char c : alphabet) all.push_back(all[first] + c);
        }
    }
    return all;
}

// Textbook recursion, independent of the code under test.
bool naive_match(std::string_view glob, std::string_view text) {
    if (glob.empty()) return text.empty();
    if (glob[0] == '*') {
        return naive_match(glob.substr(1), text) ||
               (!text.empty() && naive_match(glob, text.substr(1)));
    }
    return !text.empty() && (glob[0] == '?' || glob[0] == text[0]) &&
           naive_match(glob.substr(1), text.substr(1));
}

// Over {a,#}, with # in no pattern, texts up to length 8 tell patterns of up to 5 tokens apart.
TEST(Pattern, covers_and_overlaps_agree_with_brute_force) {
    const auto texts = strings("a#", 8);
    const auto globs = strings("a*?", 5);
    std::vector<std::vector<bool>> language;
    for (const std::string& glob : globs) {
        std::vector<bool> row;
        const Pattern pattern = Pattern::glob(glob);
        for (const std::string& text : texts) row.push_back(pattern.matches(text_of(text)));
        language.push_back(std::move(row));
    }
    for (std::size_t i = 0; i < globs.size(); ++i) {
        for (std::size_t t = 0; t < texts.size(); t += 7) {
            ASSERT_EQ(language[i][t], naive_match(globs[i], texts[t]))
                << globs[i] << " " << texts[t];
        }
    }
    for (std::size_t i = 0; i < globs.size(); ++i) {
        for (std::size_t j = 0; j < globs.size(); ++j) {
            bool covers = true;
            bool overlaps = false;
            for (std::size_t t = 0; t < texts.size() && (covers || !overlaps); ++t) {
                if (!language[j][t]) continue;
                covers = covers && language[i][t];
                overlaps = overlaps || language[i][t];
            }
            const Pattern a = Pattern::glob(globs[i]);
            const Pattern b = Pattern::glob(globs[j]);
            ASSERT_EQ(a.covers(b), covers) << globs[i] << " covers " << globs[j];
            ASSERT_EQ(a.overlaps(b), overlaps) << globs[i] << " overlaps " << globs[j];
        }
    }
}

TEST(Pattern, hostile_patterns_take_bounded_time) {
    std::string stars;
    for (int i = 0; i < 1000; ++i) stars += "*a";
    stars += "b";
    const std::string text(2000, 'a');
    EXPECT_FALSE(matches(stars, text));
    EXPECT_FALSE(Pattern::glob(stars).covers(Pattern::glob(text + "*")));
    EXPECT_TRUE(Pattern::glob(stars).overlaps(Pattern::glob(text + "*")));
    std::string third_last = "*a";
    third_last += std::string(500, '?');
    EXPECT_FALSE(matches(third_last, text.substr(0, 400)));
    EXPECT_TRUE(Pattern::glob(third_last).covers(Pattern::glob(third_last)));
}

}  // namespace
}  // namespace narrows::policy
