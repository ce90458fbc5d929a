#include "gateway/session_store.h"

#include <algorithm>

#include "codec/cbor.h"
#include "crypto/seal.h"

namespace narrows::gateway {
namespace {

constexpr std::uint64_t kFileMax = 4 * 1024 * 1024;

codec::Value value_of(const KeptSession& session) {
    codec::List proofs;
    for (const SpentProof& proof : session.proofs) {
        proofs.emplace_back(codec::Map{{"sha256", Bytes(proof.sha256.begin(), proof.sha256.end())},
                                       {"expires", proof.expires_at}});
    }
    return codec::Map{{"part", session.part.value()},
                      {"open", session.open},
                      {"over", session.over},
                      {"proofs", std::move(proofs)}};
}

std::vector<SpentProof> proofs_of(const codec::Value& value) {
    std::vector<SpentProof> proofs;
    const codec::Value* list = value.find("proofs");
    if (list == nullptr || list->as<codec::List>() == nullptr) {
        return proofs;
    }
    for (const codec::Value& each : *list->as<codec::List>()) {
        const codec::Value* digest = each.find("sha256");
        const Bytes* bytes = digest == nullptr ? nullptr : digest->as<Bytes>();
        SpentProof proof{{}, each.number("expires")};
        if (bytes != nullptr && bytes->size() == proof.sha256.size()) {
            std::copy(bytes->begin(), bytes->end(), proof.sha256.begin());
            proofs.push_back(proof);
        }
    }
    return proofs;
}

/// Some proof of it has not expired.
bool is_needed(const KeptSession& session, WallNs now) {
    return std::any_of(session.proofs.begin(), session.proofs.end(),
                       [&](const SpentProof& proof) { return proof.expires_at >= now; });
}

std::string context_of(const std::string& id) {
    return "narrows session " + id;
}

}  // namespace

Result<SessionStore> SessionStore::open(io::FileSystem& fs, std::string directory, Secret key) {
    NARROWS_TRY(io::make_durable_directory(fs, directory));
    return SessionStore(fs, std::move(directory), std::move(key));
}

Result<void> SessionStore::keep(const KeptSession& session) {
    const Secret plain(codec::cbor_encode(value_of(session)));
    return io::durable_write(*fs_, path_of(session.id),
                             crypto::seal(key_.view(), plain.view(), context_of(session.id)));
}

Result<KeptSession> SessionStore::read(const std::string& id) const {
    NARROWS_TRY(const Bytes sealed, io::read_all(*fs_, path_of(id), kFileMax));
    const Result<Secret> plain = crypto::unseal(key_.view(), sealed, context_of(id));
    const Result<codec::Value> value =
        plain.has_value() ? codec::cbor_decode(plain.value().view())
                          : Result<codec::Value>(fail(ErrorCode::corrupt, "it does not open"));
    if (!value.has_value()) {
        return fail(ErrorCode::corrupt,
                    path_of(id) + " is not what this gateway wrote (" + value.error().what +
                        "): restore it, or move it away: then that session does not go on");
    }
    KeptSession session;
    session.id = id;
    session.part = model::PartNo(static_cast<std::uint64_t>(value.value().number("part")));
    if (const codec::Value* open = value.value().find("open")) {
        session.open = *open;
    }
    session.over = value.value().truth("over");
    session.proofs = proofs_of(value.value());
    return session;
}

Result<void> SessionStore::forget(const std::string& id) {
    NARROWS_TRY(fs_->remove(path_of(id)));
    return fs_->sync_directory(directory_);
}

Result<void> SessionStore::end(const std::string& id, WallNs now) {
    NARROWS_TRY(const bool exists, fs_->exists(path_of(id)));
    if (!exists) {
        return ok();
    }
    NARROWS_TRY(KeptSession session, read(id));
    if (!is_needed(session, now)) {
        return forget(id);
    }
    session.open = {};
    session.over = true;
    return keep(session);
}

Result<std::vector<KeptSession>> SessionStore::load() {
    std::vector<KeptSession> sessions;
    NARROWS_TRY(const std::vector<std::string> names, fs_->list(directory_));
    for (const std::string& name : names) {
        if (name.ends_with(".tmp")) {
            continue;  // of a write that did not end
        }
        NARROWS_TRY(KeptSession session, read(name));
        sessions.push_back(std::move(session));
    }
    return sessions;
}

Result<void> SessionStore::tidy(WallNs now) {
    NARROWS_TRY(const std::vector<KeptSession> sessions, load());
    for (const KeptSession& session : sessions) {
        if (session.over && !is_needed(session, now)) {
            NARROWS_TRY(forget(session.id));
        }
    }
    return ok();
}

}  // namespace narrows::gateway
