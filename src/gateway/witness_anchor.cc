#include "gateway/witness_anchor.h"

#include <fmt/format.h>

#include "evidence/witness_message.h"

namespace narrows::gateway {
namespace {

using evidence::Anchored;

constexpr std::string_view kScheme = "://";

}  // namespace

Result<std::unique_ptr<WitnessAnchor>> WitnessAnchor::make(
    std::string name, const std::string& url, evidence::VerifierKey key,
    std::shared_ptr<upstream::HttpFetch> http) {
    const std::size_t host = url.find(kScheme);
    const std::size_t slash = host == url.npos ? url.npos : url.find('/', host + kScheme.size());
    std::unique_ptr<WitnessAnchor> anchor(new WitnessAnchor);
    NARROWS_TRY(anchor->target_, upstream::parse_endpoint_url(url.substr(0, slash)));
    std::string prefix = slash == url.npos ? "" : url.substr(slash);
    while (prefix.ends_with('/')) {
        prefix.pop_back();
    }
    anchor->path_ = prefix + "/add-checkpoint";
    anchor->name_ = std::move(name);
    anchor->key_ = std::move(key);
    anchor->http_ = std::move(http);
    return anchor;
}

Result<upstream::FetchResponse> WitnessAnchor::post(const evidence::SignedCheckpoint& checkpoint,
                                                    const evidence::LogView& log) const {
    NARROWS_TRY(std::vector<evidence::Hash> proof,
                log.consistency(known_, checkpoint.checkpoint.size));
    const std::string body =
        evidence::add_checkpoint_text({known_, std::move(proof), checkpoint.note});
    upstream::FetchRequest request;
    request.target = target_;
    request.head = {"POST", path_, {{"Host", target_.authority()}, {"Content-Type", "text/plain"}}};
    request.body = Secret(to_bytes(body));
    request.timeout_ms = kExchangeMs;
    request.response_bytes_max = kAnswerMax;
    return http_->fetch(request);
}

Error WitnessAnchor::odd(int status) const {
    const std::string about = fmt::format("the witness {} answers {}: ", key_.name, status);
    switch (status) {
        case 403:
            return {ErrorCode::denied,
                    about +
                        "it does not trust the key that signs this log; give its operator the "
                        "line in data_dir/trust"};
        case 404:
            return {ErrorCode::not_found,
                    about +
                        "it does not know this log, or the url is not its submission prefix; "
                        "give its operator the line in data_dir/trust"};
        default:
            return {ErrorCode::unavailable, about + "that is no answer of a witness now"};
    }
}

Result<Anchored> WitnessAnchor::cosigned(const evidence::SignedCheckpoint& checkpoint,
                                         std::string_view body) {
    NARROWS_TRY(const evidence::Note note, evidence::parse_note(checkpoint.note));
    const auto lines = evidence::parse_signatures(body);
    if (lines) {
        for (const evidence::NoteSignature& line : lines.value()) {
            const auto at = evidence::signed_at(key_, line, note.text);
            if (at) {
                known_ = checkpoint.checkpoint.size;
                return Anchored{Anchored::Kind::held, known_, line, *at, ""};
            }
        }
    }
    return fail(ErrorCode::invalid,
                fmt::format("the witness at {} answers without a cosignature by the key {}: it is "
                            "another witness, or broken",
                            target_.authority(), evidence::vkey_text(key_)));
}

/// Nothing: to be tried again with the size that it knows.
Result<std::optional<Anchored>> WitnessAnchor::conflict(
    const evidence::SignedCheckpoint& checkpoint, const upstream::FetchResponse& answer) {
    const std::uint64_t size = checkpoint.checkpoint.size;
    NARROWS_TRY(const std::uint64_t known, evidence::parse_known_size(answer.body.text()));
    if (known > size) {
        return std::optional(Anchored{Anchored::Kind::ahead, known, std::nullopt, 0,
                                      fmt::format("the witness {} has cosigned {} entries; the log "
                                                  "here has {}",
                                                  key_.name, known, size)});
    }
    if (known == size && known_ == size) {
        return std::optional(
            Anchored{Anchored::Kind::contradicted, known, std::nullopt, 0,
                     fmt::format("the witness {} has cosigned another log of {} entries than the "
                                 "one here",
                                 key_.name, known)});
    }
    known_ = known;
    return std::optional<Anchored>();
}

Result<Anchored> WitnessAnchor::give(const evidence::SignedCheckpoint& checkpoint,
                                     const evidence::LogView& log) {
    if (known_ > checkpoint.checkpoint.size) {
        known_ = 0;  // to be told again what it knows
    }
    for (int exchange = 0; exchange < kExchangesMax; ++exchange) {
        NARROWS_TRY(const upstream::FetchResponse answer, post(checkpoint, log));
        const int status = answer.head.status;
        if (status == 200) {
            return cosigned(checkpoint, answer.body.text());
        }
        if (status == 422) {
            return Anchored{Anchored::Kind::contradicted, known_, std::nullopt, 0,
                            fmt::format("the witness {} does not find the {} entries it has "
                                        "cosigned at the beginning of the log here",
                                        key_.name, known_)};
        }
        if (status != 409) {
            return fail(odd(status));
        }
        NARROWS_TRY(std::optional<Anchored> said, conflict(checkpoint, answer));
        if (said) {
            return std::move(*said);
        }
    }
    return fail(ErrorCode::unavailable,
                fmt::format("the witness {} names one size after another; it is given checkpoints "
                            "by someone else, or broken",
                            key_.name));
}

}  // namespace narrows::gateway
