#include <algorithm>

#include "codec/json.h"
#include "codec/text.h"

namespace narrows::codec {
namespace {

/// Walks over a document, trusting nothing; stops at the first mistake.
class PlaceScanner {
  public:
    explicit PlaceScanner(std::string_view text) : text_(text) {}

    std::map<std::string, std::size_t> run() {
        value("", 0);
        return std::move(places_);
    }

  private:
    char next() {
        at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
        return at_ < text_.size() ? text_[at_] : '\0';
    }

    bool value(const std::string& path, std::size_t depth) {
        const char first = next();
        if (depth > kJsonDepthMax || first == '\0') return false;
        places_.try_emplace(path, at_);
        if (first == '{') return object(path, depth);
        if (first == '[') return list(path, depth);
        if (first == '"') return !string().empty();
        at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
        return true;
    }

    /// The token with its quotes; empty: it has no end.
    std::string_view string() {
        const std::size_t start = at_++;
        while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
        if (at_ >= text_.size()) return {};
        ++at_;
        return text_.substr(start, at_ - start);
    }

    /// After an element: another one follows.
    bool more(char end) {
        const char found = next();
        ++at_;
        return found == ',' && next() != end;
    }

    bool object(const std::string& path, std::size_t depth) {
        ++at_;
        if (next() == '}') return ++at_, true;
        do {
            if (next() != '"') return false;
            const std::size_t start = at_;
            const Result<Value> name = json_decode(string());
            const std::string* text = name ? name.value().as<std::string>() : nullptr;
            if (text == nullptr || next() != ':') return false;
            ++at_;
            const std::string inner = path + (path.empty() ? "" : ".") + printable(*text);
            places_.try_emplace(inner, start);
            if (!value(inner, depth + 1)) return false;
        } while (more('}'));
        return at_ <= text_.size() && text_[at_ - 1] == '}';
    }

    bool list(const std::string& path, std::size_t depth) {
        ++at_;
        if (next() == ']') return ++at_, true;
        std::size_t index = 0;
        do {
            if (!value(path + "[" + std::to_string(index++) + "]", depth + 1)) return false;
        } while (more(']'));
        return at_ <= text_.size() && text_[at_ - 1] == ']';
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::map<std::string, std::size_t> places_;
};

}  // namespace

TextPlace place_at(std::string_view text, std::size_t byte) {
    TextPlace place;
    for (const char c : text.substr(0, byte)) {
        const bool continues = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
        place.column += continues ? 0 : 1;
        if (c == '\n') place = {place.line + 1, 1};
    }
    return place;
}

std::map<std::string, std::size_t> json_places(std::string_view text) {
    return PlaceScanner(text).run();
}

}  // namespace narrows::codec
