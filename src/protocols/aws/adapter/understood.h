#pragma once

#include <optional>
#include <vector>

#include "protocols/aws/adapter/place.h"
#include "protocols/aws/catalogue/recognise.h"
#include "protocols/aws/decode/operation.h"
#include "protocols/aws/sigv4/body.h"
#include "protocols/aws/upstream/signer.h"
#include "session/admission.h"

namespace narrows::aws {

/// The body of a request, as far as it is in memory before the decision.
struct RequestBody {
    bool read = false;      ///< it is, whole
    bool streamed = false;  ///< it follows once the operation has its permit
    bool secret = false;    ///< holds secret inputs: only commitments are recorded
    Bytes raw;              ///< as sent
    std::optional<crypto::Digest> sha256;
    Bytes plain;  ///< content coding taken off
    /// On record in its place, where it may not be and the INTENT is too small.
    Bytes kept;
    /// Goes to AWS in its place: with AWS's own queue URL, with our Policy.
    std::optional<Bytes> other;
    codec::Map integrity;  ///< what its checks gave

    std::uint64_t bytes_on_record() const { return kept.empty() ? raw.size() : kept.size(); }
};

/// A request as it was understood, step by step; where a step rejects it, what was known by then.
/// Nothing of it changes once it has been decided on.
struct Understood {
    Caller caller;  ///< where the proof names no connection, the one that was chosen
    std::optional<Rejection> rejection;       ///< it goes no further
    const sigv4::FormFields* form = nullptr;  ///< a browser's, that asks for a PutObject
    AwsHost named;                            ///< what the host says that was asked for
    sigv4::Payload payload;                   ///< how the body is sent
    Recognition recognition;                  ///< once decoded, the candidates that fit
    RequestBody body;
    std::vector<Decoded> decoded;               ///< one a candidate
    std::optional<model::Operation> operation;  ///< what is decided on
    Place place;
    std::optional<session::Carried> carried;  ///< asked for by a URL among the parameters
    upstream::UnsignedRequest request;        ///< that goes to AWS
    crypto::Digest request_digest{};

    Operation entry() const { return decoded.front().entry; }
    bool sends_events() const { return payload.kind == sigv4::PayloadKind::events; }
    /// CompleteMultipartUpload's checksums are those of the whole object, not of its document.
    bool checksums_cover_body() const;
    /// Signed or not by the agent, it goes to AWS as AWS takes it: without.
    bool goes_unsigned() const { return entry().auth() == Auth::none; }
    /// sts:GetCallerIdentity: the gateway answers it.
    bool asks_identity() const;
};

}  // namespace narrows::aws
