#include "gateway/presign.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "codec/json.h"
#include "codec/text.h"
#include "gateway/url_store.h"
#include "protocols/aws/decode/operation.h"
#include "protocols/aws/sigv4/presigned.h"

namespace narrows::gateway {
namespace {

constexpr std::int64_t kUsualSeconds = 15 * 60;
constexpr std::size_t kKeyBytesMax = 1024;  // S3's

struct Wish {
    const session::Connection* connection = nullptr;
    std::string method;
    std::string bucket;
    std::string key;
    upstream::Target endpoint;
    std::int64_t expires_s = 0;
};

Result<void> refuse_unknown(const codec::Value& body) {
    const codec::Map* members = body.as<codec::Map>();
    if (members == nullptr) {
        return fail(ErrorCode::invalid, "the body is no JSON object");
    }
    for (const auto& [name, value] : *members) {
        const bool known = name == "connection" || name == "bucket" || name == "key" ||
                           name == "method" || name == "expires_s" || name == "endpoint";
        if (!known) {
            return fail(ErrorCode::invalid,
                        "the body has the unknown member " + codec::printable(name));
        }
    }
    return ok();
}

/// Never beyond the end of the session.
std::int64_t seconds_of(const codec::Value& body, const session::Terms& terms, WallNs now) {
    const std::int64_t asked =
        body.find("expires_s") == nullptr ? kUsualSeconds : body.number("expires_s");
    return std::min(asked, (terms.expires_at - now) / kNsPerSecond);
}

Result<Wish> read_wish(const Runtime& runtime, const session::Terms& terms,
                       const std::string& text) {
    NARROWS_TRY(const codec::Value body, codec::json_decode(text));
    NARROWS_TRY(refuse_unknown(body));
    Wish wish;
    for (const session::Connection& granted : terms.connections) {
        if (granted.name == body.text("connection")) wish.connection = &granted;
    }
    if (wish.connection == nullptr) {
        return fail(ErrorCode::invalid, "connection: the session has none of that name");
    }
    wish.method = body.text("method", "GET");
    if (wish.method != "GET" && wish.method != "PUT") {
        return fail(ErrorCode::invalid, "method: GET or PUT");
    }
    wish.bucket = body.text("bucket");
    wish.key = body.text("key");
    if (!aws::is_bucket_name(wish.bucket) || wish.key.empty() || wish.key.size() > kKeyBytesMax) {
        return fail(ErrorCode::invalid, "bucket and key: an S3 object's");
    }
    const std::string own = fmt::format("http://{}", net::to_string(runtime.agents->local()));
    NARROWS_TRY(wish.endpoint, upstream::parse_endpoint_url(body.text("endpoint", own)));
    wish.expires_s = seconds_of(body, terms, runtime.clock.wall());
    if (wish.expires_s < 1) {
        return fail(ErrorCode::invalid, "expires_s: above 0, and the session must not be over");
    }
    return wish;
}

/// Who made it for what, before it exists.
net::Task<Result<void>> record_making(session::Session& session, const Wish& wish,
                                      const identity::TokenClaims& claims, std::string by) {
    codec::Map fields;
    fields.emplace("what", "a URL for a single use was made");
    fields.emplace("by", std::move(by));
    fields.emplace("connection", wish.connection->name);
    fields.emplace("method", wish.method);
    fields.emplace("bucket", wish.bucket);
    fields.emplace("key", wish.key);
    fields.emplace("key_id", claims.key_id);
    fields.emplace("expires_at", rfc3339(claims.expires));
    codec::Value payload = recording::observed(std::move(fields));
    co_return co_await session.log().control(recording::RecordKind::notice, std::move(payload),
                                             recording::Await::durable, journal::Use::normal);
}

Result<codec::Map> url_of(const Wish& wish, const identity::TokenClaims& claims,
                          const signer::Sealed& sealed, WallNs now) {
    const http::RequestHead head{wish.method,
                                 "/" + wish.bucket + "/" + codec::percent_encode(wish.key, "/"),
                                 {{"Host", wish.endpoint.authority()}}};
    const sigv4::Credentials credentials{claims.key_id, sealed.secret.copy(), Secret(sealed.token)};
    const std::vector<std::string>& regions = wish.connection->regions;
    NARROWS_TRY(const std::string target,
                sigv4::presign(head, credentials, regions.empty() ? "us-east-1" : regions.front(),
                               "s3", now, wish.expires_s));
    codec::Map out;
    out.emplace("url",
                (wish.endpoint.tls ? "https://" : "http://") + wish.endpoint.authority() + target);
    out.emplace("method", wish.method);
    out.emplace("key_id", claims.key_id);
    out.emplace("expires_at", rfc3339(claims.expires));
    return out;
}

}  // namespace

net::Task<Result<codec::Map>> presign(Runtime& runtime, session::SessionPtr session, std::string by,
                                      std::string body) {
    const session::Terms& terms = session->terms();
    const Result<Wish> wish = read_wish(runtime, terms, body);
    if (!wish.has_value()) {
        co_return fail(wish.error());
    }
    const WallNs now = runtime.clock.wall();
    const identity::TokenClaims claims{terms.id,
                                       wish.value().connection->name,
                                       identity::new_access_key_id(),
                                       now + wish.value().expires_s * kNsPerSecond,
                                       terms.agent,
                                       terms.principal};
    const Result<signer::Sealed> sealed =
        co_await runtime.signer->seal(identity::TokenUse::once, claims);
    if (!sealed.has_value()) {
        co_return fail(sealed.error());
    }
    const Result<void> recorded =
        co_await record_making(*session, wish.value(), claims, std::move(by));
    if (!recorded.has_value()) {
        co_return fail(recorded.error());
    }
    std::function<Result<void>()> add = [&runtime, &claims, now] {
        return runtime.urls->add(claims.key_id, claims.expires, now);
    };
    const Result<void> added = co_await runtime.operator_workers->run(add);
    if (!added.has_value()) {
        co_return fail(added.error());
    }
    co_return url_of(wish.value(), claims, sealed.value(), now);
}

net::Task<Result<void>> spend_url(Runtime& runtime, std::string key_id) {
    std::function<Result<void>()> spend = [&runtime, key_id = std::move(key_id)] {
        return runtime.urls->spend(key_id);
    };
    co_return co_await runtime.workers->run(spend);
}

}  // namespace narrows::gateway
