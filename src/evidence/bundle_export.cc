#include "evidence/bundle_export.h"

#include <algorithm>

#include <fmt/format.h>

#include "evidence/redaction.h"
#include "evidence/session_log.h"
#include "evidence/tlog_proof.h"
#include "evidence/verify.h"
#include "journal/reader.h"

namespace narrows::evidence {
namespace {

class BundleWriter {
  public:
    BundleWriter(io::FileSystem& fs, KeyRing& keys, const BundleRequest& request, BundleSink& sink)
        : fs_(fs), keys_(keys), request_(request), sink_(sink), redaction_(keys, request.redact) {}

    Result<BundleCounts> run() {
        NARROWS_TRY(log_,
                    read_session_log(fs_, request_.data_dir, request_.session, request_.parts));
        for (const model::PartNo part : request_.parts) {
            NARROWS_TRY(write_part(part));
            NARROWS_TRY(write_keys(part));
        }
        if (const std::string path = redaction_.unmatched(); !path.empty()) {
            return fail(ErrorCode::invalid,
                        "no record of the session has " + path + ": nothing was withheld by it");
        }
        if (counts_.keys == 0 && counts_.keys_missing > 0 && wants_own_keys()) {
            return fail(ErrorCode::not_found,
                        "no key that was given opens the session: give --key FILE");
        }
        NARROWS_TRY(write_log());
        for (const auto& [name, text] : request_.beside) {
            NARROWS_TRY(sink_.put(name, as_bytes(text)));
        }
        NARROWS_TRY(sink_.put(std::string(kManifestName), as_bytes(encode_manifest(manifest()))));
        NARROWS_TRY(sink_.finish());
        counts_.withheld = redaction_.withheld();
        return counts_;
    }

  private:
    bool wants_own_keys() const {
        return request_.keys == BundleKeys::to || request_.keys == BundleKeys::open;
    }

    BundleManifest manifest() const {
        return {.origin = log_.origin,
                .session = request_.session,
                .parts = request_.parts,
                .keys = request_.keys,
                .recipient = request_.recipient ? request_.recipient->text() : "",
                .redacted = request_.redact};
    }

    /// The records that the log vouches for: those its newest head covers, else OPEN.
    Result<void> write_part(model::PartNo part) {
        const auto head = log_.heads.find(part);
        const std::uint64_t size = head == log_.heads.end() ? 1 : head->second.size;
        NARROWS_TRY(journal::PartIndex index,
                    journal::PartIndex::build(fs_, journal_directory(request_.data_dir), part));
        NARROWS_TRY(sink_.begin(part_file(part)));
        for (const journal::PartIndex::Entry& entry : index.entries()) {
            if (entry.sequence.value() >= size) {
                break;
            }
            NARROWS_TRY(const journal::Frame frame, index.read(entry));
            NARROWS_TRY(const BundleRecord record, record_of(frame));
            NARROWS_TRY(sink_.append(encode_record(record)));
            ++counts_.records;
        }
        return sink_.end();
    }

    Result<BundleRecord> record_of(const journal::Frame& frame) {
        if (request_.keys == BundleKeys::none) {
            return redaction_.record(log_.origin, frame);
        }
        return stored_record(frame);
    }

    Result<void> write_keys(model::PartNo part) {
        if (request_.keys == BundleKeys::none) {
            return ok();
        }
        for (const journal::KeyClass key : journal::kKeyClasses) {
            if (log_.opens[part].keys.contains(journal::name_of(key))) {
                NARROWS_TRY(write_key(part, key));
            }
        }
        return ok();
    }

    Result<void> write_key(model::PartNo part, journal::KeyClass key) {
        const Result<Secret> content = key_of(part, key);
        if (!content && content.error().code == ErrorCode::not_found) {
            ++counts_.keys_missing;
            return ok();
        }
        if (!content) {
            return fail(content.error());
        }
        ++counts_.keys;
        const bool open = request_.keys == BundleKeys::open;
        return sink_.put(key_file(part, key, open), content.value().view());
    }

