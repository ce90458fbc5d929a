#include "protocols/aws/upstream/signer.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "codec/text.h"
#include "protocols/aws/sigv4/canonical.h"
#include "protocols/aws/sigv4/presigned.h"
#include "protocols/aws/upstream/fakes.h"

namespace narrows::upstream {
namespace {

using fakes::FakeFetch;
using recording::Receipt;

constexpr WallNs kNow = 1784800000 * kNsPerSecond;  // 2026-07-23T09:46:40Z
const Bytes kKey = to_bytes("receipt key shared with recorder");
const model::PartNo kPart(7);

class FakeSource : public CredentialSource {
  public:
    Result<HostCredentials> get(const std::string& profile) override {
        return HostCredentials{
            {"AKIABASE", Secret(std::string_view("base secret")), Secret()}, 0, "test " + profile};
    }
};

struct SignerTest : testing::Test {
    FakeSource source;
    FakeFetch fetch;
    ManualClock clock{kNow};
    std::vector<CredentialEvent> events;
    bool can_record = true;
    std::vector<std::string> attempts;  ///< "" before asking, else why there is nothing
    Signer signer{Secret(kKey),
                  source,
                  fetch,
                  clock,
                  [this](const CredentialEvent& event) {
                      events.push_back(event);
                      return can_record ? Result<void>(ok())
                                        : fail(ErrorCode::unavailable, "the journal refuses");
                  },
                  [this](const Lease&, const LeaseTerms&, const Error* failure) {
                      attempts.push_back(failure == nullptr ? "" : failure->what);
                      return ok();
                  }};
    const Lease lease{model::SessionId("ns-1"), "reports-ro"};
    const UnsignedRequest request{
        {"GET",
         "/bucket/key",
         {{"Host", "s3.eu-west-1.amazonaws.com"}, {"x-amz-content-sha256", "UNSIGNED-PAYLOAD"}}},
        "UNSIGNED-PAYLOAD",
        "eu-west-1",
        "s3"};

    LeaseTerms terms(std::string role = "arn:aws:iam::123456789012:role/demo") {
        LeaseTerms out;
        out.part = kPart;
        out.role_arn = std::move(role);
        out.session_policy = R"({"Version":"2012-10-17"})";
        out.source_identity = "alice@example.com";
        out.tags = session_tags("ns-1", "agent", "", "");
        out.sts = {"127.0.0.1", 5000, false, true};
        out.sts_region = "eu-west-1";
        return out;
    }
    Receipt receipt(std::uint64_t sequence, model::PartNo part = kPart) {
        return recording::make_receipt(kKey, part, model::Sequence(sequence),
                                       intent_digest(lease.connection, request).value());
    }
    std::string sign(const Receipt& with) {
        const auto got = signer.sign(lease, with, request);
        return got ? got.value().access_key_id : std::string("! ") + name_of(got.error().code);
    }
    void answer(const std::string& key_id, const std::string& expiration) {
        fetch.next(200, fakes::assume_role_answer(key_id, expiration));
    }
    /// With the base credentials, so that no STS is asked.
    void open_direct() {
        ASSERT_TRUE(signer.open(lease, terms("")));
        ASSERT_TRUE(signer.prepare(lease));
    }
};

TEST_F(SignerTest, assumes_the_role_and_reports_the_credential) {
    ASSERT_TRUE(signer.open(lease, terms()));
    EXPECT_EQ(sign(receipt(1)), "! unavailable");
    fetch.next([](const FetchRequest& ask) {
        EXPECT_EQ(ask.target.authority(), "127.0.0.1:5000");
        const std::string_view form = ask.body.text();
        EXPECT_NE(form.find("&RoleSessionName=narrows-"), std::string_view::npos);
        EXPECT_NE(form.find("&DurationSeconds=3600&Policy=%7B"), std::string_view::npos);
        EXPECT_NE(form.find("&SourceIdentity=alice%40example.com"), std::string_view::npos);
        EXPECT_NE(form.find("Tags.member.1.Key=narrows-session"), std::string_view::npos);
        return FakeFetch::answer(200, fakes::assume_role_answer("ASIA1", "2026-07-23T10:46:40Z"));
    });
    ASSERT_TRUE(signer.prepare(lease));
    ASSERT_TRUE(signer.prepare(lease));
    EXPECT_EQ(sign(receipt(1)), "ASIA1");
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].lease, lease);
    EXPECT_EQ(events[0].part, kPart);
    EXPECT_EQ(events[0].access_key_id, "ASIA1");
    EXPECT_TRUE(events[0].role_session_name.starts_with("narrows-"));
    EXPECT_EQ(events[0].policy_sha256, crypto::sha256(R"({"Version":"2012-10-17"})"));
    EXPECT_EQ(events[0].request_id, "c6104cbe-af31-11e0-8154-cbc7ccf896c7");
    EXPECT_EQ(events[0].expires_at, kNow + 3600 * kNsPerSecond);
}

