#include "evidence/bundle.h"

#include <gtest/gtest.h>

#include "evidence/bundle_export.h"
#include "evidence/checkpoint.h"
#include "evidence/note.h"
#include "evidence/store_test.h"
#include "evidence/tar.h"
#include "evidence/tlog_proof.h"
#include "io/faulty.h"

namespace narrows::evidence {
namespace {

using codec::List;
using codec::Value;
using testing::Map;
using testing::observed;
using testing::RecordKind;
using testing::Store;

TEST(Tar, a_header_is_the_one_that_python_writes) {
    // hashlib.sha256(tarfile.TarInfo("parts/00000007"), size 5, ustar, .tobuf())
    EXPECT_EQ(codec::hex(crypto::sha256(tar_header("parts/00000007", 5))),
              "081d6fdb9f9794ef154550db7c3a1bf6da66e316f809c0715d2944c964d3cfe1");
    const auto member = decode_tar_header(tar_header("parts/00000007", 5)).value();
    ASSERT_TRUE(member);
    EXPECT_EQ(member->name, "parts/00000007");
    EXPECT_EQ(member->size, 5u);
    EXPECT_TRUE(member->is_file);
    EXPECT_FALSE(decode_tar_header(Bytes(kTarBlock, 0)).value());
}

TEST(Tar, a_changed_header_is_refused) {
    for (std::size_t at = 0; at < kTarBlock; ++at) {
        Bytes header = tar_header("parts/00000007", 5);
        header[at] ^= 1;
        EXPECT_FALSE(decode_tar_header(header)) << at;
    }
    EXPECT_FALSE(decode_tar_header(Bytes(100, 0)));
}

TEST(TlogProof, the_form_is_that_of_the_specification) {
    Hash one{};
    one.fill(1);
    const TlogProof proof{to_bytes(std::string_view("x")), 73894, {one}, "log\n1\nA\n\n- s\n"};
    const std::string text =
        "c2sp.org/tlog-proof@v1\nextra eA==\nindex 73894\n"
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\nlog\n1\nA\n\n- s\n";
    EXPECT_EQ(encode_tlog_proof(proof), text);
    EXPECT_EQ(decode_tlog_proof(as_bytes(text)).value(), proof);
    EXPECT_EQ(decode_tlog_proof(as_bytes("c2sp.org/tlog-proof@v1\nindex 0\n\nc")).value().index,
              0u);
}

TEST(TlogProof, what_is_none_is_refused) {
    for (const char* text :
         {"", "c2sp.org/tlog-proof@v2\nindex 0\n\nc", "c2sp.org/tlog-proof@v1\n\nc",
          "c2sp.org/tlog-proof@v1\nindex 01\n\nc", "c2sp.org/tlog-proof@v1\nindex 1\nAQ==\n\nc",
          "c2sp.org/tlog-proof@v1\nindex 1\n", "c2sp.org/tlog-proof@v1\nextra *\nindex 1\n\nc"}) {
        EXPECT_FALSE(decode_tlog_proof(as_bytes(text))) << text;
    }
}

TEST(Disclosure, paths_for_people) {
    const List path{"observed", "request", "headers", 3};
    EXPECT_EQ(path_text(path), "observed/request/headers/3");
    EXPECT_EQ(path_text({"a/b", "~"}), "a~1b/~0");
    EXPECT_TRUE(leads_to("observed/request", path));
    EXPECT_TRUE(leads_to("observed/request/headers/3", path));
    EXPECT_FALSE(leads_to("observed/req", path));
    EXPECT_FALSE(leads_to("observed/request/headers/3/0", path));
}

/// A payload with everything that makes fields: a map, a list, a long byte string, a null.
Bytes sample_payload() {
    return codec::cbor_encode(Map{{"a", Map{{"n", nullptr}, {"list", List{1, List{}, "x"}}}},
                                  {"bytes", Bytes(9000, 7)},
                                  {"empty", Map{}}});
}

/// All fields of it, those withheld that `hide` names.
Disclosure disclose(ByteView payload, std::string_view hide) {
    const Fields fields = Fields::of(payload).value();
    Disclosure disclosure;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        DisclosedField shown;
        shown.salt.fill(static_cast<std::uint8_t>(i));
        fields.append_field(shown.field, i);
        List path = path_of(fields.path(i)).value();
        if (!hide.empty() && leads_to(hide, path)) {
            disclosure.emplace_back(
                WithheldField{field_commitment(shown.salt, shown.field), std::move(path)});
        } else {
            disclosure.emplace_back(std::move(shown));
        }
    }
    return disclosure;
}

TEST(Disclosure, all_fields_give_the_payload_back) {
    const Disclosure whole = disclose(sample_payload(), "");
    EXPECT_EQ(whole.size(), 8u);  // n, three of list, three blocks, empty
    EXPECT_EQ(payload_of(whole).value(), sample_payload());
    EXPECT_EQ(disclosure_of(value_of(whole)).value(), whole);
}

TEST(Disclosure, a_withheld_field_leaves_the_commitment_as_it_was) {
    const Disclosure whole = disclose(sample_payload(), "");
    Disclosure some = disclose(sample_payload(), "bytes");
    EXPECT_EQ(commitment_of(some), commitment_of(whole));
    EXPECT_EQ(payload_of(some).error().code, ErrorCode::not_found);
    EXPECT_EQ(withheld_paths(some), std::vector<std::string>{"bytes"});
    EXPECT_EQ(disclosure_of(value_of(some)).value(), some);
    std::get<DisclosedField>(some.front()).salt[0] ^= 1;
    EXPECT_NE(commitment_of(some), commitment_of(whole));
}

TEST(Disclosure, fields_that_do_not_fit_each_other_are_refused) {
    const auto shown = [](Value path, Value value) {
        return DisclosedField{{}, codec::cbor_encode(List{std::move(path), std::move(value)})};
    };
    const std::vector<Disclosure> bad = {
        {shown(List{"a"}, 1), shown(List{"a"}, 2)},
        {shown(List{"a"}, 1), shown(List{"a", "b"}, 2)},
        {shown(List{"a", 1}, 1)},
        {shown(List{"a", 0}, 1), shown(List{"a", "b"}, 1)},
        {shown(List{"a", -1}, "text")},
        {shown(List{"a", true}, 1)},
        {shown("a", 1)},
        {shown(List{"a", "b", "c", "d", "e", "f"}, 1)},
    };
    for (const Disclosure& each : bad) {
        EXPECT_FALSE(payload_of(each)) << &each - bad.data();
    }
}

TEST(Bundle, manifests) {
    const BundleManifest manifest{"narrows/gw-1", "ns-a",  {model::PartNo(2), model::PartNo(5)},
                                  BundleKeys::to, "age1x", {}};
    const std::string text =
        R"({"format":"narrows-bundle-v1","keys":"to","origin":"narrows/gw-1","parts":[2,5],)"
        R"("recipient":"age1x","session":"ns-a"})"
        "\n";
    EXPECT_EQ(encode_manifest(manifest), text);
    EXPECT_EQ(decode_manifest(as_bytes(text)).value(), manifest);
    for (const auto& [from, to] :
         std::vector<std::pair<std::string, std::string>>{{"bundle-v1", "bundle-v2"},
                                                          {"[2,5]", "[5,2]"},
                                                          {"[2,5]", "[]"},
                                                          {"[2,5]", "[0]"},
                                                          {"[2,5]", "[2,2]"},
                                                          {"\"to\"", "\"so\""},
                                                          {"\"ns-a\"", "\"\""},
                                                          {"[2,5]", "2"}}) {
        std::string changed = text;
        changed.replace(changed.find(from), from.size(), to);
        EXPECT_FALSE(decode_manifest(as_bytes(changed))) << changed;
    }
}

class BundleOf : public ::testing::Test {
  protected:
    BundleOf() : reviewer_(crypto::AgeIdentity::generate()) {}

