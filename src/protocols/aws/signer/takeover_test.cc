#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "codec/cbor.h"
#include "process/channel.h"
#include "process/frame.h"
#include "protocols/aws/signer/locked_signature.h"
#include "protocols/aws/signer/server.h"
#include "protocols/aws/upstream/fakes.h"

/// A gateway that was taken over: it holds its end of the signer's socket, and nothing else holds
/// it back. The recorder, which it has not taken over, is `recorder_`.
namespace narrows::signer {
namespace {

using upstream::fakes::FakeFetch;

const Bytes kReceiptKey = to_bytes("receipt key of signer + recorder");
const Bytes kGroupKey = to_bytes("group key: thirty-two bytes long");
constexpr std::string_view kSecret = "base secret that never leaves it";
const model::PartNo kPart(7);
const upstream::Lease kLease{model::SessionId("ns-1"), "reports-ro"};

class Source : public upstream::CredentialSource {
  public:
    Result<upstream::HostCredentials> get(const std::string&) override {
        ++asked;
        return upstream::HostCredentials{{"AKIABASE", Secret(kSecret), Secret()}, 0, "test"};
    }
    std::atomic<int> asked = 0;
};

upstream::UnsignedRequest request(std::string target, std::string payload = "UNSIGNED-PAYLOAD") {
    http::Headers headers = {{"Host", "s3.eu-west-1.amazonaws.com"},
                             {"x-amz-content-sha256", payload}};
    return {{"GET", std::move(target), std::move(headers)}, std::move(payload), "eu-west-1", "s3"};
}

recording::RecordReceipt true_receipt(const Record& record, model::PartNo part) {
    recording::RecordReceipt receipt{
        part, model::Sequence(5), record.kind, crypto::sha256(record.payload), record.challenge,
        {}};
    receipt.mac = recording::receipt_mac(kReceiptKey, receipt);
    return receipt;
}

struct Takeover : testing::Test {
    Takeover() : loops(1), thread([this] { loops.run(); }) {
        socket = link();
        recorder = [](const Record& record) { return true_receipt(record, kPart); };
    }
    ~Takeover() override {
        loops.stop();
        thread.join();
    }
    process::Descriptor link() {
        process::Pair pair = process::stream_pair().value();
        server.serve(loops.at(0), std::move(pair.first));
        return std::move(pair.second);
    }

