#include "gateway/custody.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "codec/json.h"
#include "codec/text.h"

namespace narrows::gateway {
namespace {

Result<codec::Map> take_word(Runtime& runtime, const CustodyRequest& request,
                             const codec::Value& body) {
    const Result<Bytes> signature = codec::unbase64(body.text("signature"));
    if (!signature.has_value()) {
        return fail(ErrorCode::invalid, "a hold or release has reason, key, at and signature");
    }
    const evidence::HoldEntry word{request.verb == "release", request.session,
                                   body.text("reason"),       body.text("key"),
                                   body.number("at"),         signature.value()};
    NARROWS_TRY(runtime.recorder->hold(word));
    log::info("session {}: {} by {}", codec::printable(request.session), request.verb,
              codec::printable(word.vkey));
    return codec::Map{{"session", request.session}, {request.verb, true}, {"key", word.vkey}};
}

Result<std::optional<journal::KeyClass>> class_asked(const codec::Value& body) {
    if (body.find("class") == nullptr) {
        return std::optional<journal::KeyClass>();
    }
    for (const journal::KeyClass key : journal::kKeyClasses) {
        if (body.text("class") == journal::name_of(key)) {
            return std::optional(key);
        }
    }
    return fail(ErrorCode::invalid, "a class is operations, bodies or secrets");
}

Result<codec::Map> shred(Runtime& runtime, const CustodyRequest& request, const std::string& by,
                         const codec::Value& body) {
    NARROWS_TRY(const std::optional<journal::KeyClass> key, class_asked(body));
    if (runtime.sessions.find(model::SessionId(request.session))) {
        return fail(ErrorCode::conflict, "the session is active: end it first");
    }
    NARROWS_TRY(const std::uint64_t keys, runtime.recorder->shred({request.session, key, by}));
    log::info("session {}: {} keys were shredded on the word of {}",
              codec::printable(request.session), keys, by);
    return codec::Map{{"session", request.session}, {"shredded", keys}};
}

constexpr std::size_t kTrailNameMax = 1024;
constexpr std::size_t kCountsMax = 32;

/// Shredding and verdicts are a [[reviewer]]'s business.
Result<std::string> reviewer_of(Settings& settings, const std::string& key) {
    NARROWS_TRY(const identity::Identity who, settings.authenticator.launcher(key));
    const identity::Launcher* enrolled = settings.registry.launcher(who.id);
    if (enrolled == nullptr || !enrolled->reviewer) {
        return fail(ErrorCode::denied, "this is asked for by a [[reviewer]]");
    }
    return who.id;
}

Result<evidence::ReconciledEntry> reconciled_of(const codec::Value& body, std::string by) {
    const Error wrong{ErrorCode::invalid,
                      "a reconciliation has trail, from, to, verdict, counts and report"};
    const Result<Bytes> report = codec::unhex(body.text("report"));
    const codec::Value* counts = body.find("counts");
    const codec::Map* counted = counts == nullptr ? nullptr : counts->as<codec::Map>();
    evidence::ReconciledEntry entry{body.text("trail"),
                                    body.number("from"),
                                    body.number("to"),
                                    std::move(by),
                                    body.text("verdict"),
                                    {},
                                    {}};
    if (!report.has_value() || report.value().size() != entry.report.size() || counted == nullptr ||
        counted->size() > kCountsMax || entry.trail.empty() || entry.trail.size() > kTrailNameMax ||
        !codec::is_utf8(entry.trail)) {
        return fail(wrong);
    }
    std::copy(report.value().begin(), report.value().end(), entry.report.begin());
    for (const auto& [name, count] : *counted) {
        const auto* number = count.as<std::int64_t>();
        if (number == nullptr || *number < 0) {
            return fail(wrong);
        }
        entry.counts[name] = static_cast<std::uint64_t>(*number);
    }
    // What the log would not take back is not written into it.
    NARROWS_TRY(const Bytes bytes, evidence::encode_entry({0, entry}));
    return evidence::decode_entry(bytes).has_value() ? Result<evidence::ReconciledEntry>(entry)
                                                     : fail(wrong);
}

Result<codec::Map> log_reconciled(Runtime& runtime, Settings& settings, const std::string& key,
                                  const std::string& body) {
    NARROWS_TRY(std::string by, reviewer_of(settings, key));
    NARROWS_TRY(const codec::Value said, codec::json_decode(body));
    NARROWS_TRY(const evidence::ReconciledEntry entry, reconciled_of(said, std::move(by)));
    NARROWS_TRY(runtime.recorder->reconciled(entry));
    log::info("reconciled with CloudTrail: {}, by {}", entry.verdict, entry.by);
    return codec::Map{{"reconciled", true}, {"verdict", entry.verdict}, {"by", entry.by}};
}

Result<codec::Map> carry_out(Runtime& runtime, Settings& settings, const CustodyRequest& request) {
    NARROWS_TRY(settings.authenticator.launcher(request.key));
    NARROWS_TRY(const codec::Value body,
                codec::json_decode(request.body.empty() ? "{}" : request.body));
    if (request.verb != "shred") {
        return take_word(runtime, request, body);
    }
    NARROWS_TRY(const std::string by, reviewer_of(settings, request.key));
    return shred(runtime, request, by, body);
}

}  // namespace

recorder::Retention retention_of(const Config& config) {
    const RetentionSection& from = config.retention;
    recorder::Retention retention;
    retention.least_ns = {from.operations_s * kNsPerSecond, from.bodies_s * kNsPerSecond,
                          from.secrets_s * kNsPerSecond};
    for (const std::string& text : from.officers) {
        const auto key = evidence::parse_vkey(text);
        if (key.has_value()) {  // as the configuration was checked to hold
            retention.officers.push_back(key.value());
        }
    }
    return retention;
}

bool is_custody_verb(std::string_view verb) {
    return verb == "hold" || verb == "release" || verb == "shred";
}

net::Task<Result<codec::Map>> take_reconciled(Runtime& runtime, std::string key, std::string body) {
    const std::shared_ptr<Settings> settings = runtime.settings();
    std::function<Result<codec::Map>()> work = [&runtime, settings, key = std::move(key),
                                                body = std::move(body)] {
        return log_reconciled(runtime, *settings, key, body);
    };
    Result<codec::Map> done = co_await runtime.workers->run(work);
    co_return done;
}

net::Task<Result<codec::Map>> take_custody(Runtime& runtime, CustodyRequest request) {
    const std::shared_ptr<Settings> settings = runtime.settings();
    std::function<Result<codec::Map>()> work = [&runtime, settings, request = std::move(request)] {
        return carry_out(runtime, *settings, request);
    };
    Result<codec::Map> done = co_await runtime.workers->run(work);
    co_return done;
}

}  // namespace narrows::gateway
