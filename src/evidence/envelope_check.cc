#include "evidence/envelope_check.h"

#include <fmt/format.h>

namespace narrows::evidence {
namespace {

class EnvelopeCheck {
  public:
    EnvelopeCheck(io::FileSystem& fs, const std::string& data_dir, KeyRing& keys, Report& report)
        : fs_(fs), directory_(keys_directory(data_dir)), keys_(keys), report_(report) {
        const auto names = fs.list(directory_);
        present_ = names.has_value() && !names.value().empty();
    }

    void part(model::PartNo number, const Claims& claims) {
        for (const journal::KeyClass key : journal::kKeyClasses) {
            const auto envelope = claims.open->keys.find(journal::name_of(key));
            if (envelope == claims.open->keys.end()) {
                continue;
            }
            if (claims.shreds.contains(envelope->first)) {
                ++report_.checked.shredded;
                find(FindingKind::note, "the key was shredded, as the log says",
                     "What it sealed cannot be read any more; that it was there still shows.",
                     number, key);
            } else {
                compare(number, key, envelope->second);
            }
        }
    }

    void finish() {
        if (missing_ > 0) {
            report_.findings.add(
                {FindingKind::missing_key,
                 fmt::format("keys/ holds nothing; {} keys that were not shredded are missing",
                             missing_),
                 "Order and integrity were checked; contents cannot be read from this copy.",
                 {"keys", 0, {}, {}}});
        }
    }

  private:
    void compare(model::PartNo number, journal::KeyClass key, const Envelope& envelope) {
        const std::string path = directory_ + "/" + envelope_name(number, key);
        const Result<Bytes> file = io::read_all(fs_, path, kEnvelopeMax);
        if (!file && !present_) {
            ++missing_;
            return;
        }
        if (!file) {
            find(FindingKind::missing_key, "the key is not there, and no log entry shreds it",
                 "What it sealed cannot be read any more.", number, key);
            return;
        }
        ++report_.checked.envelopes;
        if (crypto::sha256(file.value()) != envelope.sha256) {
            find(FindingKind::tampering, "the key is not the one the log vouches for",
                 "It was exchanged or damaged.", number, key);
            return;
        }
        const Result<void> whole = keys_.check(report_.origin, number, key);
        if (!whole) {
            find(FindingKind::tampering, "the key is not what it must be: " + whole.error().what,
                 "It does not open what it says it opens.", number, key);
        }
    }
    void find(FindingKind kind, std::string what, std::string means, model::PartNo part,
              journal::KeyClass key) {
        report_.findings.add({kind,
                              std::move(what),
                              std::move(means),
                              {"keys/" + envelope_name(part, key), 0, part, {}}});
    }

    io::FileSystem& fs_;
    const std::string directory_;
    KeyRing& keys_;
    Report& report_;
    bool present_ = false;
    std::uint64_t missing_ = 0;
};

}  // namespace

void check_envelopes(io::FileSystem& fs, const std::string& data_dir, KeyRing& keys,
                     const std::map<std::uint64_t, Claims>& claims, Report& report) {
    EnvelopeCheck check(fs, data_dir, keys, report);
    for (const auto& [number, claim] : claims) {
        if (claim.open) {
            check.part(model::PartNo(number), claim);
        }
    }
    check.finish();
}

}  // namespace narrows::evidence