    void send(const Bytes& bytes) {
        ASSERT_EQ(::send(socket.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    }
    void send(std::uint8_t type, std::uint64_t numbered, const Bytes& text) {
        Bytes frame{type};
        append_le(frame, numbered);
        append(frame, text);
        Bytes out;
        process::append_frame(out, frame);
        send(out);
    }
    /// The next frame; empty when the signer has closed the link. All that ever came is kept.
    Bytes receive() {
        Bytes head(4);
        if (::recv(socket.number(), head.data(), 4, MSG_WAITALL) != 4) return {};
        Bytes frame(load_le<std::uint32_t>(head.data()));
        if (::recv(socket.number(), frame.data(), frame.size(), MSG_WAITALL) <= 0) return {};
        append(seen, frame);
        return frame;
    }
    /// Asks, and tells the signer what the recorder says while it waits.
    Bytes ask(const Bytes& question) {
        send(1, ++number, question);
        while (true) {
            const Bytes frame = receive();
            if (frame.empty()) return {};
            const Bytes text(frame.begin() + 9, frame.end());
            if (frame[0] == 2) return text;
            const Record record = decode_question<Record>(text).value();
            records.push_back(record);
            send(2, load_le<std::uint64_t>(frame.data() + 1),
                 encode_answer<recording::RecordReceipt>(recorder(record)));
        }
    }
    template <class Answer, class Question>
    Result<Answer> ask_for(const Question& question) {
        return decode_answer<Answer>(ask(encode_question(question)));
    }

    void open(const upstream::Lease& lease, model::PartNo part) {
        upstream::LeaseTerms terms;
        terms.part = part;
        ASSERT_TRUE(ask_for<Nothing>(OpenLease{lease, terms}));
    }
    void open_and_prepare() {
        open(kLease, kPart);
        ASSERT_TRUE(ask_for<Nothing>(Prepare{kLease}));
    }
    recording::Receipt receipt(const upstream::UnsignedRequest& for_request, std::uint64_t sequence,
                               model::PartNo part = kPart) const {
        return recording::make_receipt(
            kReceiptKey, part, model::Sequence(sequence),
            upstream::intent_digest(kLease.connection, for_request).value());
    }
    /// The key id of a signature, or the name of the error.
    std::string sign(const upstream::Lease& lease, const recording::Receipt& with,
                     const upstream::UnsignedRequest& what) {
        const auto got = ask_for<Signature>(Sign{lease, with, what});
        return got ? got.value().access_key_id : std::string("! ") + name_of(got.error().code);
    }
    bool has_leaked(ByteView secret) const {
        return std::search(seen.begin(), seen.end(), secret.begin(), secret.end()) != seen.end();
    }

    Source source;
    FakeFetch fetch;
    net::Workers workers{1};
    net::Loops loops;
    Server server{{Secret(kReceiptKey), identity::GroupKey::from_bytes(Secret(kGroupKey)).value()},
                  source,
                  fetch,
                  system_clock(),
                  workers};
    std::thread thread;
    process::Descriptor socket;
    std::uint64_t number = 0;
    Bytes seen;
    std::vector<Record> records;
    std::function<Result<recording::RecordReceipt>(const Record&)> recorder;
};

TEST_F(Takeover, a_true_receipt_signs_once_for_exactly_its_request) {
    open_and_prepare();
    const auto mine = request("/b/k");
    EXPECT_EQ(sign(kLease, receipt(mine, 1), mine), "AKIABASE");
    EXPECT_EQ(sign(kLease, receipt(mine, 1), mine), "! denied") << "replayed";
    EXPECT_EQ(sign(kLease, receipt(mine, 2), request("/b/other")), "! denied");
    EXPECT_EQ(sign(kLease, receipt(mine, 3, model::PartNo(8)), mine), "! denied");
    EXPECT_FALSE(has_leaked(as_bytes(kSecret)));
}

/// P1 at the signer's end: until the recorder gives the receipt, what came over the link is noise.
TEST_F(Takeover, a_signature_ahead_is_opened_by_its_own_receipt_alone) {
    open_and_prepare();
    seen.clear();  // its own record of the credentials names their key id
    const auto mine = request("/b/k");
    const auto locked =
        ask_for<LockedSignature>(SignAhead{kLease, kPart, model::Sequence(1), mine});
    ASSERT_TRUE(locked) << locked.error().what;
    for (const std::string_view part : {"AKIABASE", "Authorization", "Signature="}) {
        EXPECT_FALSE(has_leaked(as_bytes(part))) << part;
    }
    Record record;
    const crypto::Digest others[] = {{},
                                     receipt(mine, 1).request_digest,
                                     receipt(mine, 2).mac,
                                     receipt(mine, 1, model::PartNo(8)).mac,
                                     receipt(request("/b/other"), 1).mac,
                                     true_receipt(record, kPart).mac};
    for (const crypto::Digest& other : others) {
        EXPECT_FALSE(unlock(locked.value(), other));
    }
    const auto opened = unlock(locked.value(), receipt(mine, 1).mac);
    ASSERT_TRUE(opened) << opened.error().what;
    EXPECT_EQ(opened.value().access_key_id, "AKIABASE");
    EXPECT_EQ(sign(kLease, receipt(mine, 1), mine), "! denied") << "it was good for one";
    EXPECT_FALSE(ask_for<LockedSignature>(SignAhead{kLease, kPart, model::Sequence(1), mine}));
}

TEST_F(Takeover, ahead_too_the_lease_must_be_the_parts_own) {
    const auto mine = request("/b/k");
    const SignAhead asked{kLease, kPart, model::Sequence(1), mine};
    EXPECT_EQ(ask_for<LockedSignature>(asked).error().code, ErrorCode::not_found);
    open_and_prepare();
    const SignAhead other{kLease, model::PartNo(8), model::Sequence(1), mine};
    EXPECT_EQ(ask_for<LockedSignature>(other).error().code, ErrorCode::denied);
    ASSERT_TRUE(ask_for<Nothing>(CloseSession{kLease.session}));
    EXPECT_EQ(ask_for<LockedSignature>(asked).error().code, ErrorCode::not_found);
}

TEST_F(Takeover, no_receipt_or_a_forged_one_signs_nothing) {
    open_and_prepare();
    const auto mine = request("/b/k");
    EXPECT_EQ(sign(kLease, {}, mine), "! denied");
    recording::Receipt forged = receipt(mine, 1);
    for (auto& byte : forged.mac) {
        byte ^= 1;
        EXPECT_EQ(sign(kLease, forged, mine), "! denied");
        byte ^= 1;
    }
    forged.sequence = model::Sequence(2);
    EXPECT_EQ(sign(kLease, forged, mine), "! denied");
    forged = receipt(mine, 1);
    forged.mac = crypto::hmac_sha256(kGroupKey, to_bytes("narrows receipt 1\n"));
    EXPECT_EQ(sign(kLease, forged, mine), "! denied");
}

TEST_F(Takeover, a_receipt_for_a_record_is_none_for_an_operation) {
    open_and_prepare();
    const auto mine = request("/b/k");
    Record record;
    recording::RecordReceipt other = true_receipt(record, kPart);
    recording::Receipt crossed = receipt(mine, 5);
    crossed.mac = other.mac;
    EXPECT_EQ(sign(kLease, crossed, mine), "! denied");
}

TEST_F(Takeover, another_sessions_lease_is_out_of_reach) {
    open_and_prepare();
    const upstream::Lease other{model::SessionId("ns-2"), kLease.connection};
    const auto mine = request("/b/k");
    EXPECT_EQ(sign(other, receipt(mine, 1), mine), "! not_found");
    open(other, model::PartNo(8));
    recorder = [](const Record& record) { return true_receipt(record, model::PartNo(8)); };
    ASSERT_TRUE(ask_for<Nothing>(Prepare{other}));
    EXPECT_EQ(sign(other, receipt(mine, 1), mine), "! denied") << "it is of the first one's part";
    EXPECT_FALSE(ask_for<Nothing>(OpenLease{kLease, {}})) << "its terms cannot be replaced";
}

TEST_F(Takeover, credentials_need_the_recorders_proof) {
    open(kLease, kPart);
    const std::vector<std::function<Result<recording::RecordReceipt>(const Record&)>> lies = {
        [](const Record&) { return recording::RecordReceipt{}; },
        [](const Record&) { return fail(ErrorCode::unavailable, "the journal refuses"); },
        [](const Record& record) {
            recording::RecordReceipt receipt = true_receipt(record, kPart);
            receipt.mac[0] ^= 1;
            return receipt;
        },
        [](const Record& record) { return true_receipt(record, model::PartNo(8)); },
        [](const Record& record) {
            Record another = record;
            another.payload.push_back(0);
            return true_receipt(another, kPart);
        },
        [](const Record& record) {
            Record another = record;
            another.kind = model::RecordKind::stated;
            return true_receipt(another, kPart);
        },
        [](const Record& record) {
            Record earlier_one = record;
            earlier_one.challenge.fill(0);
            return true_receipt(earlier_one, kPart);
        },
    };
    for (const auto& lie : lies) {
        recorder = lie;
        EXPECT_FALSE(ask_for<Nothing>(Prepare{kLease}));
    }
    EXPECT_EQ(source.asked, 0) << "nobody was asked for credentials";
    const auto mine = request("/b/k");
    EXPECT_EQ(sign(kLease, receipt(mine, 1), mine), "! unavailable");
    // On record before they are asked for, not on record before they are used.
    recorder = [](const Record& record) -> Result<recording::RecordReceipt> {
        if (record.kind == model::RecordKind::credential) {
            return fail(ErrorCode::unavailable, "the journal refuses");
        }
        return true_receipt(record, kPart);
    };
    EXPECT_FALSE(ask_for<Nothing>(Prepare{kLease}));
    EXPECT_EQ(sign(kLease, receipt(mine, 1), mine), "! unavailable");
}

TEST_F(Takeover, chunks_are_signed_for_uploads_that_were_begun_and_are_not_over) {
    open_and_prepare();
    const SignChunks chunks{1, {{crypto::sha256("x"), false}}};
    EXPECT_EQ(ask_for<Signatures>(chunks).error().code, ErrorCode::not_found);
    const auto upload = request("/b/k", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    const auto begun = ask_for<Signature>(Sign{kLease, receipt(upload, 1), upload});
    ASSERT_TRUE(begun);
    ASSERT_NE(begun.value().upload, 0u);
    const SignChunks its{begun.value().upload, {{crypto::sha256("x"), false}}};
    EXPECT_EQ(ask_for<Signatures>(its).value().list.size(), 1u);
    const SignChunks next{begun.value().upload + 1, {{crypto::sha256("x"), false}}};
    EXPECT_EQ(ask_for<Signatures>(next).error().code, ErrorCode::not_found);
    ASSERT_TRUE(ask_for<Nothing>(CloseSession{kLease.session}));
    EXPECT_EQ(ask_for<Signatures>(its).error().code, ErrorCode::not_found);
    EXPECT_EQ(sign(kLease, receipt(upload, 2), upload), "! not_found");
}

TEST_F(Takeover, what_is_no_message_is_refused_and_harms_nothing) {
    open_and_prepare();
    const auto mine = request("/b/k");
    const Bytes good = encode_question(Sign{kLease, receipt(mine, 1), mine});
    for (std::size_t size = 0; size < good.size(); ++size) {
        const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(decode_answer<Signature>(ask(cut))) << size;
    }
    Bytes longer = good;
    longer.push_back(0);
    EXPECT_FALSE(decode_answer<Signature>(ask(longer)));
    Bytes counts = encode_question(SignChunks{1, {}});
    std::fill(counts.end() - 4, counts.end(), 0xff);
    EXPECT_FALSE(decode_answer<Signatures>(ask(counts)));
    EXPECT_EQ(sign(kLease, receipt(mine, 1), mine), "AKIABASE") << "it is well";
}

TEST_F(Takeover, broken_framing_ends_that_link_only) {
    open_and_prepare();
    for (const std::uint32_t length : {0u, 4u, 0x200001u, ~0u}) {
        socket = link();
        Bytes bytes;
        append_le(bytes, length);
        append(bytes, "abcd");
        send(bytes);
        EXPECT_TRUE(receive().empty()) << length;
    }
    socket = link();
    const auto mine = request("/b/k");
    EXPECT_EQ(sign(kLease, receipt(mine, 1), mine), "AKIABASE");
}

TEST_F(Takeover, no_question_gets_a_key) {
    open_and_prepare();
    const auto mine = request("/b/k");
    for (int what = 0; what < 256; ++what) {
        for (const std::size_t size : {0u, 1u, 8u, 64u}) {
            Bytes question{static_cast<std::uint8_t>(what)};
            question.resize(1 + size);
            (void)ask(question);
        }
    }
    EXPECT_EQ(sign(kLease, receipt(mine, 1), mine), "AKIABASE");
    EXPECT_FALSE(has_leaked(as_bytes(kSecret)));
    EXPECT_FALSE(has_leaked(kGroupKey));
    EXPECT_FALSE(has_leaked(kReceiptKey));
    const auto group = identity::GroupKey::from_bytes(Secret(kGroupKey)).value();
    EXPECT_FALSE(has_leaked(group.sealing()));
}

TEST_F(Takeover, tokens_open_for_their_use_and_key_id_only) {
    identity::TokenClaims claims{kLease.session, "c", "ASIAAAAAAAAAAAAAAAAA", 5, "agent", ""};
    const auto minted = ask_for<Minted>(Mint{{claims}, true});
    ASSERT_TRUE(minted);
    const std::string& token = minted.value().credentials.front().session_token;
    const auto opened = ask_for<Opened>(OpenToken{identity::TokenUse::aws, token, claims.key_id});
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened.value().claims, claims);
    EXPECT_EQ(opened.value().secret.text(),
              minted.value().credentials.front().secret_access_key.text());
    EXPECT_FALSE(ask_for<Opened>(OpenToken{identity::TokenUse::aws, token, "ASIAB"}));
    EXPECT_FALSE(ask_for<Opened>(OpenToken{identity::TokenUse::proxy, token, ""}));
    const auto proxy =
        ask_for<Opened>(OpenToken{identity::TokenUse::proxy, minted.value().proxy_token, ""});
    ASSERT_TRUE(proxy);
    EXPECT_TRUE(proxy.value().secret.empty());
    EXPECT_FALSE(ask_for<Minted>(Mint{}));
}

// ---- credentials that an operation was answered with

constexpr std::string_view kGivenSecret = "the assumed role's secret, of AWS";

Adopt given_to(const upstream::Lease& lease, std::string key_id = "ASIAGIVEN",
               bool s3_session = false) {
    Adopt asked;
    asked.claims = {lease.session, lease.connection, "ASIACHOSENBYTHEGATEWAY", 1, "agent", "ada"};
    asked.given.credentials = {std::move(key_id), Secret(kGivenSecret), Secret("given token"),
                               s3_session};
    asked.given.expires_at = system_clock().wall() + 3600 * kNsPerSecond;
    asked.given.role_arn = "arn:aws:iam::210987654321:role/other";
    asked.given.source = "sts:AssumeRole";
    asked.given.op = model::Sequence(12);
    return asked;
}

TEST_F(Takeover, given_credentials_are_adopted_on_record_and_sign_for_their_own_lease_alone) {
    open_and_prepare();
    records.clear();
    const auto minted = ask_for<identity::Credentials>(given_to(kLease));
    ASSERT_TRUE(minted) << minted.error().what;
    const identity::Credentials& made = minted.value();
    EXPECT_NE(made.access_key_id, "ASIACHOSENBYTHEGATEWAY");
    EXPECT_EQ(made.expires / kNsPerSecond, given_to(kLease).given.expires_at / kNsPerSecond);
    const auto opened =
        ask_for<Opened>(OpenToken{identity::TokenUse::aws, made.session_token, made.access_key_id});
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened.value().claims.connection, "reports-ro/" + made.access_key_id);
    EXPECT_EQ(opened.value().secret.text(), made.secret_access_key.text());

    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].kind, model::RecordKind::credential);
    const auto record = codec::cbor_decode(records[0].payload).value();
    const codec::Value& observed = *record.find("observed");
    EXPECT_EQ(observed.text("key_id"), "ASIAGIVEN");
    EXPECT_EQ(observed.text("minted_key_id"), made.access_key_id);
    EXPECT_EQ(observed.number("answer_to"), 12);
    EXPECT_EQ(observed.text("request_id"), "");