TEST_F(SignerTest, an_intent_without_a_signature_is_none_for_one) {
    open_direct();
    UnsignedRequest bare = request;
    bare.stays_unsigned = true;
    const Receipt of_bare = recording::make_receipt(kKey, kPart, model::Sequence(1),
                                                    intent_digest(lease.connection, bare).value());
    EXPECT_EQ(sign(of_bare), "! denied");
    EXPECT_EQ(sign(receipt(1)), "AKIABASE");
}

TEST_F(SignerTest, what_it_signs_verifies) {
    open_direct();
    const auto got = signer.sign(lease, receipt(1), request);
    ASSERT_TRUE(got) << got.error().what;
    auto head = request.head;
    for (const auto& field : got.value().headers) head.headers.push_back(field);
    const auto auth = sigv4::read_authorization(head);
    ASSERT_TRUE(auth) << auth.error().what;
    const auto key =
        sigv4::SigningKey::derive(Secret(std::string_view("base secret")), auth.value().scope);
    const auto held = sigv4::verify(head, auth.value(), key, std::nullopt, kNow, 0);
    ASSERT_TRUE(held) << held.error().what;
    EXPECT_EQ(held.value().canonical_sha256, got.value().signed_sha256);
    EXPECT_EQ(got.value().chunks, nullptr);
}

TEST_F(SignerTest, refuses_every_receipt_that_is_not_for_this) {
    open_direct();
    Receipt forged = receipt(1);
    forged.mac[0] ^= 1;
    EXPECT_EQ(sign(forged), "! denied");
    forged = receipt(1);
    forged.sequence = model::Sequence(2);
    EXPECT_EQ(sign(forged), "! denied");
    EXPECT_EQ(sign(receipt(1, model::PartNo(8))), "! denied");
    EXPECT_EQ(sign(recording::make_receipt(to_bytes("other"), kPart, model::Sequence(1),
                                           receipt(1).request_digest)),
              "! denied");
    auto other = request;
    other.head.target = "/bucket/other";
    EXPECT_EQ(signer.sign(lease, receipt(1), other).error().code, ErrorCode::denied);
    other = request;
    other.head.headers.push_back({"x-amz-acl", "public-read"});
    EXPECT_EQ(signer.sign(lease, receipt(1), other).error().code, ErrorCode::denied);
    EXPECT_EQ(sign(receipt(1)), "AKIABASE");
}

TEST_F(SignerTest, what_it_signs_ahead_is_locked_by_the_code_of_the_receipt_to_come) {
    open_direct();
    const auto got = signer.sign_ahead(lease, kPart, model::Sequence(1), request);
    ASSERT_TRUE(got) << got.error().what;
    EXPECT_EQ(got.value().mac, receipt(1).mac);
    EXPECT_EQ(got.value().request.access_key_id, "AKIABASE");
    EXPECT_EQ(got.value().request.signed_sha256,
              signer.sign(lease, receipt(2), request).value().signed_sha256);
}

TEST_F(SignerTest, a_signature_ahead_is_the_one_that_its_receipt_is_good_for) {
    open_direct();
    const auto ahead = [&](std::uint64_t sequence, model::PartNo part = kPart) {
        const auto got = signer.sign_ahead(lease, part, model::Sequence(sequence), request);
        return got ? got.value().request.access_key_id
                   : std::string("! ") + name_of(got.error().code);
    };
    EXPECT_EQ(ahead(1), "AKIABASE");
    EXPECT_EQ(ahead(1), "! denied");
    EXPECT_EQ(sign(receipt(1)), "! denied");
    EXPECT_EQ(sign(receipt(2)), "AKIABASE");
    EXPECT_EQ(ahead(2), "! denied");
    EXPECT_EQ(ahead(3, model::PartNo(8)), "! denied");
}

