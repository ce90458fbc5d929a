#include "evidence/verify.h"

#include <gtest/gtest.h>

#include "evidence/store_test.h"
#include "io/faulty.h"

namespace narrows::evidence {
namespace {

using testing::Map;
using testing::observed;
using testing::RecordKind;
using testing::Store;

class Verify : public ::testing::Test {
  protected:
    Report report(bool trusting = false) {
        VerifyOptions options;
        options.data_dir = "/data";
        options.checkpoints = checkpoints_;
        if (trusting) {
            options.trust = parse_trust("log " + std::string(testing::kVkey)).value();
        }
        return verify(disk_, options);
    }
    /// Whether the first wanting finding says `words`.
    static ::testing::AssertionResult finds(const Report& report, std::string_view words,
                                            FindingKind kind) {
        std::string all;
        for (const Finding& each : report.findings.kept()) {
            if (each.kind == kind && each.what.find(words) != std::string::npos) {
                return ::testing::AssertionSuccess();
            }
            all += std::string(name_of(each.kind)) + ": " + each.what + "\n";
        }
        return ::testing::AssertionFailure() << name_of(report.verdict) << "\n" << all;
    }
    void flip(const std::string& path, std::string_view at_text, std::size_t offset = 0) {
        Bytes bytes = disk_.content(path);
        const auto found = as_text(bytes).find(at_text);
        ASSERT_NE(found, std::string_view::npos) << path;
        bytes[found + offset] ^= 1;
        disk_.set_content(path, bytes);
    }
    std::string segment(const char* lane) {
        const auto names = disk_.list("/data/journal").value();
        for (const std::string& name : names) {
            if (name.starts_with(lane) &&
                as_text(disk_.content("/data/journal/" + name)).find("observed") !=
                    std::string_view::npos) {
                return "/data/journal/" + name;
            }
        }
        for (const std::string& name : names) {
            if (name.starts_with(lane)) return "/data/journal/" + name;
        }
        return {};
    }

