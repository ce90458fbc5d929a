#include "evidence/key_ring.h"

#include <fmt/format.h>

#include "codec/text.h"
#include "evidence/fields.h"
#include "journal/scan.h"

namespace narrows::evidence {
namespace {

std::string envelope_head(std::string_view origin, model::PartNo part, journal::KeyClass key) {
    return fmt::format("narrows-key-v1\n{}\n{}\n{}\n", origin, part.value(), journal::name_of(key));
}

}  // namespace

Secret envelope_text(std::string_view origin, model::PartNo part, journal::KeyClass key,
                     ByteView session_key) {
    return Secret(envelope_head(origin, part, key) + codec::hex(session_key) + "\n");
}

Result<Secret> session_key_of(const Secret& envelope, std::string_view origin, model::PartNo part,
                              journal::KeyClass key) {
    const std::string head = envelope_head(origin, part, key);
    const std::string_view text = envelope.text();
    constexpr std::size_t kHexSize = 64;
    const bool fits =
        text.starts_with(head) && text.size() == head.size() + kHexSize + 1 && text.back() == '\n';
    if (fits) {
        Result<Bytes> bytes = codec::unhex(text.substr(head.size(), kHexSize));
        if (bytes.has_value() && codec::hex(bytes.value()) == text.substr(head.size(), kHexSize)) {
            return Secret(std::move(bytes.value()));
        }
    }
    return fail(ErrorCode::corrupt,
                fmt::format("{} is not the envelope of part {} of {}: it was exchanged",
                            envelope_name(part, key), part.value(), origin));
}

std::string envelope_name(model::PartNo part, journal::KeyClass key) {
    return fmt::format("{:08}.{}.age", part.value(), journal::name_of(key));
}

std::string envelope_name(model::PartNo part, std::string_view key) {
    for (const journal::KeyClass each : journal::kKeyClasses) {
        if (key == journal::name_of(each)) {
            return envelope_name(part, each);
        }
    }
    return {};
}

std::string keys_directory(const std::string& data_dir) {
    return data_dir + "/keys";
}

KeyRing::KeyRing(io::FileSystem& fs, const std::string& data_dir)
    : read_([&fs, directory = keys_directory(data_dir)](
                model::PartNo part, journal::KeyClass key,
                std::span<const crypto::AgeIdentity> identities) -> Result<Secret> {
          if (identities.empty()) {
              return fail(ErrorCode::not_found, "no key was given");
          }
          const std::string path = directory + "/" + envelope_name(part, key);
          NARROWS_TRY(const Bytes file, io::read_all(fs, path, kEnvelopeMax));
          return crypto::age_decrypt(identities, file);
      }) {}

Result<void> KeyRing::add(std::string_view identity_file) {
    NARROWS_TRY(std::vector<crypto::AgeIdentity> more, crypto::parse_identities(identity_file));
    for (crypto::AgeIdentity& identity : more) {
        identities_.push_back(std::move(identity));
    }
    openers_.clear();
    return ok();
}

Result<Secret> KeyRing::session_key(std::string_view origin, model::PartNo part,
                                    journal::KeyClass key) {
    NARROWS_TRY(const Secret envelope, read_(part, key, identities_));
    return session_key_of(envelope, origin, part, key);
}

Result<void> KeyRing::check(std::string_view origin, model::PartNo part, journal::KeyClass key) {
    const Result<Secret> opened = session_key(origin, part, key);
    return opened || opened.error().code == ErrorCode::not_found
               ? ok()
               : Result<void>(fail(opened.error()));
}

KeyRing::Opener& KeyRing::opener(std::string_view origin, const journal::Frame& frame) {
    const Id id{frame.part.value(), frame.key};
    if (const auto at = openers_.find(id); at != openers_.end()) {
        return at->second;
    }
    if (openers_.size() >= kKept) {
        openers_.clear();
    }
    Opener& made = openers_[id];
    Result<Secret> key = session_key(origin, frame.part, frame.key);
    if (key.has_value()) {
        made.ratchet = std::make_unique<crypto::RatchetReader>(std::move(key.value()),
                                                               journal::name_of(frame.key));
    } else if (key.error().code != ErrorCode::not_found) {
        made.fault =
            Error{ErrorCode::conflict, "the key is not what it must be: " + key.error().what};
    }
    return made;
}

Result<ByteView> KeyRing::open(std::string_view origin, const journal::Frame& frame) {
    if (!frame.sealed()) {
        return frame.payload;
    }
    Opener& with = opener(origin, frame);
    if (with.fault) {
        return fail(*with.fault);
    }
    if (!with.ratchet) {
        return fail(ErrorCode::not_found,
                    "no key that was given opens " + envelope_name(frame.part, frame.key));
    }
    const std::uint64_t sequence = frame.sequence.value();
    const Bytes context = journal::sealing_context(origin, journal::header_of(frame));
    NARROWS_TRY(plain_, with.ratchet->open(frame.epoch, sequence, context, frame.payload));
    NARROWS_TRY(const Fields fields, Fields::of(plain_));
    NARROWS_TRY(const auto salts, with.ratchet->salts(frame.epoch, sequence, fields.size()));
    if (commitment_of(fields, salts) != frame.commitment) {
        return fail(
            ErrorCode::corrupt,
            fmt::format("what record {} of part {} opens to is not what its leaf commits to",
                        sequence, frame.part.value()));
    }
    return ByteView(plain_);
}

Result<std::vector<crypto::Salt>> KeyRing::salts(std::string_view origin,
                                                 const journal::Frame& frame, std::size_t count) {
    Opener& with = opener(origin, frame);
    if (!with.ratchet) {
        return fail(ErrorCode::not_found, "no key that was given opens the record");
    }
    return with.ratchet->salts(frame.epoch, frame.sequence.value(), count);
}

}  // namespace narrows::evidence
