#pragma once

#include "codec/archive.h"
#include "identity/mint.h"
#include "protocols/aws/upstream/signer.h"

namespace narrows::codec {

template <>
inline constexpr identity::TokenUse kLast<identity::TokenUse> = identity::TokenUse::bearer;
template <>
inline constexpr sigv4::Algorithm kLast<sigv4::Algorithm> = sigv4::Algorithm::ecdsa;
template <>
inline constexpr model::RecordKind kLast<model::RecordKind> = model::RecordKind::notice;

}  // namespace narrows::codec

/// What gateway, signer and supervisor say to each other. A question is a number and its fields; an
/// answer says whether it worked, then the fields of what was asked for, or of why not.
namespace narrows::signer {

struct Peers {};
using Writer = codec::Writer<Peers>;
using Reader = codec::Reader<Peers>;

struct Nothing {};

// From the supervisor, once, with the descriptors of the links.

/// To the signer. The keys are the only ones it gets.
struct SignerSetup {
    Secret receipt_key;  ///< shared with whoever records
    Secret group_key;
    std::vector<upstream::Listener> own_listeners;  ///< never dialled
};
/// To the recorder, again with every start of the signer; the first time with its link to the
/// gateway.
struct RecorderSetup {
    Secret receipt_key;
};
/// To the gateway: with the link to the recorder first, then with those to the signer, again with
/// every start of it.
struct GatewaySetup {
    bool is_recorder = false;
};

// From the gateway.

struct OpenLease {  // Nothing
    static constexpr std::uint8_t kNumber = 1;
    upstream::Lease lease;
    upstream::LeaseTerms terms;
};
struct CloseSession {  // Nothing
    static constexpr std::uint8_t kNumber = 2;
    model::SessionId session;
};
/// Credentials, unless there are good ones. Takes as long as AWS and the recorder do.
struct Prepare {  // Nothing
    static constexpr std::uint8_t kNumber = 3;
    upstream::Lease lease;
};
struct Sign {  // Signature
    static constexpr std::uint8_t kNumber = 4;
    upstream::Lease lease;
    recording::Receipt receipt;
    upstream::UnsignedRequest request;
};
/// The same before the receipt is there: for the INTENT that has, or will have, this place.
struct SignAhead {  // LockedSignature
    static constexpr std::uint8_t kNumber = 13;
    upstream::Lease lease;
    model::PartNo part;
    model::Sequence sequence;
    upstream::UnsignedRequest request;
};
struct Chunk {
    crypto::Digest sha256{};
    bool is_trailer = false;
};
/// The next signatures of an upload's chain.
struct SignChunks {  // Signatures
    static constexpr std::uint8_t kNumber = 5;
    std::uint64_t upload = 0;
    std::vector<Chunk> chunks;
};
/// The next signature of a stream of events.
struct SignEvent {  // Signatures: one
    static constexpr std::uint8_t kNumber = 12;
    std::uint64_t upload = 0;
    std::int64_t time_ms = 0;
    crypto::Digest sha256{};
};
struct EndUpload {  // Nothing
    static constexpr std::uint8_t kNumber = 6;
    std::uint64_t upload = 0;
};
/// Credentials of each of the claims' key ids; the tokens are for the first.
struct Mint {  // Minted
    static constexpr std::uint8_t kNumber = 7;
    std::vector<identity::TokenClaims> claims;
    bool with_tokens = false;
};
struct OpenToken {  // Opened
    static constexpr std::uint8_t kNumber = 8;
    identity::TokenUse use = identity::TokenUse::aws;
    std::string token;
    std::string key_id;  ///< TokenUse::aws and once: of which the token must be
};
/// One token, for one use.
struct Seal {  // Sealed
    static constexpr std::uint8_t kNumber = 9;
    identity::TokenUse use = identity::TokenUse::once;
    identity::TokenClaims claims;
};

/// Credentials that AWS gave in its answer to an operation of the claims' session and connection.
/// The agent gets minted ones in their place, which expire as they do; the claims' key id and
/// expiry are made anew.
struct Adopt {  // identity::Credentials
    static constexpr std::uint8_t kNumber = 10;
    identity::TokenClaims claims;
    upstream::Given given;
};

// From the signer.

/// Make it durable in the lease's part, then prove it.
struct Record {  // recording::RecordReceipt
    static constexpr std::uint8_t kNumber = 20;
    upstream::Lease lease;
    model::RecordKind kind = model::RecordKind::notice;
    Bytes payload;
    recording::Challenge challenge{};
};

// Answers.

struct Signature {
    http::Headers headers;  ///< to add to the head
    std::string access_key_id;
    crypto::Digest signed_sha256{};
    std::string carried_url;
    std::uint64_t upload = 0;  ///< for signed chunks and events; 0: there are none
};
/// A Signature that the code of its INTENT's receipt opens, and nothing else (locked_signature.h).
struct LockedSignature {
    Bytes sealed;
};
struct Signatures {
    std::vector<std::string> list;
};
struct Minted {
    std::vector<identity::Credentials> credentials;
    std::string delivery_token;
    std::string proxy_token;
};
struct Opened {
    identity::TokenClaims claims;
    Secret secret;  ///< of the claims' key id; TokenUse::aws and once
};
struct Sealed {
    std::string token;
    Secret secret;  ///< of the claims' key id; TokenUse::once
};

template <class M>
Bytes encode_question(const M& message) {
    Writer writer;
    writer(M::kNumber, message);
    return writer.take();
}

/// ErrorCode::invalid: it is not that question, or not in its one encoding.
template <class M>
Result<M> decode_question(ByteView bytes) {
    Reader reader(bytes);
    std::uint8_t number = 0;
    M message{};
    reader(number, message);
    if (number != M::kNumber || !reader.held()) {
        return fail(ErrorCode::invalid, "a message between gateway and signer is malformed");
    }
    return message;
}

template <class M>
Bytes encode_answer(const Result<M>& answer) {
    Writer writer;
    if (answer.has_value()) {
        writer(true, answer.value());
    } else {
        writer(false, answer.error().code, answer.error().what);
    }
    return writer.take();
}

/// The peer's failure as it said it, or ErrorCode::invalid: not in its one encoding.
template <class M>
Result<M> decode_answer(ByteView bytes) {
    Reader reader(bytes);
    bool worked = false;
    reader(worked);
    M message{};
    Error error;
    if (worked) {
        reader(message);
    } else {
        reader(error.code, error.what);
    }
    if (!reader.held()) {
        return fail(ErrorCode::invalid, "an answer between gateway and signer is malformed");
    }
    return worked ? Result<M>(std::move(message)) : Result<M>(fail(std::move(error)));
}

template <class M>
Secret encode_setup(const M& message) {
    Writer writer;
    writer(message);
    return Secret(writer.take());
}
template <class M>
Result<M> decode_setup(ByteView bytes) {
    Reader reader(bytes);
    M message{};
    reader(message);
    if (!reader.held()) {
        return fail(ErrorCode::invalid, "a message of the supervisor is malformed");
    }
    return message;
}

// The fields of each message, and of what messages are made of.

template <class A>
void fields(A&, typename A::template As<Nothing>&) {}
template <class A>
void fields(A& a, typename A::template As<codec::Pair>& v) {
    a(v.name, v.value);
}
template <class A>
void fields(A& a, typename A::template As<upstream::Listener>& v) {
    a(v.ip, v.port);
}
template <class A>
void fields(A& a, typename A::template As<SignerSetup>& v) {
    a(v.receipt_key, v.group_key, v.own_listeners);
}
template <class A>
void fields(A& a, typename A::template As<RecorderSetup>& v) {
    a(v.receipt_key);
}
template <class A>
void fields(A& a, typename A::template As<GatewaySetup>& v) {
    a(v.is_recorder);
}
template <class A>
void fields(A& a, typename A::template As<upstream::Lease>& v) {
    a(v.session, v.connection);
}
template <class A>
void fields(A& a, typename A::template As<upstream::Tag>& v) {
    a(v.key, v.value);
}
template <class A>
void fields(A& a, typename A::template As<upstream::Target>& v) {
    a(v.host, v.port, v.tls, v.configured, v.public_only);
}
template <class A>
void fields(A& a, typename A::template As<upstream::LeaseTerms>& v) {
    a(v.part, v.profile, v.role_arn, v.external_id, v.session_policy, v.source_identity, v.tags,
      v.sts, v.sts_region);
}
template <class A>
void fields(A& a, typename A::template As<recording::Receipt>& v) {
    a(v.part, v.sequence, v.request_digest, v.mac);
}
template <class A>
void fields(A& a, typename A::template As<recording::RecordReceipt>& v) {
    a(v.part, v.sequence, v.kind, v.payload_sha256, v.challenge, v.mac);
}
template <class A>
void fields(A& a, typename A::template As<upstream::CarriedUrl>& v) {
    a(v.head.method, v.head.target, v.head.headers, v.region, v.expires_s, v.before, v.after);
}
template <class A>
void fields(A& a, typename A::template As<upstream::UnsignedRequest>& v) {
    a(v.head.method, v.head.target, v.head.headers, v.payload, v.region, v.signing_name,
      v.algorithm, v.carried);
}
template <class A>
void fields(A& a, typename A::template As<identity::TokenClaims>& v) {
    a(v.session, v.connection, v.key_id, v.expires, v.agent, v.principal);
}
template <class A>
void fields(A& a, typename A::template As<identity::Credentials>& v) {
    a(v.connection, v.access_key_id, v.secret_access_key, v.session_token, v.expires);
}
template <class A>
void fields(A& a, typename A::template As<OpenLease>& v) {
    a(v.lease, v.terms);
}
template <class A>
void fields(A& a, typename A::template As<CloseSession>& v) {
    a(v.session);
}
template <class A>
void fields(A& a, typename A::template As<Prepare>& v) {
    a(v.lease);
}
template <class A>
void fields(A& a, typename A::template As<Sign>& v) {
    a(v.lease, v.receipt, v.request);
}
template <class A>
void fields(A& a, typename A::template As<SignAhead>& v) {
    a(v.lease, v.part, v.sequence, v.request);
}
template <class A>
void fields(A& a, typename A::template As<Chunk>& v) {
    a(v.sha256, v.is_trailer);
}
template <class A>
void fields(A& a, typename A::template As<SignChunks>& v) {
    a(v.upload, v.chunks);
}
template <class A>
void fields(A& a, typename A::template As<SignEvent>& v) {
    a(v.upload, v.time_ms, v.sha256);
}
template <class A>
void fields(A& a, typename A::template As<EndUpload>& v) {
    a(v.upload);
}
template <class A>
void fields(A& a, typename A::template As<Mint>& v) {
    a(v.claims, v.with_tokens);
}
template <class A>
void fields(A& a, typename A::template As<OpenToken>& v) {
    a(v.use, v.token, v.key_id);
}
template <class A>
void fields(A& a, typename A::template As<Seal>& v) {
    a(v.use, v.claims);
}
template <class A>
void fields(A& a, typename A::template As<upstream::Given>& v) {
    a(v.credentials.access_key_id, v.credentials.secret_access_key, v.credentials.session_token,
      v.credentials.s3_session, v.expires_at, v.role_arn, v.source, v.op);
}
template <class A>
void fields(A& a, typename A::template As<Adopt>& v) {
    a(v.claims, v.given);
}
template <class A>
void fields(A& a, typename A::template As<Record>& v) {
    a(v.lease, v.kind, v.payload, v.challenge);
}
template <class A>
void fields(A& a, typename A::template As<Signature>& v) {
    a(v.headers, v.access_key_id, v.signed_sha256, v.carried_url, v.upload);
}
template <class A>
void fields(A& a, typename A::template As<LockedSignature>& v) {
    a(v.sealed);
}
template <class A>
void fields(A& a, typename A::template As<Signatures>& v) {
    a(v.list);
}
template <class A>
void fields(A& a, typename A::template As<Minted>& v) {
    a(v.credentials, v.delivery_token, v.proxy_token);
}
template <class A>
void fields(A& a, typename A::template As<Opened>& v) {
    a(v.claims, v.secret);
}
template <class A>
void fields(A& a, typename A::template As<Sealed>& v) {
    a(v.token, v.secret);
}

}  // namespace narrows::signer
