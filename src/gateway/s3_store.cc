#include "gateway/s3_store.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "codec/text.h"
#include "codec/xml.h"

namespace narrows::gateway {
namespace {

using archive::Content;
using archive::Keeping;
using archive::ListMark;
using archive::ListPage;
using archive::Object;
using archive::PartContent;

constexpr std::int64_t kDayNs = 24 * 3600 * kNsPerSecond;
constexpr std::size_t kListAnswerMax = 8 << 20;
constexpr int kEmptyPagesMax = 100;
constexpr std::size_t kReadBackBytes = 4 << 20;
/// S3 puts the parts together before it answers, minutes long if it must.
constexpr std::int64_t kFinishTimeoutMs = 300'000;

std::string sha256_base64(ByteView bytes) {
    return codec::base64(crypto::sha256(bytes));
}

std::optional<std::uint64_t> number_of(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole ? std::optional(number) : std::nullopt;
}

/// Where an object is cut. S3 takes 10,000 parts at most.
std::vector<PartContent> parts_of(const Content& content, std::uint64_t part_bytes) {
    constexpr std::uint64_t kPartsMax = 10'000;
    const std::uint64_t size = content.size();
    const std::uint64_t each = std::max(part_bytes, (size + kPartsMax - 1) / kPartsMax);
    std::vector<PartContent> parts;
    for (std::uint64_t at = 0; at < size; at += each) {
        parts.emplace_back(content, at, std::min(each, size - at));
    }
    return parts;
}

std::string text_of(const codec::XmlElement& parent, std::string_view name) {
    const codec::XmlElement* child = parent.child(name);
    return child == nullptr ? std::string() : child->text;
}

archive::Lock lock_in(const S3Answer& answer) {
    const auto said = [&](const char* what) {
        return std::string(http::header(answer.headers, std::string("x-amz-object-lock-") + what));
    };
    return {said("mode"), said("retain-until-date"), said("legal-hold") == "ON"};
}

Error other_bytes(const std::string& store, const std::string& key) {
    return {ErrorCode::conflict,
            fmt::format("{} holds other bytes under {} than were to be put there: keep them, find "
                        "out who wrote them, and give this gateway a prefix of its own",
                        store, key)};
}

}  // namespace

http::Headers S3Store::lock_headers(Keeping keeping) const {
    http::Headers headers;
    const std::uint32_t days =
        keeping == Keeping::locked ? locks_.retention_days : locks_.key_retention_days;
    if (keeping == Keeping::plain) {
        return headers;
    }
    if (days > 0) {
        const std::string until = rfc3339(clock_.wall() + days * kDayNs).substr(0, 19) + "Z";
        headers.push_back({"x-amz-object-lock-mode", "COMPLIANCE"});
        headers.push_back({"x-amz-object-lock-retain-until-date", until});
    }
    if (locks_.legal_hold && keeping == Keeping::locked) {
        headers.push_back({"x-amz-object-lock-legal-hold", "ON"});
    }
    return headers;
}

Result<Object> S3Store::put(const std::string& key, const Content& content,
                            const crypto::Digest& sha256, Keeping keeping) {
    if (content.size() <= part_bytes_) {
        NARROWS_TRY(put_whole(key, content, sha256, keeping));
    } else {
        const auto known = head(key, "");
        if (!known && known.error().code != ErrorCode::not_found) {
            return fail(known.error());
        }
        if (!known) {
            NARROWS_TRY(put_in_parts(key, content, keeping));
        }
    }
    NARROWS_TRY(const S3Answer answer, head(key, ""));
    Object object{key, std::string(http::header(answer.headers, "x-amz-version-id")),
                  content.size(), sha256};
    NARROWS_TRY(check_bytes(answer, object, content));
    NARROWS_TRY(check_lock(answer, key, keeping));
    return object;
}

Result<void> S3Store::put_whole(const std::string& key, const Content& content,
                                const crypto::Digest& sha256, Keeping keeping) {
    S3Ask ask{"PUT", key, {}, lock_headers(keeping), {}};
    ask.headers.push_back({"x-amz-checksum-sha256", codec::base64(sha256)});
    // Of a locked object some stores want to be told which checksum it has, as SDKs do.
    ask.headers.push_back({"x-amz-sdk-checksum-algorithm", "SHA256"});
    ask.headers.push_back({"If-None-Match", "*"});
    NARROWS_TRY(const S3Answer answer, client_->send(ask, content, sha256));
    const bool is_taken = answer.status == 412;
    return answer.status == 200 || is_taken ? ok()
                                            : Result<void>(fail(client_->odd(answer, "PUT", key)));
}

Result<void> S3Store::put_in_parts(const std::string& key, const Content& content,
                                   Keeping keeping) {
    NARROWS_TRY(const std::string upload, begin_parts(key, keeping));
    const auto list = put_parts(key, upload, content);
    const Result<bool> finished =
        list ? finish_parts(key, upload, list.value()) : Result<bool>(fail(list.error()));
    if (!finished.has_value() || !finished.value()) {
        // Parts that nobody finishes are paid for; the bucket's lifecycle rule is the second net.
        (void)client_->ask({"DELETE", key, {{"uploadId", upload}}, {}, {}});
    }
    return finished.has_value() ? ok() : Result<void>(fail(finished.error()));
}

Result<std::string> S3Store::begin_parts(const std::string& key, Keeping keeping) {
    S3Ask ask{"POST", key, {{"uploads", ""}}, lock_headers(keeping), {}};
    ask.headers.push_back({"x-amz-checksum-algorithm", "SHA256"});
    ask.headers.push_back({"x-amz-checksum-type", "COMPOSITE"});
    NARROWS_TRY(const S3Answer answer, client_->ask(ask));
    const auto document = codec::xml_decode(as_text(answer.body));
    const std::string upload = document ? text_of(document.value(), "UploadId") : "";
    if (answer.status != 200 || upload.empty()) {
        return fail(client_->odd(answer, "begin an upload of", key));
    }
    return upload;
}

/// The list of parts that finishes the upload.
Result<std::string> S3Store::put_parts(const std::string& key, const std::string& upload,
                                       const Content& content) {
    std::string list = "<CompleteMultipartUpload>";
    std::size_t number = 0;
    for (const PartContent& part : parts_of(content, part_bytes_)) {
        NARROWS_TRY(const std::string listed, put_part(key, upload, ++number, part));
        list += listed;
    }
    return list + "</CompleteMultipartUpload>";
}

Result<std::string> S3Store::put_part(const std::string& key, const std::string& upload,
                                      std::size_t number, const Content& part) {
    NARROWS_TRY(const crypto::Digest sha256, archive::hash_of(part));
    const std::string checksum = codec::base64(sha256);
    S3Ask ask{"PUT", key, {{"partNumber", std::to_string(number)}, {"uploadId", upload}}, {}, {}};
    ask.headers.push_back({"x-amz-checksum-sha256", checksum});
    NARROWS_TRY(const S3Answer answer, client_->send(ask, part, sha256));
    const std::string tag(http::header(answer.headers, "ETag"));
    const bool is_plain = tag.find_first_of("<>&") == tag.npos;
    if (answer.status != 200 || tag.empty() || !is_plain) {
        return fail(client_->odd(answer, "PUT a part of", key));
    }
    return fmt::format(
        "<Part><ETag>{}</ETag><ChecksumSHA256>{}</ChecksumSHA256><PartNumber>{}</PartNumber>"
        "</Part>",
        tag, checksum, number);
}

/// Whether the upload became the object; not if the key was taken meanwhile. S3 may answer 200 and
/// say in the body that it failed.
Result<bool> S3Store::finish_parts(const std::string& key, const std::string& upload,
                                   const std::string& list) {
    S3Ask ask{"POST", key, {{"uploadId", upload}}, {{"If-None-Match", "*"}}, to_bytes(list)};
    ask.timeout_ms = kFinishTimeoutMs;
    NARROWS_TRY(const S3Answer answer, client_->ask(ask));
    if (answer.status == 412) {
        return false;
    }
    const bool done = answer.status == 200 && answer.code.empty();
    return done ? Result<bool>(true) : fail(client_->odd(answer, "finish the upload of", key));
}

Result<void> S3Store::replace(const std::string& key, ByteView bytes) {
    S3Ask ask{"PUT", key, {}, {{"x-amz-checksum-sha256", sha256_base64(bytes)}}, to_bytes(bytes)};
    NARROWS_TRY(const S3Answer answer, client_->ask(ask));
    return answer.status == 200 ? ok() : Result<void>(fail(client_->odd(answer, "PUT", key)));
}

Result<S3Answer> S3Store::head(const std::string& key, const std::string& version) {
    S3Ask ask{"HEAD", key, {}, {{"x-amz-checksum-mode", "ENABLED"}}, {}};
    if (!version.empty()) {
        ask.query.push_back({"versionId", version});
    }
    NARROWS_TRY(S3Answer answer, client_->ask(ask));
    if (answer.status != 200) {
        return fail(client_->odd(answer, "HEAD", key));
    }
    return answer;
}

Result<void> S3Store::confirm(const Object& object, const Content& content) {
    NARROWS_TRY(const S3Answer answer, head(object.key, object.version));
    return check_bytes(answer, object, content);
}

Result<void> S3Store::check_bytes(const S3Answer& answer, const Object& object,
                                  const Content& content) {
    const auto length = number_of(http::header(answer.headers, "Content-Length"));
    if (length && *length != object.bytes) {
        return fail(other_bytes(name(), object.key));
    }
    const std::string_view stated = http::header(answer.headers, "x-amz-checksum-sha256");
    if (stated == codec::base64(object.sha256)) {
        return ok();
    }
    const bool of_parts = stated.find('-') != stated.npos ||
                          http::header(answer.headers, "x-amz-checksum-type") == "COMPOSITE";
    if (!stated.empty()) {
        NARROWS_TRY(const bool is_ours, is_composite_of(stated, content));
        if (is_ours || !of_parts) {
            return is_ours ? ok() : Result<void>(fail(other_bytes(name(), object.key)));
        }
    }
    return read_back(object);
}

/// What S3 says of an object that came in parts: the hash of its parts' hashes, and behind a '-'
/// their number, which some stores leave out. The parts may have had another size than now.
Result<bool> S3Store::is_composite_of(std::string_view stated, const Content& content) const {
    const std::vector<PartContent> parts = parts_of(content, part_bytes_);
    const std::size_t dash = stated.find('-');
    if (dash != stated.npos && stated.substr(dash + 1) != std::to_string(parts.size())) {
        return false;
    }
    crypto::Hasher whole;
    for (const PartContent& part : parts) {
        NARROWS_TRY(const crypto::Digest sha256, archive::hash_of(part));
        whole.update(ByteView(sha256));
    }
    return stated.substr(0, dash) == codec::base64(whole.finish256());
}

Result<void> S3Store::read_back(const Object& object) {
    crypto::Hasher hasher;
    for (std::uint64_t at = 0; at < object.bytes;) {
        NARROWS_TRY(const Bytes piece, read(object.key, object.version, at, kReadBackBytes));
        if (piece.empty()) {
            break;
        }
        hasher.update(piece);
        at += piece.size();
    }
    return hasher.finish256() == object.sha256
               ? ok()
               : Result<void>(fail(other_bytes(name(), object.key)));
}

Result<archive::Lock> S3Store::lock_of(const std::string& key, const std::string& version) {
    NARROWS_TRY(const S3Answer answer, head(key, version));
    return lock_in(answer);
}

/// What was asked for is not always what the bucket does.
Result<void> S3Store::check_lock(const S3Answer& answer, const std::string& key,
                                 Keeping keeping) const {
    const http::Headers wanted = lock_headers(keeping);
    const bool retains = !http::header(wanted, "x-amz-object-lock-mode").empty();
    const bool holds = !http::header(wanted, "x-amz-object-lock-legal-hold").empty();
    const archive::Lock lock = lock_in(answer);
    if ((retains && lock.mode != "COMPLIANCE") || (holds && !lock.legal_hold)) {
        return fail(ErrorCode::denied,
                    fmt::format("{} does not say that {} is locked: the bucket needs Object Lock, "
                                "and the gateway's credentials s3:GetObjectRetention and "
                                "s3:GetObjectLegalHold to see it",
                                name(), key));
    }
    return ok();
}

Result<Bytes> S3Store::read(const std::string& key, const std::string& version,
                            std::uint64_t offset, std::size_t size) {
    S3Ask ask{"GET", key, {}, {}, {}};
    ask.headers.push_back({"Range", fmt::format("bytes={}-{}", offset, offset + size - 1)});
    ask.answer_max = size + 64 * 1024;
    if (!version.empty()) {
        ask.query.push_back({"versionId", version});
    }
    NARROWS_TRY(S3Answer answer, client_->ask(ask));
    if (answer.status == 416) {
        return Bytes();
    }
    const bool whole = answer.status == 200 && offset == 0;
    if ((answer.status != 206 && !whole) || answer.body.size() > size) {
        return fail(client_->odd(answer, "GET", key));
    }
    return std::move(answer.body);
}

Result<ListPage> S3Store::list_page(const std::string& prefix, const ListMark& from) {
    S3Ask ask{"GET", "", {{"versions", ""}, {"delimiter", "/"}}, {}, {}};
    ask.query.push_back({"prefix", client_->full_key(prefix)});
    ask.query.push_back({"max-keys", std::to_string(archive::kListedMax)});
    if (!from.key.empty()) {
        ask.query.push_back({"key-marker", client_->full_key(from.key)});
    }
    if (!from.version.empty()) {
        ask.query.push_back({"version-id-marker", from.version});
    }
    ask.answer_max = kListAnswerMax;
    NARROWS_TRY(const S3Answer answer, client_->ask(ask));
    const auto document = codec::xml_decode(as_text(answer.body));
    if (answer.status != 200 || !document) {
        return fail(client_->odd(answer, "list", prefix));
    }
    const std::size_t skip = client_->full_key("x").size() - 1;
    ListPage page;
    for (const codec::XmlElement& child : document.value().children) {
        const std::string key = text_of(child, "Key");
        if (child.name == "Version" && key.size() > skip) {
            page.listed.push_back({key.substr(skip), text_of(child, "VersionId"),
                                   number_of(text_of(child, "Size")).value_or(0)});
        }
    }
    if (text_of(document.value(), "IsTruncated") == "true") {
        const std::string next = text_of(document.value(), "NextKeyMarker");
        if (next.size() <= skip) {
            return fail(ErrorCode::unavailable,
                        name() + " does not say how its list of " + prefix + " goes on");
        }
        page.next = {next.substr(skip), text_of(document.value(), "NextVersionIdMarker")};
    }
    return page;
}

/// Pages that hold nothing but deletions are passed over.
Result<ListPage> S3Store::list(const std::string& prefix, const ListMark& from) {
    ListMark at = from;
    for (int i = 0; i < kEmptyPagesMax; ++i) {
        NARROWS_TRY(ListPage page, list_page(prefix, at));
        if (!page.listed.empty() || page.next.key.empty()) {
            return page;
        }
        at = page.next;
    }
    return fail(ErrorCode::exhausted,
                name() + " lists nothing but deletions below " + prefix + ": clear them away");
}

}  // namespace narrows::gateway