    /// A store with one session in part 2, sealed.
    void fill(const std::function<void(Store&)>& more = nullptr) {
        Store store(disk_, "/data", {{reviewer_.recipient()}, {reviewer_.recipient()}, {}});
        testing::fill(store, more);
        keys_.emplace(disk_, "/data");
        EXPECT_TRUE(keys_->add(reviewer_.text().text()));
    }
    BundleRequest request(BundleKeys keys, std::vector<std::string> redact = {}) const {
        return {"/data", testing::kSession,     {model::PartNo(2)},
                keys,    reviewer_.recipient(), std::move(redact),
                {}};
    }
    Result<BundleCounts> write(const BundleRequest& request) {
        EXPECT_TRUE(disk_.make_directory("/b"));
        const auto sink = folder_sink(disk_, "/b");
        auto counts = write_bundle(disk_, *keys_, request, *sink);
        if (!counts) {
            sink->abandon();
        }
        return counts;
    }
    Report check(const std::string& path = "/b", bool with_key = true) {
        VerifyOptions options{.data_dir = path,
                              .archive = {},
                              .trust = parse_trust("log " + std::string(testing::kVkey)).value(),
                              .checkpoints = {},
                              .keys = {},
                              .progress = {}};
        if (with_key) {
            options.keys.push_back(std::string(reviewer_.text().text()));
        }
        return verify(disk_, options);
    }
    static std::string words(const Report& report) {
        std::string all = name_of(report.verdict);
        for (const Finding& each : report.findings.kept()) {
            all += "\n" + std::string(name_of(each.kind)) + ": " + each.what;
        }
        return all;
    }