TEST_F(SignerTest, without_credentials_nothing_is_used_up_ahead) {
    ASSERT_TRUE(signer.open(lease, terms("")));
    EXPECT_EQ(signer.sign_ahead(lease, kPart, model::Sequence(1), request).error().code,
              ErrorCode::unavailable);
    ASSERT_TRUE(signer.prepare(lease));
    EXPECT_EQ(sign(receipt(1)), "AKIABASE");
}

TEST_F(SignerTest, no_chain_of_signatures_begins_ahead) {
    open_direct();
    for (const char* payload :
         {"STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
          "STREAMING-AWS4-HMAC-SHA256-EVENTS"}) {
        UnsignedRequest chain = request;
        chain.payload = payload;
        http::set(chain.head.headers, "x-amz-content-sha256", payload);
        EXPECT_EQ(signer.sign_ahead(lease, kPart, model::Sequence(1), chain).error().code,
                  ErrorCode::invalid);
    }
    EXPECT_EQ(sign(receipt(1)), "AKIABASE") << "nothing was used up";
}

TEST_F(SignerTest, a_url_that_a_form_carries_is_made_for_the_intent_that_names_it) {
    open_direct();
    UnsignedRequest form{
        {"POST", "/", {{"Host", "ec2.us-east-1.amazonaws.com"}}}, "", "us-east-1", "ec2"};
    form.carried = {{"GET",
                     "/?Action=CopySnapshot&SourceSnapshotId=snap-1",
                     {{"Host", "ec2.eu-west-1.amazonaws.com"}}},
                    "eu-west-1",
                    900,
                    "Action=CopySnapshot&PresignedUrl=",
                    "&Version=2016-11-15"};
    const auto receipt_of = [&](std::uint64_t sequence) {
        return recording::make_receipt(kKey, kPart, model::Sequence(sequence),
                                       intent_digest(lease.connection, form).value());
    };
    const std::function<void(CarriedUrl&)> changes[] = {
        [](CarriedUrl& url) { url.head.target += "2"; },
        [](CarriedUrl& url) { http::set(url.head.headers, "Host", "ec2.eu-west-2.amazonaws.com"); },
        [](CarriedUrl& url) { url.region = "eu-west-2"; },
        [](CarriedUrl& url) { url.expires_s = 901; },
        [](CarriedUrl& url) { url.before += "x"; },
        [](CarriedUrl& url) { url.after += "&DryRun=false"; },
        [](CarriedUrl& url) {
            url.before.pop_back();
            url.after.insert(0, "=");
        }};
    for (const auto& change : changes) {
        UnsignedRequest other = form;
        change(*other.carried);
        EXPECT_EQ(signer.sign(lease, receipt_of(1), other).error().code, ErrorCode::denied);
    }
    UnsignedRequest without = form;
    without.carried.reset();
    EXPECT_EQ(signer.sign(lease, receipt_of(1), without).error().code, ErrorCode::denied);
    const auto got = signer.sign(lease, receipt_of(1), form);
    ASSERT_TRUE(got) << got.error().what;
    const Secret secret(std::string_view("base secret"));
    const auto called = sigv4::head_of_url(got.value().carried_url);
    ASSERT_TRUE(called) << got.value().carried_url;
    const auto url = sigv4::read_presigned(called.value());
    ASSERT_TRUE(url) << url.error().what;
    EXPECT_EQ(url.value().request.target, form.carried->head.target);
    EXPECT_EQ(url.value().authorization.expires, kNow + 900 * kNsPerSecond);
    const auto url_key = sigv4::SigningKey::derive(secret, url.value().authorization.scope);
    EXPECT_TRUE(sigv4::verify_presigned(called.value(), url.value().authorization, url_key,
                                        crypto::sha256(""), kNow, 0));
    auto head = form.head;
    for (const auto& field : got.value().headers) head.headers.push_back(field);
    const auto by = sigv4::read_authorization(head);
    ASSERT_TRUE(by) << by.error().what;
    const std::string body =
        "Action=CopySnapshot&PresignedUrl=" + codec::percent_encode(got.value().carried_url) +
        "&Version=2016-11-15";
    EXPECT_TRUE(sigv4::verify(head, by.value(), sigv4::SigningKey::derive(secret, by.value().scope),
                              crypto::sha256(body), kNow, 0));
}