    const upstream::Lease derived = upstream::derived_lease(kLease, made.access_key_id);
    const auto mine = request("/b/k");
    const auto named = [&](const upstream::Lease& lease, std::uint64_t sequence) {
        return recording::make_receipt(kReceiptKey, kPart, model::Sequence(sequence),
                                       upstream::intent_digest(lease.connection, mine).value());
    };
    EXPECT_EQ(sign(derived, named(derived, 20), mine), "ASIAGIVEN");
    EXPECT_EQ(sign(derived, named(derived, 20), mine), "! denied") << "replayed";
    EXPECT_EQ(sign(derived, named(kLease, 21), mine), "! denied") << "of the connection";
    EXPECT_EQ(sign(kLease, named(derived, 22), mine), "! denied");
    EXPECT_EQ(sign(kLease, named(kLease, 23), mine), "AKIABASE");
    EXPECT_FALSE(has_leaked(as_bytes(kGivenSecret)));
    ASSERT_TRUE(ask_for<Nothing>(CloseSession{kLease.session}));
    EXPECT_EQ(sign(derived, named(derived, 24), mine), "! not_found");
}

TEST_F(Takeover, given_credentials_need_a_session_and_the_recorders_proof) {
    EXPECT_EQ(ask_for<identity::Credentials>(given_to(kLease)).error().code, ErrorCode::not_found);
    open_and_prepare();
    const upstream::Lease other{model::SessionId("ns-2"), kLease.connection};
    EXPECT_EQ(ask_for<identity::Credentials>(given_to(other)).error().code, ErrorCode::not_found);
    const auto minted = ask_for<identity::Credentials>(given_to(kLease));
    ASSERT_TRUE(minted);
    const auto derived = upstream::derived_lease(kLease, minted.value().access_key_id);
    EXPECT_EQ(ask_for<identity::Credentials>(given_to(derived)).error().code, ErrorCode::not_found)
        << "none is given to a derived one";
    EXPECT_EQ(ask_for<Nothing>(Prepare{derived}).error().code, ErrorCode::not_found)
        << "the base credentials are not used for it";
    recorder = [](const Record& record) { return true_receipt(record, model::PartNo(8)); };
    EXPECT_EQ(ask_for<identity::Credentials>(given_to(kLease)).error().code, ErrorCode::denied);
}

TEST_F(Takeover, a_session_holds_a_bounded_number_of_given_credentials_and_none_past_their_time) {
    open_and_prepare();
    Adopt over = given_to(kLease);
    over.given.expires_at = system_clock().wall() - 1;
    const auto expired = ask_for<identity::Credentials>(over);
    ASSERT_TRUE(expired);
    const auto lease = upstream::derived_lease(kLease, expired.value().access_key_id);
    const auto mine = request("/b/k");
    const auto receipt =
        recording::make_receipt(kReceiptKey, kPart, model::Sequence(1),
                                upstream::intent_digest(lease.connection, mine).value());
    EXPECT_EQ(sign(lease, receipt, mine), "! not_found");
    for (std::size_t i = 0; i < upstream::Signer::kGivenMax; ++i) {
        ASSERT_TRUE(ask_for<identity::Credentials>(given_to(kLease))) << i;
    }
    EXPECT_EQ(ask_for<identity::Credentials>(given_to(kLease)).error().code, ErrorCode::exhausted);
}

TEST_F(Takeover, the_token_of_an_s3_session_travels_in_its_own_header) {
    open_and_prepare();
    const auto minted = ask_for<identity::Credentials>(given_to(kLease, "ASIAS3", true));
    ASSERT_TRUE(minted);
    const auto lease = upstream::derived_lease(kLease, minted.value().access_key_id);
    auto mine = request("/k");
    mine.signing_name = "s3express";
    const auto receipt =
        recording::make_receipt(kReceiptKey, kPart, model::Sequence(1),
                                upstream::intent_digest(lease.connection, mine).value());
    const auto made = ask_for<Signature>(Sign{lease, receipt, mine});
    ASSERT_TRUE(made) << made.error().what;
    EXPECT_EQ(http::header(made.value().headers, "x-amz-s3session-token"), "given token");
    EXPECT_EQ(http::count(made.value().headers, "x-amz-security-token"), 0u);
    EXPECT_NE(http::header(made.value().headers, "authorization").find("x-amz-s3session-token"),
              std::string_view::npos);
}

}  // namespace
}  // namespace narrows::signer
