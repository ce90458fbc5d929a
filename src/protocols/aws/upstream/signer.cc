#include "protocols/aws/upstream/signer.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "codec/text.h"
#include "protocols/aws/sigv4/canonical.h"
#include "protocols/aws/sigv4/presigned.h"

namespace narrows::upstream {
namespace {

auto no_lease(const Lease& lease) {
    return fail(ErrorCode::not_found, "session " + lease.session.value() + " holds no connection " +
                                          lease.connection + ", or has ended");
}

auto refuse(const recording::Receipt& receipt, const std::string& why) {
    return fail(ErrorCode::denied, "the signer refuses record " +
                                       std::to_string(receipt.sequence.value()) + " of part " +
                                       std::to_string(receipt.part.value()) + ": " + why);
}

constexpr std::string_view kEvents = "STREAMING-AWS4-HMAC-SHA256-EVENTS";

bool has_chunk_signatures(const UnsignedRequest& request) {
    const std::string form = std::string("STREAMING-") + sigv4::name_of(request.algorithm);
    return request.payload == form + "-PAYLOAD" || request.payload == form + "-PAYLOAD-TRAILER";
}

std::string hex_sha256(std::string_view text) {
    return codec::hex(crypto::sha256(text));
}

/// What a digest says of a carried URL.
Result<std::string> carried_lines(const CarriedUrl& carried, const std::string& signing_name) {
    NARROWS_TRY(const crypto::Digest canonical,
                sigv4::request_digest(carried.head, hex_sha256(""), signing_name));
    return "\ncarries\n" + carried.region + "\n" + std::to_string(carried.expires_s) + "\n" +
           std::to_string(carried.before.size()) + "\n" + codec::hex(canonical);
}

Result<std::string> make_url(const CarriedUrl& carried, const sigv4::Credentials& credentials,
                             const std::string& signing_name, WallNs now) {
    NARROWS_TRY(const std::string target, sigv4::presign(carried.head, credentials, carried.region,
                                                         signing_name, now, carried.expires_s));
    return "https://" + std::string(http::header(carried.head.headers, "host")) + target;
}

}  // namespace

std::string form_with(const CarriedUrl& carried, std::string_view url) {
    return carried.before + codec::percent_encode(url) + carried.after;
}

/// Credentials in use. Their derived keys go with them.
struct Signer::Held {
    sigv4::Credentials credentials;
    WallNs expires_at = 0;  ///< 0: never
    WallNs renew_at = 0;
    CredentialEvent event;
    mutable sigv4::KeyCache keys{64};

    bool good(WallNs now) const { return expires_at == 0 || now < expires_at; }
    bool due(WallNs now) const { return expires_at != 0 && now >= renew_at; }
};

struct Signer::Entry {
    explicit Entry(LeaseTerms of) : terms(std::move(of)) {}
    Entry(LeaseTerms of, std::shared_ptr<const Held> given)
        : terms(std::move(of)), is_given(true), held(std::move(given)) {}
    const LeaseTerms terms;
    const bool is_given = false;   ///< there is nothing to obtain: it is used until it expires
    std::optional<Error> failure;  ///< of the last attempt; with failed_at, under obtaining
    MonoNs failed_at = 0;
    std::mutex obtaining;  ///< held while the network is asked; taken before the signer's own
    std::shared_ptr<const Held> held;  ///< shared with signatures under way
    std::set<model::Sequence> used;
    std::optional<model::Sequence> used_up_to;