    io::FaultyFileSystem disk_;
    std::vector<std::string> checkpoints_;
};

TEST_F(Verify, a_clean_store_is_consistent_and_with_trust_verified) {
    Store store(disk_);
    testing::fill(store);
    const Report plain = report();
    EXPECT_EQ(plain.verdict, Verdict::consistent) << plain.findings.kept().front().what;
    EXPECT_EQ(plain.findings.count(), 0u);
    EXPECT_EQ(plain.checked.operations, 3u);
    EXPECT_EQ(plain.checked.allowed, 1u);
    EXPECT_EQ(plain.checked.bodies, 2u);
    EXPECT_EQ(plain.checked.parts, 2u);
    EXPECT_GT(plain.checked.log_heads, 2u);
    EXPECT_EQ(plain.signers, std::vector<std::string>{std::string(testing::kVkey)});
    EXPECT_EQ(report(true).verdict, Verdict::verified);
}

TEST_F(Verify, nothing_there_cannot_be_told) {
    EXPECT_EQ(report().verdict, Verdict::cannot_tell);
}

TEST_F(Verify, another_key_cannot_tell) {
    Store store(disk_);
    testing::fill(store);
    VerifyOptions options;
    options.data_dir = "/data";
    options.trust =
        parse_trust("log PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
            .value();
    const Report found = verify(disk_, options);
    EXPECT_EQ(found.verdict, Verdict::cannot_tell);
    EXPECT_TRUE(finds(found, "not signed by any log key", FindingKind::missing_key));
}

TEST_F(Verify, too_few_witnesses_leave_it_unverified) {
    Store store(disk_);
    testing::fill(store);
    VerifyOptions options;
    options.data_dir = "/data";
    options.trust = parse_trust("log " + std::string(testing::kVkey) +
                                "\nwitness witness.example/w1+40e99145+BADQWh0eolE5bVV6+9RYizxtmdvr"
                                "ly/tEKMlYuom3Nz6\nquorum 1\n")
                        .value();
    EXPECT_EQ(verify(disk_, options).verdict, Verdict::consistent);
}

/// Two witnesses, and a trust file that demands so many of them.
class Witnesses {
  public:
    static Cosigner witness(std::uint8_t number) {
        return Cosigner::make(
                   KeySigner::make("w.example/" + std::to_string(number),
                                   crypto::SigningKey::from_seed(Secret(Bytes(32, number))).value())
                       .value())
            .value();
    }
    static VerifyOptions demanding(int quorum) {
        VerifyOptions options;
        options.data_dir = "/data";
        options.trust =
            parse_trust("log " + std::string(testing::kVkey) + "\nwitness " +
                        vkey_text(witness(1).key()) + "\nwitness " + vkey_text(witness(2).key()) +
                        "\nquorum " + std::to_string(quorum))
                .value();
        return options;
    }
    /// What witness `number` says of the store's log as it is now, as a log entry.
    static Entry said(Store& store, std::uint8_t number, std::int64_t at) {
        Cosigner signer = witness(number);
        const Note note = parse_note(store.checkpoint()).value();
        const NoteSignature line = signer.cosign(note.text, at).value();
        const std::uint64_t size = parse_checkpoint(note.text).value().size;
        return {9, CosignEntry{"a" + std::to_string(number), vkey_text(signer.key()), size, at,
                               line.bytes}};
    }
    /// The store's newest checkpoint with cosignatures of witnesses 1 and 2.
    static Bytes cosigned(Store& store) {
        Note note = parse_note(store.checkpoint()).value();
        note.signatures.push_back(witness(1).cosign(note.text, 100).value());
        note.signatures.push_back(witness(2).cosign(note.text, 101).value());
        return to_bytes(note_bytes(note));
    }
};

TEST_F(Verify, a_quorum_of_witnesses_on_the_log_itself_makes_it_verified) {
    Store store(disk_);
    testing::fill(store, [](Store& filled) {
        const Entry first = Witnesses::said(filled, 1, 100);
        const Entry second = Witnesses::said(filled, 2, 102);
        filled.add(first);
        filled.add(second);
        filled.add(Witnesses::said(filled, 1, 110));
    });
    const Report found = verify(disk_, Witnesses::demanding(2));
    EXPECT_EQ(found.verdict, Verdict::verified) << found.findings.kept().front().what;
    EXPECT_EQ(found.witnesses.size(), 2u);
    EXPECT_EQ(found.anchored_at, 102);
    EXPECT_EQ(found.witnessed_size + 3, found.log_size);
    EXPECT_EQ(verify(disk_, Witnesses::demanding(1)).anchored_at, 110) << "one is enough there";
    EXPECT_EQ(report().witnesses.size(), 0u) << "without trust nobody counts";
}

TEST_F(Verify, too_few_of_two_are_counted_and_named) {
    Store store(disk_);
    testing::fill(store, [](Store& filled) { filled.add(Witnesses::said(filled, 1, 100)); });
    const Report found = verify(disk_, Witnesses::demanding(2));
    EXPECT_EQ(found.verdict, Verdict::consistent);
    EXPECT_TRUE(finds(found, "1 of the 2 witnesses", FindingKind::missing_key));
}

TEST_F(Verify, a_cosignature_of_another_tree_does_not_count) {
    Store store(disk_);
    testing::fill(store, [](Store& filled) {
        Entry forged = Witnesses::said(filled, 1, 100);
        --std::get<CosignEntry>(forged.body).size;
        filled.add(forged);
        Entry later = Witnesses::said(filled, 1, 100);
        std::get<CosignEntry>(later.body).signature[7] ^= 1;  // another time than was signed
        filled.add(later);
    });
    const Report found = verify(disk_, Witnesses::demanding(1));
    EXPECT_EQ(found.verdict, Verdict::consistent);
    EXPECT_TRUE(finds(found, "0 of the 1 witnesses", FindingKind::missing_key));
}

TEST_F(Verify, a_cosignature_of_entries_still_to_come_is_disorder) {
    Store store(disk_);
    testing::fill(store, [](Store& filled) {
        Entry ahead = Witnesses::said(filled, 1, 100);
        std::get<CosignEntry>(ahead.body).size += 5;
        filled.add(ahead);
    });
    EXPECT_TRUE(finds(report(), "what cannot be", FindingKind::disorder));
}

TEST_F(Verify, the_cosigned_note_beside_the_log_counts_and_must_fit_it) {
    Store store(disk_);
    Bytes note;
    testing::fill(store, [&](Store& filled) { note = Witnesses::cosigned(filled); });
    EXPECT_EQ(verify(disk_, Witnesses::demanding(2)).verdict, Verdict::consistent);
    disk_.set_content("/data/log/cosigned", note);
    const Report found = verify(disk_, Witnesses::demanding(2));
    EXPECT_EQ(found.verdict, Verdict::verified) << found.findings.kept().front().what;
    EXPECT_EQ(found.anchored_at, 101);

    Note other = parse_note(as_text(note)).value();
    Checkpoint wrong = parse_checkpoint(other.text).value();
    wrong.root[0] ^= 1;
    KeySigner signer = KeySigner::parse_skey(testing::kSkey).value();
    disk_.set_content("/data/log/cosigned",
                      to_bytes(note_bytes(sign_note(checkpoint_text(wrong), signer).value())));
    EXPECT_TRUE(finds(report(), "does not begin with the checkpoint", FindingKind::truncation));
    disk_.set_content("/data/log/cosigned", to_bytes(std::string_view("garbage")));
    EXPECT_TRUE(finds(report(), "no signed checkpoint", FindingKind::tampering));
}

TEST_F(Verify, a_log_rolled_back_behind_its_cosigned_note_is_found) {
    Store store(disk_);
    Bytes old;
    Bytes note;
    testing::fill(store, [&](Store& filled) {
        old = disk_.content("/data/log/checkpoint");
        note = Witnesses::cosigned(filled);
    });
    disk_.set_content("/data/log/cosigned", note);
    EXPECT_EQ(report().verdict, Verdict::consistent);
    disk_.set_content("/data/log/checkpoint", old);
    EXPECT_EQ(report().log_size,
              parse_checkpoint(parse_note(as_text(note)).value().text).value().size)
        << "the newer of the two is the log's head";
}

TEST_F(Verify, a_changed_record_is_found_with_its_place) {
    Store store(disk_);
    testing::fill(store);
    flip(segment("control"), "ReadReports");
    const Report found = report();
    EXPECT_EQ(found.verdict, Verdict::wanting);
    EXPECT_FALSE(found.findings.kept().front().place.file.empty());
    EXPECT_GT(found.findings.kept().front().place.offset, 0u);
}

TEST_F(Verify, a_changed_body_is_found) {
    Store store(disk_);
    testing::fill(store);
    flip(segment("bulk"), "world");
    EXPECT_EQ(report().verdict, Verdict::wanting);
}

TEST_F(Verify, a_changed_log_is_found) {
    Store store(disk_);
    testing::fill(store);
    for (const char* path :
         {"/data/log/checkpoint", "/data/log/tile/0/000.p/5", "/data/log/tile/entries/000.p/5"}) {
        Bytes bytes = disk_.content(path);
        ASSERT_FALSE(bytes.empty()) << path;
        const Bytes whole = bytes;
        bytes[bytes.size() - 12] ^= 4;
        disk_.set_content(path, bytes);
        EXPECT_EQ(report().verdict, Verdict::wanting) << path;
        disk_.set_content(path, whole);
    }
    EXPECT_EQ(report().verdict, Verdict::consistent);
}

TEST_F(Verify, a_cut_tail_is_found_by_the_log) {
    Store store(disk_);
    testing::fill(store);
    const std::string path = segment("control");
    Bytes bytes = disk_.content(path);
    const auto last = as_text(bytes).rfind("ReadReports");
    std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(last / 4096 * 4096), bytes.end(), 0);
    disk_.set_content(path, bytes);
    const Report found = report();
    EXPECT_EQ(found.verdict, Verdict::wanting);
    EXPECT_TRUE(finds(found, "where the log vouches for", FindingKind::truncation));
}

TEST_F(Verify, a_removed_journal_is_named) {
    Store store(disk_);
    testing::fill(store);
    const auto names = disk_.list("/data/journal").value();
    for (const std::string& name : names) {
        ASSERT_TRUE(disk_.remove("/data/journal/" + name));
    }
    EXPECT_TRUE(finds(report(), "of session " + testing::kSession, FindingKind::truncation));
}

TEST_F(Verify, a_rolled_back_log_is_found_by_a_kept_checkpoint) {
    Store store(disk_);
    store.begin("");
    const std::string older = store.checkpoint();
    testing::fill(store);
    checkpoints_ = {older};
    EXPECT_EQ(report().verdict, Verdict::consistent);
    checkpoints_ = {to_string(disk_.content("/data/log/checkpoint"))};
    disk_.set_content("/data/log/checkpoint", to_bytes(older));
    EXPECT_TRUE(finds(report(), "does not begin with the checkpoint", FindingKind::truncation));
}

TEST_F(Verify, names_what_must_not_follow_what) {
    struct Case {
        const char* words;
        std::function<void(Store&)> records;
    };
    const std::vector<Case> cases = {
        {"has no INTENT", [](Store& s) { s.sent(99); }},
        {"was denied, yet a SENT", [](Store& s) { s.sent(s.intent("deny")); }},
        {"was denied, yet a SECRETS",
         [](Store& s) {
             s.put(RecordKind::secrets, observed({{"op", s.intent("deny")}}), journal::Lane::bulk);
         }},
        {"has a RESULT without a SENT", [](Store& s) { s.result(s.intent("allow"), ""); }},
        {"has a response body without a SENT", [](Store& s) { s.body(s.intent("allow"), 0, "x"); }},
        {"was held for approval, yet a SENT", [](Store& s) { s.sent(s.intent("hold")); }},
        {"has no RESULT, NOT_SENT or UNKNOWN", [](Store& s) { s.intent("allow"); }},
        {"is over or has no INTENT", [](Store& s) { s.result(s.operation(), "x"); }},
        {"carries no decision", [](Store& s) { s.intent("maybe"); }},
        {"an OPEN stands inside", [](Store& s) { s.put(RecordKind::open, observed({})); }},
        {"cannot be decoded",
         [](Store& s) {
             s.put(RecordKind::notice, Map{{"x", 1}});
         }},
        {"piece 1 of operation", [](Store& s) {
             const auto op = s.intent("allow");
             s.sent(op);
             s.body(op, 1, "x");
             s.result(op, "x");
         }}};
    for (const Case& each : cases) {
        io::FaultyFileSystem disk;
        Store store(disk);
        store.begin();
        each.records(store);
        store.close();
        store.stop();
        EXPECT_TRUE(finds(verify(disk, {.data_dir = "/data"}), each.words, FindingKind::disorder))
            << each.words;
    }
}

TEST_F(Verify, a_body_that_is_not_the_one_stated_is_found) {
    Store store(disk_);
    store.begin();
    const auto op = store.intent("allow");
    store.sent(op);
    store.body(op, 0, "hello");
    store.result(op, "jello");
    const auto other = store.intent("allow");
    store.sent(other);
    store.result(other, "hello");
    store.close();
    store.stop();
    EXPECT_TRUE(finds(report(), "does not have the SHA-256", FindingKind::tampering));
    EXPECT_TRUE(finds(report(), "has 0 bytes on record where 5", FindingKind::tampering));
}

TEST_F(Verify, a_streamed_upload_is_as_long_as_its_result_says) {
    Store store(disk_);
    store.begin();
    const auto op = store.intent("allow", Map{{"size", 300}, {"inline", "records"}});
    store.body(op, 0, "hello", "request");
    store.sent(op);
    store.body(op, 1, "", "request");
    store.put(RecordKind::result,
              observed({{"op", op}, {"outcome", "answered"}, {"bytes_request", 5}}));
    store.close();
    store.stop();
    EXPECT_EQ(report().verdict, Verdict::consistent);
    EXPECT_EQ(report().checked.bodies, 1u);
}

TEST_F(Verify, a_declared_loss_is_no_defect_and_an_undeclared_one_is) {
    for (const bool declared : {true, false}) {
        io::FaultyFileSystem disk;
        Store store(disk);
        store.begin();
        const auto op = store.intent("allow");
        store.sent(op);
        store.put(RecordKind::notice, observed({{"what", "x"}}));
        if (declared) {
            store.put(RecordKind::gap, observed({{"first", 2}, {"last", 2}, {"why", "power"}}));
        }
        store.put(RecordKind::unknown, observed({{"op", op}, {"why", "restart"}}));
        store.close("interrupted");
        store.stop();
        for (const auto names = disk.list("/data/journal").value(); const auto& name : names) {
            if (name.starts_with("bulk")) ASSERT_TRUE(disk.remove("/data/journal/" + name));
        }
        const Report found = verify(disk, {.data_dir = "/data"});
        EXPECT_EQ(found.verdict, declared ? Verdict::consistent : Verdict::wanting)
            << (found.findings.count() == 0 ? "" : found.findings.kept().front().what);
        EXPECT_EQ(found.findings.has(FindingKind::loss), declared);
    }
}

TEST_F(Verify, an_interrupted_part_and_wrong_counts) {
    Store store(disk_);
    store.begin();
    store.intent("allow");
    store.close("interrupted");
    store.begin();
    store.close_with(observed({{"reason", "ended"}, {"counts", Map{{"OPEN", 2}}}}));
    store.stop();
    EXPECT_TRUE(finds(report(), "counts other records", FindingKind::disorder));
    EXPECT_EQ(report().findings.wanting(), 1u);
}

TEST_F(Verify, records_after_close_are_found) {
    Store store(disk_);
    store.begin();
    store.close();
    store.put(RecordKind::notice, observed({{"what", "late"}}));
    store.stop();
    EXPECT_TRUE(finds(report(), "follows the part's CLOSE", FindingKind::disorder));
}

TEST_F(Verify, a_store_that_is_still_written_is_consistent) {
    Store store(disk_);
    store.begin();
    store.operation();
    store.intent("allow");
    store.interval();
    const Report found = report(true);
    EXPECT_EQ(found.verdict, Verdict::verified);
    EXPECT_EQ(found.checked.parts_open, 1u);
    store.stop();
}

TEST_F(Verify, a_declared_disk_fault_is_no_defect) {
    Store store(disk_);
    store.begin();
    store.fail_a_sync(disk_, [&] { store.intent("deny"); });
    store.close();
    store.stop();
    ASSERT_NE(as_text(disk_.content("/data/journal/control-00000002.nj")).find("VOLUME_FAULT"),
              std::string_view::npos);
    EXPECT_EQ(report(true).verdict, Verdict::verified);
}

TEST_F(Verify, a_hole_is_a_note_only_behind_what_the_log_vouches_for) {
    for (const bool vouched : {false, true}) {
        io::FaultyFileSystem disk;
        Store store(disk);
        store.begin();
        const auto op = store.intent("allow");
        store.interval();
        store.sent(op);
        const std::string bulk = "/data/journal/bulk-00000001.nj";
        const Bytes early = disk.content(bulk);
        store.result(op, "");
        store.intent("deny");
        if (vouched) store.interval();
        store.stop();
        disk.set_content(bulk, early);  // copied a moment before the other lane
        const Report found = verify(disk, {.data_dir = "/data"});
        EXPECT_EQ(found.verdict, vouched ? Verdict::wanting : Verdict::consistent);
        EXPECT_TRUE(finds(found, vouched ? "no GAP declares" : "not there (yet)",
                          vouched ? FindingKind::truncation : FindingKind::note));
    }
}

TEST_F(Verify, a_log_that_has_grown_since_its_checkpoint_was_copied) {
    Store store(disk_);
    store.begin();
    const Bytes early = to_bytes(store.checkpoint());
    for (int i = 0; i < 3; ++i) {
        store.intent("deny");
        store.interval();
    }
    store.stop();
    disk_.set_content("/data/log/checkpoint", early);
    EXPECT_EQ(report(true).verdict, Verdict::verified);
}

TEST_F(Verify, a_kept_checkpoint_counts_whatever_became_of_the_log) {
    Store store(disk_);
    testing::fill(store);
    io::FaultyFileSystem elsewhere;
    KeySigner other = KeySigner::make("narrows/gw-1", crypto::SigningKey::generate()).value();
    auto log = Log::open(elsewhere, "/data/log", "narrows/gw-1", other, 1).value();
    for (int i = 0; i < 9; ++i) {
        const Entry beat{i, HeartbeatEntry{}};
        ASSERT_TRUE(log->append({&beat, 1}));
    }
    const std::string foreign = log->checkpoint().value().note;
    checkpoints_ = {foreign};
    EXPECT_EQ(report(true).verdict, Verdict::wanting);  // of another key, and another root
    checkpoints_ = {"no note"};
    EXPECT_EQ(report(true).verdict, Verdict::cannot_tell);
    checkpoints_ = {to_string(disk_.content("/data/log/checkpoint"))};
    ASSERT_TRUE(disk_.remove("/data/log/checkpoint"));
    EXPECT_EQ(report(true).verdict, Verdict::wanting);
    checkpoints_.clear();
    EXPECT_EQ(report(true).verdict, Verdict::cannot_tell);
}

TEST_F(Verify, every_flipped_byte_of_the_log_and_of_records_is_found) {
    Store store(disk_);
    testing::fill(store);
    for (const char* path :
         {"/data/log/checkpoint", "/data/log/tile/0/000.p/5", "/data/log/tile/entries/000.p/5"}) {
        const Bytes whole = disk_.content(path);
        for (std::size_t at = 0; at < whole.size(); ++at) {
            Bytes bytes = whole;
            bytes[at] ^= 0x20;
            disk_.set_content(path, bytes);
            const Verdict verdict = report(true).verdict;
            EXPECT_TRUE(verdict == Verdict::wanting || verdict == Verdict::cannot_tell)
                << path << " at " << at << ": " << name_of(verdict);
        }
        disk_.set_content(path, whole);
    }
}

}  // namespace
}  // namespace narrows::evidence
