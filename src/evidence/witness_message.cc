#include "evidence/witness_message.h"

#include <fmt/format.h>

#include "codec/text.h"
#include "evidence/checkpoint.h"

namespace narrows::evidence {
namespace {

constexpr std::string_view kOld = "old ";

/// Takes the next line, without its newline, off the front of `text`.
Result<std::string_view> take_line(std::string_view& text) {
    const auto end = text.find('\n');
    if (end == text.npos) {
        return fail(ErrorCode::invalid, "a line of the request does not end with a newline");
    }
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    return line;
}

}  // namespace

std::string add_checkpoint_text(const AddCheckpoint& request) {
    std::string text = fmt::format("{}{}\n", kOld, request.old_size);
    for (const Hash& hash : request.proof) {
        text += codec::base64(hash) + "\n";
    }
    return text + "\n" + request.note;
}

Result<AddCheckpoint> parse_add_checkpoint(std::string_view text) {
    if (text.size() > kAddCheckpointMax) {
        return fail(ErrorCode::invalid, "the request is larger than 64 KiB");
    }
    NARROWS_TRY(const std::string_view first, take_line(text));
    if (!first.starts_with(kOld)) {
        return fail(ErrorCode::invalid, "the request does not begin with a line `old SIZE`");
    }
    AddCheckpoint request;
    NARROWS_TRY(request.old_size, parse_tree_size(first.substr(kOld.size())));
    NARROWS_TRY(std::string_view line, take_line(text));
    while (!line.empty()) {
        if (request.proof.size() == kProofLinesMax) {
            return fail(ErrorCode::invalid, "the proof has more than 63 lines");
        }
        NARROWS_TRY(const Hash hash, parse_hash(line));
        request.proof.push_back(hash);
        NARROWS_TRY(line, take_line(text));
    }
    request.note = text;
    return request;
}

Result<std::uint64_t> parse_known_size(std::string_view text) {
    if (!text.ends_with('\n')) {
        return fail(ErrorCode::invalid, "the known size does not end with a newline");
    }
    return parse_tree_size(text.substr(0, text.size() - 1));
}

}  // namespace narrows::evidence