TEST_F(SignerTest, a_receipt_signs_once_and_memory_of_it_is_bounded) {
    open_direct();
    EXPECT_EQ(sign(receipt(5)), "AKIABASE");
    EXPECT_EQ(sign(receipt(5)), "! denied");
    EXPECT_EQ(sign(receipt(4)), "AKIABASE");
    const std::uint64_t last = 10 + Signer::kUsedReceiptsMax;
    for (std::uint64_t i = 10; i < last; ++i) ASSERT_EQ(sign(receipt(i)), "AKIABASE") << i;
    EXPECT_EQ(sign(receipt(3)), "! denied");
    EXPECT_EQ(sign(receipt(5)), "! denied");
    EXPECT_EQ(sign(receipt(last - 1)), "! denied");
    EXPECT_EQ(sign(receipt(last)), "AKIABASE");
}

TEST_F(SignerTest, renews_ahead_and_never_signs_with_expired_credentials) {
    ASSERT_TRUE(signer.open(lease, terms()));
    answer("ASIA1", "2026-07-23T10:46:40Z");
    ASSERT_TRUE(signer.prepare(lease));
    EXPECT_TRUE(signer.due(kNow + 2999 * kNsPerSecond).empty());
    EXPECT_EQ(signer.due(kNow + 3000 * kNsPerSecond), std::vector<Lease>{lease});
    clock.advance(3000 * kNsPerSecond);
    EXPECT_EQ(sign(receipt(1)), "ASIA1");
    answer("ASIA2", "2026-07-23T11:36:40Z");
    ASSERT_TRUE(signer.renew(lease));
    EXPECT_EQ(sign(receipt(2)), "ASIA2");
    EXPECT_TRUE(signer.due(clock.wall()).empty());
    clock.advance(3600 * kNsPerSecond);
    EXPECT_EQ(sign(receipt(3)), "! unavailable");
    answer("ASIA3", "2026-07-23T12:46:40Z");
    ASSERT_TRUE(signer.prepare(lease));
    EXPECT_EQ(sign(receipt(3)), "ASIA3");
    EXPECT_EQ(events.size(), 3u);
}

TEST_F(SignerTest, a_credential_that_cannot_be_recorded_is_not_used) {
    ASSERT_TRUE(signer.open(lease, terms("")));
    can_record = false;
    EXPECT_EQ(signer.prepare(lease).error().code, ErrorCode::unavailable);
    EXPECT_EQ(sign(receipt(1)), "! unavailable");
}

TEST_F(SignerTest, closed_leases_sign_nothing) {
    open_direct();
    EXPECT_EQ(signer.open(lease, terms("")).error().code, ErrorCode::conflict);
    signer.close(lease);
    EXPECT_EQ(sign(receipt(1)), "! not_found");
    EXPECT_EQ(signer.prepare(lease).error().code, ErrorCode::not_found);
    open_direct();
    signer.close_session(lease.session);
    EXPECT_EQ(sign(receipt(1)), "! not_found");
    // Closed while STS is asked: what comes back is dropped.
    ASSERT_TRUE(signer.open(lease, terms()));
    fetch.next([this](const FetchRequest&) {
        signer.close(lease);
        return FakeFetch::answer(200, fakes::assume_role_answer("ASIA1", "2026-07-23T10:46:40Z"));
    });
    EXPECT_EQ(signer.prepare(lease).error().code, ErrorCode::not_found);
}

TEST_F(SignerTest, an_intent_for_one_connection_or_region_signs_for_no_other) {
    open_direct();
    const auto other = intent_digest("other", request).value();
    EXPECT_EQ(sign(recording::make_receipt(kKey, kPart, model::Sequence(1), other)), "! denied");
    UnsignedRequest elsewhere = request;
    elsewhere.region = "us-east-1";
    const auto far = intent_digest(lease.connection, elsewhere).value();
    EXPECT_EQ(sign(recording::make_receipt(kKey, kPart, model::Sequence(2), far)), "! denied");
}

