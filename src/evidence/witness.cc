#include "evidence/witness.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "codec/text.h"
#include "crypto/hash.h"
#include "evidence/witness_message.h"

namespace narrows::evidence {
namespace {

WitnessAnswer refused(int status, std::string_view why) {
    return {status, "text/plain; charset=utf-8", std::string(why) + "\n"};
}

WitnessAnswer conflict(std::uint64_t size) {
    return {409, std::string(kTreeSizeType), fmt::format("{}\n", size)};
}

}  // namespace

Result<std::unique_ptr<Witness>> Witness::open(io::FileSystem& fs, const std::string& directory,
                                               Cosigner cosigner, std::vector<WitnessedLog> logs,
                                               const Clock& clock) {
    NARROWS_TRY(fs.make_directory(directory));
    std::unique_ptr<Witness> witness(new Witness(fs, std::move(cosigner), clock));
    NARROWS_TRY(witness->lock_, fs.lock(directory + "/lock"));
    for (WitnessedLog& log : logs) {
        const std::string name = codec::hex(crypto::sha256(log.origin));
        Known known{std::move(log.keys), fmt::format("{}/{}", directory, name), {}};
        NARROWS_TRY(witness->load(known, log.origin));
        witness->logs_.emplace(std::move(log.origin), std::move(known));
    }
    return witness;
}

Result<void> Witness::load(Known& known, const std::string& origin) {
    known.newest = {origin, 0, empty_root(), {}};
    NARROWS_TRY(const bool exists, fs_.exists(known.file));
    if (!exists) {
        return ok();
    }
    NARROWS_TRY(const Bytes bytes, io::read_all(fs_, known.file, kAddCheckpointMax));
    const auto note = parse_note(as_text(bytes));
    const auto own =
        note ? verify_note(note.value(), {cosigner_.key()}) : Result<Verified>(fail(note.error()));
    Result<Checkpoint> checkpoint =
        own ? parse_checkpoint(note.value().text) : Result<Checkpoint>(fail(own.error()));
    if (!checkpoint || checkpoint.value().origin != origin) {
        return fail(ErrorCode::corrupt,
                    fmt::format("{} is not the checkpoint of {} that this witness cosigned last: "
                                "restore it; a witness that starts from nothing would let a log "
                                "be rolled back",
                                known.file, origin));
    }
    known.newest = std::move(checkpoint).value();
    return ok();
}

WitnessAnswer Witness::add_checkpoint(std::string_view body) {
    const auto request = parse_add_checkpoint(body);
    const auto note =
        request ? parse_note(request.value().note) : Result<Note>(fail(request.error()));
    const auto parsed =
        note ? parse_checkpoint(note.value().text) : Result<Checkpoint>(fail(note.error()));
    if (!parsed) {
        return refused(400, parsed.error().what);
    }
    const Checkpoint& checkpoint = parsed.value();
    const std::lock_guard lock(mutex_);
    const auto at = logs_.find(checkpoint.origin);
    if (at == logs_.end()) {
        return refused(404, "this witness does not know a log of that origin");
    }
    Known& known = at->second;
    if (!verify_note(note.value(), known.keys)) {
        return refused(403, "the checkpoint is not signed by a key that is trusted for its origin");
    }
    const std::uint64_t old_size = request.value().old_size;
    if (old_size > checkpoint.size) {
        return refused(400, "the old size is larger than the checkpoint's");
    }
    if (old_size != known.newest.size) {
        return conflict(known.newest.size);
    }
    const bool same_size = old_size == checkpoint.size;
    if (same_size && checkpoint.root != known.newest.root) {
        return contradicted(known, note.value(), 409);
    }
    if (!verify_consistency(old_size, known.newest.root, checkpoint.size, checkpoint.root,
                            request.value().proof)) {
        return contradicted(known, note.value(), 422);
    }
    return cosign(known, note.value(), checkpoint);
}

WitnessAnswer Witness::cosign(Known& known, const Note& note, const Checkpoint& checkpoint) {
    Result<NoteSignature> line = cosigner_.cosign(note.text, clock_.wall() / kNsPerSecond);
    if (!line) {
        return refused(500, "this witness cannot sign now");
    }
    Note kept{note.text, {}};
    for (const NoteSignature& signature : note.signatures) {
        if (std::any_of(known.keys.begin(), known.keys.end(),
                        [&](const VerifierKey& key) { return is_by(signature, key); })) {
            kept.signatures.push_back(signature);
        }
    }
    kept.signatures.push_back(line.value());
    const Result<void> written = io::durable_write(fs_, known.file, as_bytes(note_bytes(kept)));
    if (!written) {
        log::error("not cosigned: {}", written.error().what);
        return refused(500, "this witness cannot keep its state now");
    }
    known.newest = checkpoint;
    return {200, "text/plain; charset=utf-8", signature_lines({line.value()})};
}

WitnessAnswer Witness::contradicted(const Known& known, const Note& note, int status) {
    log::warn("a checkpoint of {} was not proven to continue size {}: kept in {}.refused",
              codec::printable(known.newest.origin), known.newest.size, known.file);
    const Result<void> kept =
        io::durable_write(fs_, known.file + ".refused", as_bytes(note_bytes(note)));
    if (!kept) {
        log::error("{}", kept.error().what);
    }
    return status == 409 ? conflict(known.newest.size)
                         : refused(422, "the consistency proof does not verify");
}

}  // namespace narrows::evidence