    io::FaultyFileSystem disk_;
    crypto::AgeIdentity reviewer_;
    std::optional<KeyRing> keys_;
};

TEST_F(BundleOf, a_session_verifies_in_every_way) {
    fill();
    for (const BundleKeys keys :
         {BundleKeys::original, BundleKeys::to, BundleKeys::open, BundleKeys::none}) {
        const std::string name = "/bundle-" + std::to_string(static_cast<int>(keys)) + ".tar";
        const auto sink = tar_sink(disk_, name).value();
        const auto counts = write_bundle(disk_, *keys_, request(keys), *sink);
        ASSERT_TRUE(counts) << counts.error().what;
        EXPECT_EQ(counts.value().records, 10u);
        const Report report = check(name);
        EXPECT_EQ(report.verdict, Verdict::verified) << words(report);
        EXPECT_EQ(report.checked.records, 10u);
        EXPECT_EQ(report.checked.bodies, 2u);
        EXPECT_EQ(report.checked.sealed, 0u);
        EXPECT_EQ(report.checked.log_heads, 1u);
    }
}

TEST_F(BundleOf, a_redacted_one_verifies_without_a_key_and_says_what_is_missing) {
    fill();
    const auto counts = write(request(BundleKeys::none, {"bodies", "derived/parameters/Key"}));
    ASSERT_TRUE(counts) << counts.error().what;
    const Report report = check("/b", false);
    EXPECT_EQ(report.verdict, Verdict::verified) << words(report);
    const std::string all = words(report);
    EXPECT_NE(all.find("withheld in 3 records, 1 to 8: INTENT derived/parameters/Key"),
              std::string::npos)
        << all;
    EXPECT_NE(all.find("BODY bytes"), std::string::npos) << all;
    EXPECT_EQ(to_string(disk_.content("/b/parts/00000002")).find("world"), std::string::npos);
}

TEST_F(BundleOf, no_key_no_redaction) {
    fill();
    keys_.emplace(disk_, "/data");
    EXPECT_EQ(write(request(BundleKeys::none, {"bodies"})).error().code, ErrorCode::not_found);
    EXPECT_EQ(write(request(BundleKeys::to)).error().code, ErrorCode::not_found);
    EXPECT_FALSE(disk_.exists("/b/parts/00000002").value());
}

TEST_F(BundleOf, a_path_that_meets_nothing_is_an_error) {
    fill();
    EXPECT_EQ(write(request(BundleKeys::none, {"derived/parametrs"})).error().code,
              ErrorCode::invalid);
    EXPECT_FALSE(disk_.exists("/b/manifest.json").value());
}

TEST_F(BundleOf, every_changed_byte_is_found) {
    fill();
    ASSERT_TRUE(write(request(BundleKeys::original)));
    for (const char* name : {"parts/00000002", "log/excerpt", "log/checkpoint"}) {
        const std::string path = std::string("/b/") + name;
        const Bytes whole = disk_.content(path);
        for (std::size_t at = 0; at < whole.size(); at += 3) {
            Bytes changed = whole;
            changed[at] ^= 0x10;
            disk_.set_content(path, changed);
            const Verdict verdict = check("/b", false).verdict;
            EXPECT_NE(verdict, Verdict::verified) << path << " " << at;
            EXPECT_NE(verdict, Verdict::consistent) << path << " " << at;
        }
        disk_.set_content(path, whole);
    }
    EXPECT_EQ(check().verdict, Verdict::verified);
}

TEST_F(BundleOf, a_session_in_two_parts_needs_both) {
    Store store(disk_);
    const auto part = [&](std::uint64_t predecessor, const char* reason) {
        store.begin();
        store.operation();
        store.close(reason);
        (void)predecessor;
    };
    part(0, "drained");
    part(1, "ended");
    store.stop();
    keys_.emplace(disk_, "/data");
    BundleRequest both = request(BundleKeys::original);
    both.parts = {model::PartNo(1), model::PartNo(2)};
    ASSERT_TRUE(write(both));
    EXPECT_EQ(check().verdict, Verdict::verified) << words(check());
    EXPECT_TRUE(disk_.remove("/b/parts/00000002"));
    EXPECT_EQ(check().verdict, Verdict::wanting);
    std::string manifest = to_string(disk_.content("/b/manifest.json"));
    manifest.replace(manifest.find("[1,2]"), 5, "[1]");
    disk_.set_content("/b/manifest.json", to_bytes(manifest));
    EXPECT_EQ(check().verdict, Verdict::wanting) << words(check());  // its OPEN is in the excerpt
}

Cosigner witness(std::uint8_t number) {
    const auto key = [&] { return crypto::SigningKey::from_seed(Secret(Bytes(32, number))); };
    return Cosigner::make(
               KeySigner::make("w.example/" + std::to_string(number), key().value()).value())
        .value();
}

/// What a witness says of the log as it is, as an entry of it.
Entry said(const std::string& checkpoint, std::uint8_t number) {
    const Note note = parse_note(checkpoint).value();
    Cosigner signer = witness(number);
    return {9, CosignEntry{"a", vkey_text(signer.key()), parse_checkpoint(note.text).value().size,
                           100 + number, signer.cosign(note.text, 100 + number).value().bytes}};
}

TEST_F(BundleOf, witnesses_of_an_earlier_tree_count) {
    fill([](Store& store) {
        const std::string checkpoint = store.checkpoint();
        store.add(said(checkpoint, 1));
        store.add(said(checkpoint, 2));
        store.add(said(store.checkpoint(), 1));
    });
    ASSERT_TRUE(write(request(BundleKeys::original)));
    VerifyOptions options{.data_dir = "/b",
                          .archive = {},
                          .trust = parse_trust("log " + std::string(testing::kVkey) + "\nwitness " +
                                               vkey_text(witness(1).key()) + "\nwitness " +
                                               vkey_text(witness(2).key()) + "\nquorum 2\n")
                                       .value(),
                          .checkpoints = {},
                          .keys = {},
                          .progress = {}};
    const Report report = verify(disk_, options);
    EXPECT_EQ(report.verdict, Verdict::verified) << words(report);
    EXPECT_EQ(report.witnessed_size + 3, report.log_size);
    EXPECT_EQ(report.anchored_at, 102);
    Bytes note = disk_.content("/b/log/cosigned");
    const std::string_view text = as_text(note);
    note[text.find('\n', text.find('\n') + 1) + 1] ^= 1;  // the root
    disk_.set_content("/b/log/cosigned", note);
    EXPECT_EQ(verify(disk_, options).verdict, Verdict::wanting);
    EXPECT_TRUE(disk_.remove("/b/log/cosigned"));
    EXPECT_EQ(verify(disk_, options).verdict,
              Verdict::consistent);  // nothing ties their tree to it
}

Entry hold(bool released, std::int64_t at) {
    const crypto::SigningKey key = crypto::SigningKey::from_seed(Secret(Bytes(32, 9))).value();
    const VerifierKey officer =
        make_verifier_key("officer", KeyType::ed25519, key.public_key()).value();
    HoldEntry entry{released, testing::kSession, "a case", vkey_text(officer), at, {}};
    const std::string text = hold_text(journal::testing::kOrigin, entry);
    entry.signature = to_bytes(ByteView(key.sign(as_bytes(text))));
    return {9, std::move(entry)};
}

class Shredded : public BundleOf, public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(UnderHoldOrNot, Shredded, ::testing::Bool());

TEST_P(Shredded, holds_and_shredding_come_along) {
    const bool released = GetParam();
    const std::string file = "/data/keys/00000002.bodies.age";
    fill([&](Store& store) {
        store.add(hold(false, 1));
        if (released) {
            store.add(hold(true, 2));
        }
        const Hash envelope = crypto::sha256(disk_.content(file));
        store.add(
            {9, ShredEntry{model::PartNo(2), testing::kSession, "bodies", envelope, "op", "over"}});
    });
    EXPECT_TRUE(disk_.remove(file));
    const auto counts = write(request(BundleKeys::original));
    ASSERT_TRUE(counts) << counts.error().what;
    EXPECT_EQ(counts.value().keys_missing, 1u);
    const Report report = check();
    EXPECT_EQ(report.verdict, released ? Verdict::verified : Verdict::wanting) << words(report);
    EXPECT_EQ(report.checked.shredded, 1u);
    EXPECT_EQ(report.checked.sealed, 2u);
}

TEST_F(BundleOf, proofs_of_records) {
    fill();
    for (std::uint64_t sequence = 0; sequence < 10; ++sequence) {
        const auto proof = make_record_proof(
            disk_, *keys_, {"/data", model::PartNo(2), sequence, sequence % 2 == 0, {}});
        ASSERT_TRUE(proof) << proof.error().what;
        disk_.set_content("/proof", to_bytes(proof.value()));
        EXPECT_EQ(check("/proof").verdict, Verdict::verified) << words(check("/proof"));
    }
    EXPECT_EQ(
        make_record_proof(disk_, *keys_, {"/data", model::PartNo(2), 10, false, {}}).error().code,
        ErrorCode::not_found);
}

}  // namespace
}  // namespace narrows::evidence