TEST_F(SignerTest, an_intent_for_one_algorithm_or_set_of_regions_signs_for_no_other) {
    open_direct();
    UnsignedRequest asymmetric = request;
    asymmetric.algorithm = sigv4::Algorithm::ecdsa;
    const auto digest = intent_digest(lease.connection, asymmetric).value();
    EXPECT_EQ(sign(recording::make_receipt(kKey, kPart, model::Sequence(1), digest)), "! denied");
    UnsignedRequest everywhere = asymmetric;
    everywhere.region = "*";
    const auto receipt_for = recording::make_receipt(kKey, kPart, model::Sequence(2), digest);
    EXPECT_EQ(signer.sign(lease, receipt_for, everywhere).error().code, ErrorCode::denied);
    EXPECT_TRUE(signer.sign(lease, receipt_for, asymmetric));
}

TEST_F(SignerTest, signs_for_a_set_of_regions_and_its_chunks) {
    open_direct();
    UnsignedRequest stream = request;
    stream.algorithm = sigv4::Algorithm::ecdsa;
    stream.region = "us-east-1,eu-west-1";
    stream.payload = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER";
    http::set(stream.head.headers, "x-amz-content-sha256", stream.payload);
    const auto digest = intent_digest(lease.connection, stream).value();
    const auto got = signer.sign(
        lease, recording::make_receipt(kKey, kPart, model::Sequence(1), digest), stream);
    ASSERT_TRUE(got) << got.error().what;
    auto head = stream.head;
    for (const auto& field : got.value().headers) head.headers.push_back(field);
    const auto auth = sigv4::read_authorization(head).value();
    EXPECT_EQ(auth.region_set, (std::vector<std::string>{"us-east-1", "eu-west-1"}));
    const sigv4::Key key =
        sigv4::EcdsaKey::derive(Secret(std::string_view("base secret")), auth.key_id);
    EXPECT_TRUE(sigv4::verify(head, auth, key, std::nullopt, auth.time, 0));
    ASSERT_NE(got.value().chunks, nullptr);
    const auto chunks = sigv4::chunk_verifier(key, auth);
    const crypto::Digest data = crypto::sha256("x");
    EXPECT_TRUE(chunks->chunk_holds(data, got.value().chunks->sign_chunk(data)));
    EXPECT_TRUE(chunks->trailer_holds(data, got.value().chunks->sign_trailer(data)));
}

TEST_F(SignerTest, streams_go_on_from_the_seed) {
    open_direct();
    UnsignedRequest stream = request;
    stream.payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    http::set(stream.head.headers, "x-amz-content-sha256", stream.payload);
    const auto digest = intent_digest(lease.connection, stream).value();
    const auto got = signer.sign(
        lease, recording::make_receipt(kKey, kPart, model::Sequence(1), digest), stream);
    ASSERT_TRUE(got) << got.error().what;
    auto head = stream.head;
    for (const auto& field : got.value().headers) head.headers.push_back(field);
    const auto auth = sigv4::read_authorization(head).value();
    const auto key = sigv4::SigningKey::derive(Secret(std::string_view("base secret")), auth.scope);
    const auto expected = sigv4::chunk_signer(key, auth.date, auth.scope, auth.signature);
    ASSERT_NE(got.value().chunks, nullptr);
    EXPECT_EQ(got.value().chunks->sign_chunk(crypto::sha256("x")),
              expected->sign_chunk(crypto::sha256("x")));
}

TEST_F(SignerTest, one_receipt_signs_once_among_threads) {
    open_direct();
    const Receipt one = receipt(1);
    std::atomic<int> signatures = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 50; ++k) signatures += signer.sign(lease, one, request) ? 1 : 0;
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(signatures, 1);
}

TEST_F(SignerTest, a_failure_is_told_and_kept_for_a_moment) {
    ASSERT_TRUE(signer.open(lease, terms()));
    fetch.next(503, "");
    EXPECT_FALSE(signer.prepare(lease));
    EXPECT_FALSE(signer.prepare(lease));
    ASSERT_EQ(attempts.size(), 2u);
    EXPECT_EQ(attempts[0], "");
    EXPECT_NE(attempts[1], "");
    clock.advance(Signer::kFailureKeptNs);
    fetch.next(503, "");
    EXPECT_FALSE(signer.prepare(lease));
    EXPECT_EQ(attempts.size(), 4u);
}

}  // namespace
}  // namespace narrows::upstream