    /// The content of the key's file in the bundle.
    Result<Secret> key_of(model::PartNo part, journal::KeyClass key) {
        if (request_.keys == BundleKeys::original) {
            const std::string path =
                keys_directory(request_.data_dir) + "/" + envelope_name(part, key);
            NARROWS_TRY(Bytes file, io::read_all(fs_, path, kEnvelopeMax));
            return Secret(std::move(file));
        }
        NARROWS_TRY(const Secret session_key, keys_.session_key(log_.origin, part, key));
        Secret text = envelope_text(log_.origin, part, key, session_key.view());
        if (request_.keys == BundleKeys::open) {
            return text;
        }
        NARROWS_TRY(Bytes envelope, crypto::age_encrypt({&*request_.recipient, 1}, text.view()));
        return Secret(std::move(envelope));
    }

    Result<void> write_log() {
        NARROWS_TRY(sink_.put(std::string(kBundleCheckpoint), as_bytes(log_.checkpoint)));
        if (!log_.cosigned.empty()) {
            NARROWS_TRY(sink_.put(std::string(kBundleCosigned), as_bytes(log_.cosigned)));
        }
        return sink_.put(std::string(kBundleExcerpt), encode_excerpt(log_.excerpt));
    }

    io::FileSystem& fs_;
    KeyRing& keys_;
    const BundleRequest& request_;
    BundleSink& sink_;
    Redaction redaction_;
    SessionLog log_;
    BundleCounts counts_;
};

/// Complete subtrees over leaves in memory.
NodeReader nodes_of(const std::vector<Hash>& leaves) {
    return [&leaves](unsigned level, std::uint64_t index) -> Result<Hash> {
        Frontier tree;
        const std::uint64_t width = std::uint64_t{1} << level;
        for (std::uint64_t at = index * width; at < (index + 1) * width; ++at) {
            tree.append(leaves.at(static_cast<std::size_t>(at)));
        }
        return tree.root();
    };
}

}  // namespace

Result<BundleCounts> write_bundle(io::FileSystem& fs, KeyRing& keys, const BundleRequest& request,
                                  BundleSink& sink) {
    return BundleWriter(fs, keys, request, sink).run();
}

Result<std::string> make_record_proof(io::FileSystem& fs, KeyRing& keys,
                                      const ProofRequest& request) {
    NARROWS_TRY(ProvenHead head,
                read_proven_head(fs, request.data_dir, request.part, request.sequence + 1));
    NARROWS_TRY(journal::PartIndex index,
                journal::PartIndex::build(fs, journal_directory(request.data_dir), request.part));
    Redaction redaction(keys, request.redact);
    std::vector<Hash> leaves;
    RecordProof proof{head.entry.entry, {}, {}};
    for (const journal::PartIndex::Entry& entry : index.entries()) {
        if (entry.sequence.value() != leaves.size() || leaves.size() == head.head.size) {
            break;
        }
        NARROWS_TRY(const journal::Frame frame, index.read(entry));
        leaves.push_back(journal::leaf_of(head.origin, frame));
        if (entry.sequence.value() == request.sequence) {
            NARROWS_TRY(proof.record, redaction.record_or_header(head.origin, frame, request.open));
        }
    }
    if (leaves.size() != head.head.size) {
        return fail(ErrorCode::corrupt,
                    fmt::format("record {} of part {} is missing: its root cannot be computed",
                                leaves.size(), request.part.value()));
    }
    NARROWS_TRY(proof.path, inclusion_proof(request.sequence, leaves.size(), nodes_of(leaves)));
    return encode_tlog_proof({encode_record_proof(proof), head.entry.index,
                              std::move(head.entry.proof), std::move(head.checkpoint)});
}

}  // namespace narrows::evidence
