#include "gateway/recipients.h"

#include <sys/stat.h>

#include "base/log.h"

namespace narrows::gateway {
namespace {

constexpr std::uint64_t kKeyFileMax = 64 * 1024;

Result<std::vector<crypto::AgeRecipient>> parse_all(const std::vector<std::string>& texts) {
    std::vector<crypto::AgeRecipient> all;
    for (const std::string& text : texts) {
        NARROWS_TRY(const crypto::AgeRecipient recipient, crypto::parse_recipient(text));
        all.push_back(recipient);
    }
    return all;
}

Result<void> write_private(io::FileSystem& fs, const std::string& path, const Secret& text) {
    const mode_t before = ::umask(0077);
    Result<void> written = io::durable_write(fs, path, text.view());
    ::umask(before);
    return written;
}

/// The key is durable before its public half, which decides that there is one.
Result<void> make_reviewer(io::FileSystem& fs, const std::string& data_dir) {
    const crypto::AgeIdentity identity = crypto::AgeIdentity::generate();
    const std::string recipient = identity.recipient().text();
    const Secret key(
        "# The reviewer's key: it opens what this gateway records. Move it to where "
        "recordings are read, and keep a copy.\n# public key: " +
        recipient + "\n" + std::string(identity.text().text()) + "\n");
    NARROWS_TRY(io::make_durable_directory(fs, data_dir));
    NARROWS_TRY(write_private(fs, data_dir + "/reviewer.key", key));
    const std::string half = data_dir + "/reviewer.pub";
    NARROWS_TRY(io::durable_write(fs, half, as_bytes(recipient + "\n")));
    (void)::chmod(half.c_str(), 0644);  // the gateway, another user, reads it when it reloads
    log::warn(
        "a key for reviewers was made: {}/reviewer.key opens all that is recorded here. Move "
        "it to another machine and keep a copy; the gateway does not need it",
        data_dir);
    return ok();
}

Result<std::vector<crypto::AgeRecipient>> default_reviewer(io::FileSystem& fs,
                                                           const std::string& data_dir) {
    const std::string path = data_dir + "/reviewer.pub";
    NARROWS_TRY(const bool exists, fs.exists(path));
    if (!exists) {
        NARROWS_TRY(make_reviewer(fs, data_dir));
    }
    NARROWS_TRY(const Bytes bytes, io::read_all(fs, path, kKeyFileMax));
    std::string text = narrows::to_string(bytes);
    while (text.ends_with('\n')) {
        text.pop_back();
    }
    return parse_all({text});
}

}  // namespace

Result<evidence::Recipients> load_recipients(io::FileSystem& fs, const Config& config,
                                             const std::string& data_dir) {
    evidence::Recipients recipients;
    if (config.recording.reviewers.empty()) {
        NARROWS_TRY(recipients.operations, default_reviewer(fs, data_dir));
    } else {
        NARROWS_TRY(recipients.operations, parse_all(config.recording.reviewers));
    }
    recipients.bodies = recipients.operations;
    if (!config.recording.body_reviewers.empty()) {
        NARROWS_TRY(recipients.bodies, parse_all(config.recording.body_reviewers));
    }
    NARROWS_TRY(recipients.secrets, parse_all(config.recording.custodians));
    return recipients;
}

}  // namespace narrows::gateway
