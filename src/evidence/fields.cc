#include "evidence/fields.h"

#include <algorithm>
#include <optional>

#include "base/check.h"

namespace narrows::evidence {
namespace {

enum Major : std::uint8_t {
    kUint = 0,
    kNegative = 1,
    kBytes = 2,
    kText = 3,
    kArray = 4,
    kMap = 5,
    kTag = 6
};

struct Head {
    std::uint8_t major = 0;
    std::uint64_t argument = 0;
    std::size_t size = 0;
};

/// Nothing if it is cut off, or of indefinite length.
std::optional<Head> head_at(ByteView bytes, std::size_t at) {
    if (at >= bytes.size()) {
        return std::nullopt;
    }
    const std::uint8_t first = bytes[at];
    const std::uint8_t low = first & 0x1f;
    Head head{static_cast<std::uint8_t>(first >> 5), low, 1};
    if (low < 24) {
        return head;
    }
    const std::size_t more = low > 27 ? 0 : std::size_t{1} << (low - 24);
    if (more == 0 || bytes.size() - at - 1 < more) {
        return std::nullopt;
    }
    head.argument = 0;
    for (const std::uint8_t byte : bytes.subspan(at + 1, more)) {
        head.argument = head.argument << 8 | byte;
    }
    head.size += more;
    return head;
}

void append_head(Bytes& to, std::uint8_t major, std::uint64_t argument) {
    const auto first = [&](unsigned low) { return static_cast<std::uint8_t>(major << 5 | low); };
    const auto put = [&](unsigned low, int bytes) {
        to.push_back(first(low));
        for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
            to.push_back(static_cast<std::uint8_t>(argument >> shift));
        }
    };
    if (argument < 24) {
        to.push_back(first(static_cast<unsigned>(argument)));
    } else if (argument <= UINT8_MAX) {
        put(24, 1);
    } else if (argument <= UINT16_MAX) {
        put(25, 2);
    } else {
        put(26, 4);
    }
}

}  // namespace

/// One walk over one payload. Depth is bounded by kFieldDepth; whatever lies deeper is passed over
/// without recursion.
class FieldWalk {
  public:
    FieldWalk(ByteView payload, Fields& out) : payload_(payload), out_(out) {}

    bool run() {
        const auto head = head_at(payload_, 0);
        return head && head->major == kMap && value(0) && at_ == payload_.size();
    }

  private:
    /// The value at at_, at the end of a path of `depth` elements.
    bool value(std::size_t depth) {
        const auto head = head_at(payload_, at_);
        if (!head) {
            return false;
        }
        const bool holds_members = head->major == kMap || head->major == kArray;
        if (holds_members && depth < kFieldDepth && head->argument > 0 &&
            head->argument <= kFieldMembers) {
            at_ += head->size;
            return members(*head, depth);
        }
        if (head->major == kBytes && head->argument > kFieldBlock) {
            return blocks(*head, depth);
        }
        const std::size_t from = at_;
        if (!skip()) {
            return false;
        }
        add(depth, path_, from, at_ - from, false);
        return true;
    }

    bool members(const Head& holder, std::size_t depth) {
        const std::size_t path_size = path_.size();
        for (std::uint64_t i = 0; i < holder.argument; ++i) {
            if (holder.major == kArray) {
                append_head(path_, kUint, i);
            } else {
                const std::size_t from = at_;
                if (!skip()) {
                    return false;
                }
                append(path_, payload_.subspan(from, at_ - from));
            }
            if (!value(depth + 1)) {
                return false;
            }
            path_.resize(path_size);
        }
        return true;
    }

    bool blocks(const Head& head, std::size_t depth) {
        if (head.argument > payload_.size() - at_ - head.size) {
            return false;
        }
        const std::size_t path_size = path_.size();
        std::size_t from = at_ + head.size;
        at_ = from + static_cast<std::size_t>(head.argument);
        for (std::uint64_t i = 0; from < at_; ++i) {
            const std::size_t size = std::min(kFieldBlock, at_ - from);
            append_head(path_, kNegative, i);
            add(depth + 1, path_, from, size, true);
            path_.resize(path_size);
            from += size;
        }
        return true;
    }

    /// Over one whole value. Every item takes a byte at least, so the loop ends.
    bool skip() {
        std::uint64_t left = 1;
        while (left > 0) {
            const auto head = head_at(payload_, at_);
            if (!head) {
                return false;
            }
            at_ += head->size;
            --left;
            const std::size_t rest = payload_.size() - at_;
            const bool counts = head->major >= kBytes && head->major <= kMap;
            if (counts && head->argument > rest) {
                return false;
            }
            if (head->major == kArray || head->major == kTag) {
                left += head->major == kTag ? 1 : head->argument;
            } else if (head->major == kMap) {
                left += 2 * head->argument;
            } else if (counts) {
                at_ += static_cast<std::size_t>(head->argument);
            }
        }
        return true;
    }

    void add(std::size_t depth, const Bytes& elements, std::size_t from, std::size_t size,
             bool block) {
        const std::size_t path_at = out_.paths_.size();
        append_head(out_.paths_, kArray, depth);
        append(out_.paths_, elements);
        out_.items_.push_back({static_cast<std::uint32_t>(path_at),
                               static_cast<std::uint32_t>(out_.paths_.size() - path_at),
                               static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(size),
                               block});
    }

    ByteView payload_;
    Fields& out_;
    std::size_t at_ = 0;
    Bytes path_;  ///< the elements of the path, one after another
};

Result<Fields> Fields::of(ByteView payload) {
    Fields fields;
    fields.payload_ = payload;
    if (payload.size() > UINT32_MAX || !FieldWalk(payload, fields).run()) {
        return fail(ErrorCode::invalid, "the payload is not one whole CBOR map");
    }
    return fields;
}

ByteView Fields::path(std::size_t index) const {
    const Item& item = items_.at(index);
    return ByteView(paths_).subspan(item.path_at, item.path_size);
}

std::optional<ByteView> Fields::only(std::initializer_list<std::string_view> keys) const {
    Bytes wanted;
    append_head(wanted, kArray, keys.size());
    for (const std::string_view key : keys) {
        append_head(wanted, kText, key.size());
        append(wanted, as_bytes(key));
    }
    std::optional<ByteView> found;
    for (std::size_t i = 0; i < items_.size(); ++i) {
        const Item& item = items_[i];
        if (item.path_size != wanted.size() || item.block ||
            !std::equal(wanted.begin(), wanted.end(), path(i).begin())) {
            continue;
        }
        if (found) {
            return std::nullopt;
        }
        found = payload_.subspan(item.value_at, item.value_size);
    }
    return found;
}

void Fields::append_field(Bytes& to, std::size_t index) const {
    const Item& item = items_.at(index);
    append_head(to, kArray, 2);
    append(to, path(index));
    if (item.block) {
        append_head(to, kBytes, item.value_size);
    }
    append(to, payload_.subspan(item.value_at, item.value_size));
}

Hash field_commitment(const crypto::Salt& salt, ByteView field) {
    Bytes input(1, 0);
    append(input, salt);
    append(input, field);
    return crypto::sha256(input);
}

Hash commitment_of(const Fields& fields, std::span<const crypto::Salt> salts) {
    NARROWS_CHECK(salts.size() == fields.size(), "every field has a salt");
    Frontier tree;
    Bytes input;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        input.assign(1, 0);
        append(input, salts[i]);
        fields.append_field(input, i);
        tree.append(crypto::sha256(input));
    }
    return tree.root();
}

}  // namespace narrows::evidence
