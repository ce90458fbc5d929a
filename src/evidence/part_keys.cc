#include "evidence/part_keys.h"

#include "codec/text.h"
#include "evidence/fields.h"
#include "evidence/key_ring.h"

namespace narrows::evidence {
namespace {

using journal::KeyClass;

constexpr std::size_t kSessionKeyBytes = 32;

const std::vector<crypto::AgeRecipient>& readers_of(const Recipients& all, KeyClass key) {
    switch (key) {
        case KeyClass::operations:
            return all.operations;
        case KeyClass::bodies:
            return all.bodies;
        case KeyClass::secrets:
            return all.secrets;
    }
    return all.operations;
}

}  // namespace

void PartKeys::add(KeyClass key, Secret session_key) {
    current_.at(static_cast<std::size_t>(key))
        .emplace(Current{crypto::Ratchet(std::move(session_key), journal::name_of(key)),
                         clock_.mono(), false});
}

bool PartKeys::seals(KeyClass key) const {
    const std::lock_guard lock(mutex_);
    return current_.at(static_cast<std::size_t>(key)).has_value();
}

void PartKeys::advance(Current& current) const {
    current.ratchet.next_epoch();
    current.since = clock_.mono();
    current.used = false;
}

Result<Bytes> PartKeys::seal(journal::FrameHeader& header, Bytes plain) {
    const KeyClass key = journal::key_class_of(*model::record_kind(header.kind));
    NARROWS_TRY(const Fields fields, Fields::of(plain));
    const std::lock_guard lock(mutex_);
    auto& slot = current_.at(static_cast<std::size_t>(key));
    if (!slot) {
        return fail(ErrorCode::invalid, std::string("nobody may read ") + journal::name_of(key) +
                                            ", so there is no key to record them under");
    }
    Current& current = *slot;
    if (current.used && (current.ratchet.bytes_in_epoch() >= kEpochBytes ||
                         clock_.mono() - current.since >= kEpochNs)) {
        advance(current);
    }
    if (!current.used) {
        current.used = true;
        current.since = clock_.mono();
    }
    header.key = key;
    header.flags |= journal::kFlagSealed;
    header.epoch = current.ratchet.epoch();
    header.commitment =
        commitment_of(fields, current.ratchet.salts(header.sequence, fields.size()));
    Bytes sealed =
        current.ratchet.seal(header.sequence, journal::sealing_context(origin_, header), plain);
    wipe(plain.data(), plain.size());
    return sealed;
}

void PartKeys::tick() {
    const std::lock_guard lock(mutex_);
    for (auto& slot : current_) {
        if (slot && slot->used && clock_.mono() - slot->since >= kEpochNs) {
            advance(*slot);
        }
    }
}

KeyStore::KeyStore(io::FileSystem& fs, const Clock& clock, const std::string& data_dir,
                   std::string origin)
    : fs_(fs), clock_(clock), directory_(keys_directory(data_dir)), origin_(std::move(origin)) {}

void KeyStore::set_recipients(Recipients recipients) {
    const std::lock_guard lock(mutex_);
    recipients_ = std::make_shared<const Recipients>(std::move(recipients));
}

Result<std::shared_ptr<journal::Sealer>> KeyStore::make(model::PartNo part) {
    std::shared_ptr<const Recipients> recipients;
    {
        const std::lock_guard lock(mutex_);
        recipients = recipients_;
    }
    auto keys = std::make_shared<PartKeys>(clock_, origin_);
    PartEnvelopes envelopes;
    for (const KeyClass key : journal::kKeyClasses) {
        const auto& readers = readers_of(*recipients, key);
        if (readers.empty()) {
            continue;
        }
        Secret session_key(crypto::random_bytes(kSessionKeyBytes));
        const Secret text = envelope_text(origin_, part, key, session_key.view());
        NARROWS_TRY(const Bytes file, crypto::age_encrypt(readers, text.view()));
        NARROWS_TRY(io::durable_write(fs_, directory_ + "/" + envelope_name(part, key), file));
        Envelope envelope{crypto::sha256(file), {}};
        for (const crypto::AgeRecipient& reader : readers) {
            envelope.recipients.push_back(reader.text());
        }
        envelopes.emplace(journal::name_of(key), std::move(envelope));
        keys->add(key, std::move(session_key));
    }
    const std::lock_guard lock(mutex_);
    if (envelopes.empty()) {
        return std::shared_ptr<journal::Sealer>();
    }
    envelopes_[part] = std::move(envelopes);
    std::erase_if(live_, [](const auto& each) { return each.expired(); });
    live_.push_back(keys);
    return std::shared_ptr<journal::Sealer>(std::move(keys));
}

PartEnvelopes KeyStore::take_envelopes(model::PartNo part) {
    const std::lock_guard lock(mutex_);
    auto node = envelopes_.extract(part);
    return node.empty() ? PartEnvelopes() : std::move(node.mapped());
}

void KeyStore::tick() {
    const std::lock_guard lock(mutex_);
    for (const auto& each : live_) {
        if (const auto keys = each.lock()) {
            keys->tick();
        }
    }
}

}  // namespace narrows::evidence
