#pragma once

#include <string>
#include <string_view>

/// Patterns with IAM's two wildcards: `*` any run of characters, `?` any one. A character is a
/// Unicode code point; a byte that is not UTF-8 counts as a character of its own.
namespace narrows::policy {

using Text = std::u32string;

Text text_of(std::string_view bytes);

/// Time of every test below is bounded by the product of the two lengths, without recursion.
class Pattern {
  public:
    Pattern() = default;
    static Pattern literal(std::string_view text);
    static Pattern glob(std::string_view text);  ///< `*` and `?` are wildcards
    static Pattern anything();                   ///< `*`

    void append(const Pattern& tail);
    Pattern lower() const;  ///< ASCII letters only

    bool has_wildcard() const;
    bool is_anything() const;  ///< matches every text
    bool matches(std::u32string_view text) const;
    /// Every text that `inner` matches is matched by this one. Sound always; exact because the
    /// alphabet is larger than any pattern (pattern.cc says why; the tests compare with brute
    /// force).
    bool covers(const Pattern& inner) const;
    /// Some text is matched by both. Exact.
    bool overlaps(const Pattern& other) const;

    friend bool operator==(const Pattern&, const Pattern&) = default;

  private:
    Text tokens_;  ///< code points and the two wildcard tokens; each run of wildcards as ?…?*
};

}  // namespace narrows::policy
