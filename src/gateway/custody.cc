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

Result<codec::Map> carry_out(Runtime& runtime, Settings& settings, const CustodyRequest& request) {
    NARROWS_TRY(const identity::Identity who, settings.authenticator.launcher(request.key));
    NARROWS_TRY(const codec::Value body,
                codec::json_decode(request.body.empty() ? "{}" : request.body));
    if (request.verb != "shred") {
        return take_word(runtime, request, body);
    }
    const identity::Launcher* enrolled = settings.registry.launcher(who.id);
    if (enrolled == nullptr || !enrolled->reviewer) {
        return fail(ErrorCode::denied, "shredding is asked for by a [[reviewer]]");
    }
    return shred(runtime, request, who.id, body);
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

net::Task<Result<codec::Map>> take_custody(Runtime& runtime, CustodyRequest request) {
    const std::shared_ptr<Settings> settings = runtime.settings();
    std::function<Result<codec::Map>()> work = [&runtime, settings, request = std::move(request)] {
        return carry_out(runtime, *settings, request);
    };
    Result<codec::Map> done = co_await runtime.workers->run(work);
    co_return done;
}

}  // namespace narrows::gateway
