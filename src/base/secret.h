#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"

namespace narrows {

/// Overwrites memory in a way the compiler may not drop.
void wipe(void* memory, std::size_t size);

/// Bytes that are wiped when they go: keys, passwords, tokens. Move-only and without an output
/// operator, so it cannot slip into a log line or a record by accident.
class Secret {
  public:
    Secret() = default;
    explicit Secret(Bytes bytes) : bytes_(std::move(bytes)) {}
    explicit Secret(std::string_view text) : bytes_(to_bytes(text)) {}
    Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            clear();
            bytes_ = std::move(other.bytes_);
            other.bytes_.clear();
        }
        return *this;
    }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { clear(); }

    ByteView view() const { return bytes_; }
    std::string_view text() const { return as_text(bytes_); }
    bool empty() const { return bytes_.empty(); }
    Secret copy() const { return Secret(bytes_); }
    void clear() {
        wipe(bytes_.data(), bytes_.size());
        bytes_.clear();
    }

  private:
    Bytes bytes_;
};

}  // namespace narrows