    bool is_used(model::Sequence sequence) const {
        return (used_up_to && sequence <= *used_up_to) || used.contains(sequence);
    }
    void use(model::Sequence sequence) {
        used.insert(sequence);
        if (used.size() <= kUsedReceiptsMax) return;
        used_up_to = *used.begin();
        used.erase(used.begin());
    }
};

Signer::Signer(Secret receipt_key, CredentialSource& source, HttpFetch& fetch, const Clock& clock,
               OnCredential on_credential, OnAttempt on_attempt)
    : receipt_key_(std::move(receipt_key)),
      source_(source),
      fetch_(fetch),
      clock_(clock),
      on_credential_(std::move(on_credential)),
      on_attempt_(std::move(on_attempt)) {}
Signer::~Signer() = default;

Result<void> Signer::open(const Lease& lease, LeaseTerms terms) {
    auto entry = std::make_shared<Entry>(std::move(terms));
    const std::lock_guard lock(mutex_);
    if (!leases_.emplace(lease, std::move(entry)).second) {
        return fail(ErrorCode::conflict, "session " + lease.session.value() +
                                             " already holds connection " + lease.connection);
    }
    return ok();
}

void Signer::close(const Lease& lease) {
    const std::lock_guard lock(mutex_);
    leases_.erase(lease);
}

void Signer::close_session(const model::SessionId& session) {
    const std::lock_guard lock(mutex_);
    std::erase_if(leases_, [&](const auto& each) { return each.first.session == session; });
}

std::shared_ptr<Signer::Entry> Signer::find(const Lease& lease) const {
    const std::lock_guard lock(mutex_);
    const auto found = leases_.find(lease);
    return found == leases_.end() ? nullptr : found->second;
}

Result<void> Signer::prepare(const Lease& lease) {
    return obtain(lease, false);
}
Result<void> Signer::renew(const Lease& lease) {
    return obtain(lease, true);
}

std::vector<Lease> Signer::due(WallNs now) const {
    std::vector<Lease> out;
    const std::lock_guard lock(mutex_);
    for (const auto& [lease, entry] : leases_) {
        if (entry->held && entry->held->due(now)) out.push_back(lease);
    }
    return out;
}

Result<void> Signer::obtain(const Lease& lease, bool even_if_good) {
    const auto entry = find(lease);
    if (!entry || entry->is_given) return no_lease(lease);
    const std::lock_guard only_one(entry->obtaining);
    if (!even_if_good) {
        const std::lock_guard lock(mutex_);
        const WallNs now = clock_.wall();
        if (entry->held && entry->held->good(now) && !entry->held->due(now)) return ok();
    }
    NARROWS_TRY(auto held, attempt(lease, *entry));
    NARROWS_TRY(on_credential_(held->event));
    const std::lock_guard lock(mutex_);
    const auto found = leases_.find(lease);
    if (found == leases_.end() || found->second != entry) return no_lease(lease);
    entry->held = std::move(held);
    return ok();
}

Result<void> Signer::adopt(const Lease& lease, const std::string& key_id, Given given) {
    const auto parent = find(lease);
    if (!parent || parent->is_given) return no_lease(lease);
    auto held = std::make_shared<Held>();
    held->credentials = std::move(given.credentials);
    held->expires_at = given.expires_at;
    held->renew_at = std::numeric_limits<WallNs>::max();
    held->event = {lease, parent->terms.part, std::move(given.role_arn)};
    held->event.access_key_id = held->credentials.access_key_id;
    held->event.source = std::move(given.source);
    held->event.expires_at = held->expires_at;
    held->event.minted_key_id = key_id;
    held->event.answer_to = given.op;
    NARROWS_TRY(on_credential_(held->event));
    LeaseTerms terms;
    terms.part = parent->terms.part;
    return keep_given(derived_lease(lease, key_id), std::make_shared<Entry>(terms, held));
}

Result<void> Signer::keep_given(const Lease& lease, std::shared_ptr<Entry> entry) {
    const std::lock_guard lock(mutex_);
    const WallNs now = clock_.wall();
    std::erase_if(leases_, [&](const auto& each) {
        return each.second->is_given && !each.second->held->good(now);
    });
    std::size_t count = 0;
    bool is_open = false;
    for (const auto& [each, of] : leases_) {
        const bool same = each.session == lease.session;
        count += same && of->is_given ? 1 : 0;
        is_open = is_open || (same && !of->is_given);
    }
    if (!is_open) return no_lease(lease);
    if (count >= kGivenMax) {
        return fail(ErrorCode::exhausted,
                    "the session holds as many credentials from AWS's answers as it may; use "
                    "those, or wait until some have expired");
    }
    if (!leases_.emplace(lease, std::move(entry)).second) {
        return fail(ErrorCode::conflict, "the credentials were adopted before");
    }
    return ok();
}

/// The caller holds entry.obtaining.
Result<std::shared_ptr<const Signer::Held>> Signer::attempt(const Lease& lease, Entry& entry) {
    if (entry.failure && clock_.mono() - entry.failed_at < kFailureKeptNs) {
        return fail(*entry.failure);
    }
    if (on_attempt_) {
        NARROWS_TRY(on_attempt_(lease, entry.terms, nullptr));
    }
    auto held = acquire(lease, entry.terms);
    entry.failure.reset();
    if (!held.has_value()) {
        entry.failure = held.error();
        entry.failed_at = clock_.mono();
    }
    if (!held.has_value() && on_attempt_) {
        (void)on_attempt_(lease, entry.terms, &*entry.failure).has_value();
    }
    return held;
}

Result<std::shared_ptr<const Signer::Held>> Signer::acquire(const Lease& lease,
                                                            const LeaseTerms& terms) {
    NARROWS_TRY(HostCredentials base, source_.get(terms.profile));
    const WallNs now = clock_.wall();
    auto held = std::make_shared<Held>();
    held->event = {lease, terms.part, terms.role_arn};
    held->event.source = base.source;
    if (terms.role_arn.empty()) {
        held->credentials = std::move(base.credentials);
        held->expires_at = base.expires_at;
    } else {
        // An hour always: the most that a role assumed from a role may live.
        const AssumeRole ask{terms.role_arn,
                             random_role_session_name(),
                             terms.session_policy,
                             kChainedDurationMax_s,
                             terms.external_id,
                             terms.source_identity,
                             terms.tags};
        NARROWS_TRY(AssumedRole role,
                    assume_role(fetch_, terms.sts, terms.sts_region, base.credentials, ask, now));
        held->credentials = std::move(role.credentials);
        held->expires_at = role.expires_at;
        held->event.role_session_name = ask.role_session_name;
        held->event.request_id = role.request_id;
        if (!ask.policy.empty()) held->event.policy_sha256 = crypto::sha256(ask.policy);
    }
    held->renew_at =
        held->expires_at - std::min(kRenewAhead_s * kNsPerSecond, (held->expires_at - now) / 3);
    held->event.access_key_id = held->credentials.access_key_id;
    held->event.expires_at = held->expires_at;
    return std::shared_ptr<const Held>(std::move(held));
}

/// Marks the receipt as used.
Result<std::shared_ptr<const Signer::Held>> Signer::take(const Lease& lease,
                                                         const recording::Receipt& receipt) {
    const std::lock_guard lock(mutex_);
    const auto found = leases_.find(lease);
    if (found == leases_.end()) return no_lease(lease);
    Entry& entry = *found->second;
    if (receipt.part != entry.terms.part) {
        return refuse(receipt, "it belongs to another part than the session's");
    }
    if (entry.is_used(receipt.sequence)) {
        return refuse(receipt, "its receipt was used already, or is too old to tell");
    }
    const bool is_good = entry.held && entry.held->good(clock_.wall());
    if (!is_good && entry.is_given) return no_lease(lease);
    if (!is_good) {
        return fail(ErrorCode::unavailable, "there are no valid AWS credentials for connection " +
                                                lease.connection + " at the moment; try again");
    }
    entry.use(receipt.sequence);
    return entry.held;
}

Result<crypto::Digest> intent_digest(const std::string& connection,
                                     const UnsignedRequest& request) {
    const std::optional<CarriedUrl>& carried = request.carried;
    const std::string payload =
        carried ? hex_sha256(carried->before + carried->after) : request.payload;
    NARROWS_TRY(const crypto::Digest canonical,
                sigv4::request_digest(request.head, payload, request.signing_name));
    std::string lines;
    if (carried) {
        NARROWS_TRY(lines, carried_lines(*carried, request.signing_name));
    }
    std::string text = "narrows-request-v1";
    if (request.stays_unsigned) {
        text.append(" none");
    } else if (request.algorithm == sigv4::Algorithm::ecdsa) {
        text.append(" ").append(sigv4::name_of(request.algorithm));
    }
    return crypto::sha256(text + "\n" + connection + "\n" + request.region + "\n" +
                          request.signing_name + "\n" + codec::hex(canonical) + lines);
}

Result<SignedRequest> Signer::sign(const Lease& lease, const recording::Receipt& receipt,
                                   const UnsignedRequest& request) {
    NARROWS_TRY(const crypto::Digest digest, intent_digest(lease.connection, request));
    if (!recording::is_genuine(receipt_key_.view(), receipt)) {
        return refuse(receipt, "its receipt was not made by the recorder");
    }
    if (receipt.request_digest != digest) {
        return refuse(receipt, "the request is not the one the record names");
    }
    return sign_once(lease, receipt, request);
}

Result<SignedAhead> Signer::sign_ahead(const Lease& lease, model::PartNo part,
                                       model::Sequence sequence, const UnsignedRequest& request) {
    if (has_chunk_signatures(request) || request.payload == kEvents) {
        return fail(ErrorCode::invalid, "what goes on being signed needs its receipt first");
    }
    NARROWS_TRY(const crypto::Digest digest, intent_digest(lease.connection, request));
    const recording::Receipt to_come =
        recording::make_receipt(receipt_key_.view(), part, sequence, digest);
    NARROWS_TRY(SignedRequest made, sign_once(lease, to_come, request));
    return SignedAhead{std::move(made), to_come.mac};
}

Result<SignedRequest> Signer::sign_once(const Lease& lease, const recording::Receipt& genuine,
                                        const UnsignedRequest& request) {
    NARROWS_TRY(const auto held, take(lease, genuine));
    SignedRequest out;
    std::string payload = request.payload;
    if (request.carried) {
        NARROWS_TRY(out.carried_url, make_url(*request.carried, held->credentials,
                                              request.signing_name, clock_.wall()));
        payload = hex_sha256(form_with(*request.carried, out.carried_url));
    }
    NARROWS_TRY(sigv4::Signed made,
                sigv4::sign(request.head, payload, held->credentials, request.region,
                            request.signing_name, clock_.wall(), held->keys, request.algorithm));
    out.headers = std::move(made.headers);
    out.access_key_id = held->credentials.access_key_id;
    out.signed_sha256 = made.signed_sha256;
    if (has_chunk_signatures(request)) {
        out.chunks = sigv4::chunk_signer(made.key, made.date, made.scope, made.signature);
    }
    if (request.payload == kEvents) {
        // The closure keeps the credentials: a stream outlives their renewal.
        const auto key_for = [held](const sigv4::CredentialScope& scope) {
            return held->keys.get(held->credentials.secret_access_key, scope);
        };
        out.events =
            std::make_unique<sigv4::EventSigner>(key_for, made.scope, std::move(made.signature));
    }
    return out;
}

}  // namespace narrows::upstream
