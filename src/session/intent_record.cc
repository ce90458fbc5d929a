#include "session/intent_record.h"

#include "codec/cbor.h"
#include "codec/text.h"
#include "crypto/hash.h"

namespace narrows::session {
namespace {

codec::List headers_value(const http::Headers& headers) {
    codec::List list;
    for (const codec::Pair& field : headers) {
        list.emplace_back(codec::List{field.name, field.value});
    }
    return list;
}

codec::Map body_value(const Seen& seen) {
    codec::Map body;
    if (seen.body_size) {
        body.emplace("size", *seen.body_size);
    }
    if (!seen.body_sha256.empty()) {
        body.emplace("sha256", seen.body_sha256);
    }
    if (!seen.body_form.empty()) {
        body.emplace("form", seen.body_form);
    }
    if (seen.body_withheld) {
        body.emplace("withheld", true);
    }
    if (seen.body_streams || seen.body.size() > kInlineBodyMax) {
        body.emplace("inline", "records");
    } else if (!seen.body.empty()) {
        body.emplace("inline", seen.body);
    }
    return body;
}

codec::Map request_value(const Seen& seen) {
    codec::Map request;
    request.emplace("method", seen.head.method);
    request.emplace("target", seen.head.target);
    request.emplace("headers", headers_value(seen.head.headers));
    request.emplace("body", body_value(seen));
    if (!seen.http.empty()) {
        request.emplace("http", seen.http);
    }
    return request;
}

/// What an INTENT may hold of things that grow with the request: it must fit one record.
constexpr std::size_t kAccessesMax = 16;
constexpr std::size_t kResourcesMax = 32;
constexpr std::size_t kTextMax = 2048;

std::string cut(const std::string& text) {
    return text.size() <= kTextMax ? text : text.substr(0, kTextMax) + "… (cut)";
}

codec::Map decision_value(const model::Decision& decision, const std::string& scope_sha256) {
    codec::Map value;
    value.emplace("verdict", model::name_of(decision.verdict));
    value.emplace("reason", model::name_of(decision.reason));
    value.emplace("action", decision.action);
    value.emplace("resource", cut(decision.resource));
    value.emplace("statement", decision.statement);
    value.emplace("why", cut(decision.why));
    value.emplace("scope_sha256", scope_sha256);
    return value;
}

codec::List access_value(const model::Operation& operation) {
    codec::List list;
    for (const model::Access& access : operation.accesses) {
        if (list.size() == kAccessesMax) {
            break;
        }
        codec::List resources;
        for (const model::Resource& resource : access.resources) {
            if (resources.size() == kResourcesMax) {
                break;
            }
            codec::Map entry;
            entry.emplace("arn", cut(resource.arn));
            entry.emplace("exact", resource.exact);
            if (resource.alternative) {
                entry.emplace("alternative", true);
            }
            resources.emplace_back(std::move(entry));
        }
        codec::Map entry;
        entry.emplace("action", access.action);
        entry.emplace("resources", std::move(resources));
        entry.emplace("resources_total", std::uint64_t{access.resources.size()});
        list.emplace_back(std::move(entry));
    }
    return list;
}

/// Parameters too large for the INTENT are on record as the body they were decoded from.
codec::Value parameters_value(const codec::Value& parameters) {
    const Bytes encoded = codec::cbor_encode(parameters);
    if (encoded.size() <= kInlineParametersMax) {
        return parameters;
    }
    codec::Map large;
    large.emplace("size", std::uint64_t{encoded.size()});
    large.emplace("sha256", codec::hex(crypto::sha256(encoded)));
    codec::Map value;
    value.emplace("$large", std::move(large));
    return value;
}

codec::Map operation_value(const model::Operation& operation) {
    codec::Map derived;
    derived.emplace("service", operation.service);
    derived.emplace("operation", operation.name);
    derived.emplace("effect", model::name_of(operation.effect));
    derived.emplace("access", access_value(operation));
    derived.emplace("parameters", parameters_value(operation.parameters));
    return derived;
}

codec::Map derived_value(const Asked& asked) {
    codec::Map derived = operation_value(*asked.operation);
    derived.emplace("catalogue", asked.catalogue);
    if (asked.carried) {
        codec::Map carried = operation_value(asked.carried->operation);
        carried.emplace("parameter", asked.carried->parameter);
        carried.emplace("region", asked.carried->region);
        carried.emplace("host", asked.carried->host);
        derived.emplace("carried", std::move(carried));
    }
    return derived;
}

}  // namespace

codec::Value intent_payload(recording::Sequence op, const std::string& connection,
                            const std::string& scope_sha256, const Asked& asked,
                            const model::Decision& decision) {
    codec::Map observed;
    observed.emplace("op", op.value());
    observed.emplace("connection", connection);
    observed.emplace("mode", asked.seen.mode);
    observed.emplace("peer", asked.seen.peer);
    observed.emplace("request", request_value(asked.seen));
    observed.emplace("signature", asked.seen.signature);
    if (!asked.seen.integrity.empty()) {
        observed.emplace("request_integrity", asked.seen.integrity);
    }
    observed.emplace("decision", decision_value(decision, scope_sha256));
    if (!asked.upstream_host.empty()) {
        codec::Map upstream;
        upstream.emplace("host", asked.upstream_host);
        upstream.emplace("request_sha256", codec::hex(asked.request_digest));
        observed.emplace("upstream", std::move(upstream));
    }
    codec::Map payload;
    payload.emplace("observed", std::move(observed));
    if (asked.operation) {
        payload.emplace("derived", derived_value(asked));
    }
    if (!asked.seen.stated.empty()) {
        payload.emplace("stated", asked.seen.stated);
    }
    return payload;
}

}  // namespace narrows::session
