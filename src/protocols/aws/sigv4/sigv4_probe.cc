#include <iostream>

#include "codec/json.h"
#include "codec/text.h"
#include "protocols/aws/sigv4/authorization.h"
#include "protocols/aws/sigv4/presigned.h"
#include "protocols/aws/sigv4/signature.h"

/// For tests/sigv4/cross_sign.py and cross_sign_v4a.py: verifies or signs what stands on standard
/// input, one JSON object a line, and answers with one.
namespace narrows::sigv4 {
namespace {

http::RequestHead read_head(const codec::Value& ask) {
    http::RequestHead head{ask.text("method"), ask.text("target"), {}};
    const codec::Value* headers = ask.find("headers");
    for (const codec::Value& pair : *headers->as<codec::List>()) {
        const auto& field = *pair.as<codec::List>();
        head.headers.push_back({*field[0].as<std::string>(), *field[1].as<std::string>()});
    }
    return head;
}

codec::Value refusal(const Error& error) {
    return codec::Map{{"ok", false}, {"why", error.what}, {"code", name_of(error.code)}};
}

codec::Value verify_one(const codec::Value& ask) {
    const http::RequestHead head = read_head(ask);
    const auto auth = read_authorization(head);
    if (!auth) return refusal(auth.error());
    KeyCache keys;
    const Key key = keys.verifying_key(Secret(std::string_view(ask.text("secret"))), auth.value());
    const auto held =
        verify(head, auth.value(), key, crypto::sha256(ask.text("body")), auth.value().time, 0);
    return held ? codec::Value(codec::Map{{"ok", true}}) : refusal(held.error());
}

Result<void> verify_query(const http::RequestHead& head, const codec::Value& ask, bool v2) {
    NARROWS_TRY(const Presigned read, v2 ? read_presigned_v2(head) : read_presigned(head));
    const Authorization& authorization = read.authorization;
    const Secret secret(std::string_view(ask.text("secret")));
    if (v2) return verify_presigned_v2(read.request, authorization, secret, ask.text("bucket"), 0);
    KeyCache keys;
    const Key key = keys.verifying_key(secret, authorization);
    return verify_presigned(head, authorization, key, crypto::sha256(ask.text("body")),
                            authorization.time, 0);
}

codec::Value verify_query_one(const codec::Value& ask) {
    const http::RequestHead head = read_head(ask);
    const bool v2 = classify(head, {}).scheme == Scheme::sigv2_query;
    const Result<void> held = verify_query(head, ask, v2);
    return held ? codec::Value(codec::Map{{"ok", true}}) : refusal(held.error());
}

codec::Value presign_one(const codec::Value& ask) {
    const Credentials credentials{ask.text("key_id"), Secret(std::string_view(ask.text("secret"))),
                                  Secret(std::string_view(ask.text("token")))};
    const auto made = presign(read_head(ask), credentials, ask.text("region"), ask.text("service"),
                              parse_iso_basic(ask.text("date")).value_or(0), ask.number("expires"));
    return made ? codec::Value(codec::Map{{"ok", true}, {"target", made.value()}})
                : refusal(made.error());
}

codec::Value sign_one(const codec::Value& ask, Algorithm algorithm) {
    const Credentials credentials{ask.text("key_id"), Secret(std::string_view(ask.text("secret"))),
                                  Secret(std::string_view(ask.text("token")))};
    KeyCache keys;
    const auto made =
        sign(read_head(ask), ask.text("payload"), credentials,
             ask.text(algorithm == Algorithm::ecdsa ? "region_set" : "region"), ask.text("service"),
             parse_iso_basic(ask.text("date")).value_or(0), keys, algorithm);
    if (!made) return refusal(made.error());
    codec::List headers;
    for (const auto& field : made.value().headers) {
        headers.push_back(codec::List{field.name, field.value});
    }
    return codec::Map{{"ok", true}, {"headers", std::move(headers)}};
}

codec::Value answer_to(const codec::Value& ask) {
    const std::string asked = ask.text("do");
    if (asked == "sign") return sign_one(ask, Algorithm::hmac);
    if (asked == "sign-v4a") return sign_one(ask, Algorithm::ecdsa);
    if (asked == "presign") return presign_one(ask);
    return asked == "verify-query" ? verify_query_one(ask) : verify_one(ask);
}

}  // namespace
}  // namespace narrows::sigv4

int main() {
    using namespace narrows;
    for (std::string line; std::getline(std::cin, line);) {
        const auto ask = codec::json_decode(line);
        if (!ask) {
            std::cerr << ask.error().what << "\n";
            return 2;
        }
        std::cout << codec::json_encode(sigv4::answer_to(ask.value())) << std::endl;
    }
    return 0;
}
