#include "gateway/url_store.h"

#include <charconv>
#include <memory>

#include "identity/mint.h"

namespace narrows::gateway {
namespace {

constexpr std::uint64_t kExpiryBytesMax = 32;

}  // namespace

Result<std::unique_ptr<UrlStore>> UrlStore::open(io::FileSystem& fs, std::string directory) {
    NARROWS_TRY(io::make_durable_directory(fs, directory));
    return std::unique_ptr<UrlStore>(new UrlStore(fs, std::move(directory)));
}

/// What nobody can read the expiry of serves no longer.
bool UrlStore::is_over(const std::string& name, WallNs now) const {
    const Result<Bytes> text = io::read_all(fs_, path_of(name), kExpiryBytesMax);
    WallNs expires_at = 0;
    if (text.has_value()) {
        const std::string_view digits = as_text(text.value());
        std::from_chars(digits.data(), digits.data() + digits.size(), expires_at);
    }
    return expires_at <= now;
}

Result<std::size_t> UrlStore::forget_expired(WallNs now) {
    NARROWS_TRY(const std::vector<std::string> names, fs_.list(directory_));
    std::size_t left = 0;
    for (const std::string& name : names) {
        if (is_over(name, now)) {
            NARROWS_TRY(fs_.remove(path_of(name)));
        } else {
            ++left;
        }
    }
    return left;
}

Result<void> UrlStore::add(const std::string& key_id, WallNs expires_at, WallNs now) {
    const std::lock_guard lock(mutex_);
    NARROWS_TRY(const std::size_t unused, forget_expired(now));
    if (unused >= kUnusedMax) {
        return fail(ErrorCode::exhausted,
                    "10,000 URLs for a single use are unused; wait until some are used or expire");
    }
    return io::durable_write(fs_, path_of(key_id), as_bytes(std::to_string(expires_at)));
}

Result<void> UrlStore::spend(const std::string& key_id) {
    const std::lock_guard lock(mutex_);
    const bool named = identity::is_access_key_id(key_id);
    NARROWS_TRY(const bool unused, named ? fs_.exists(path_of(key_id)) : Result<bool>(false));
    if (!unused) {
        return fail(ErrorCode::denied,
                    "the URL was for a single use: it was used before, or this gateway did not "
                    "make it");
    }
    NARROWS_TRY(fs_.remove(path_of(key_id)));
    return fs_.sync_directory(directory_);
}

}  // namespace narrows::gateway
