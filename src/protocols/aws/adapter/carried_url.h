#pragma once

#include <string_view>
#include <vector>

#include "protocols/aws/adapter/place.h"
#include "protocols/aws/decode/carried_url.h"
#include "session/admission.h"

/// A presigned URL among the parameters of a request (decode/carried_url.h). The agent's SDK signs
/// it with the session's key, which AWS does not know: it is read and verified as if it had been
/// called here, decided on beside the request, and made anew by the signer. Pure, but for the
/// clock.
namespace narrows::aws {

/// A form that carries a URL may have this many bytes: the signer is given all of it.
inline constexpr std::size_t kCarrierBytesMax = 64 * 1024;
/// AWS reads the URL at once. Clients sign it for an hour.
inline constexpr std::int64_t kCarriedSecondsMax = 3600;

/// What is known of the request that carries it. Outlives the calls below.
struct Carrier {
    const Proof& proof;
    const Caller& caller;
    const std::vector<Decoded>& decoded;
    std::string_view form;
    const Place& place;
    bool proxied;
    model::Context known;  ///< condition keys of the request itself
};

struct CarriedRequest {
    session::Carried asked;    ///< to be decided on, and for the record
    upstream::CarriedUrl url;  ///< for the signer
};

/// ErrorCode::unauthenticated: it is not signed with the session's key, as the request is, or the
/// signature does not hold; ErrorCode::timeout: it is not valid now; ErrorCode::not_found: the
/// connection does not lead to its region; others: it is no operation, not the request's, or in a
/// form that cannot be made anew.
Result<CarriedRequest> read_carried_url(const Services& services, const Carrier& carrier);

Rejection carried_rejection(const Carrier& carrier, const Error& error);

/// What a record holds of such a URL: all but what makes it work.
void withhold_carried(const Decoded& decoded, ByteView key, model::Operation& operation);

}  // namespace narrows::aws
