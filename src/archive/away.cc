#include "archive/away.h"

#include <algorithm>
#include <array>

#include "archive/log_entries.h"
#include "evidence/note.h"
#include "evidence/verify.h"
#include "journal/scan.h"

namespace narrows::archive {
namespace {

/// The lowest number of each lane that is there; 1 for a lane without segments.
std::array<std::uint64_t, 2> lowest(io::FileSystem& fs, const std::string& data_dir) {
    std::array<std::uint64_t, 2> found{1, 1};
    const auto listing = journal::list_segments(fs, evidence::journal_directory(data_dir));
    for (const journal::Lane lane : journal::kLanes) {
        const auto index = static_cast<std::size_t>(lane);
        if (listing && !listing.value().segments[index].empty()) {
            found[index] = listing.value().segments[index].front();
        }
    }
    return found;
}

}  // namespace

bool Away::explains(std::uint64_t part, std::uint64_t first, std::uint64_t last) const {
    const auto at = parts.find(part);
    return at != parts.end() &&
           std::any_of(at->second.stretches.begin(), at->second.stretches.end(),
                       [&](const evidence::Stretch& stretch) {
                           return stretch.first <= first && last <= stretch.last;
                       });
}

Away archived_away(io::FileSystem& fs, const std::string& data_dir) {
    Away away;
    const auto here = lowest(fs, data_dir);
    const std::string directory = evidence::log_directory(data_dir);
    const auto note = io::read_all(fs, directory + "/checkpoint", evidence::kNoteBytesMax);
    const auto head =
        note ? head_of_note(as_text(note.value())) : Result<evidence::Checkpoint>(fail({}));
    if (std::max(here[0], here[1]) <= 1 || !head) {
        return away;
    }
    evidence::Archived archived;
    std::map<std::uint64_t, std::pair<std::string, WallNs>> opened;
    const auto take = [&](evidence::Entry entry) {
        if (auto* segment = std::get_if<evidence::SegmentEntry>(&entry.body)) {
            (void)archived.add(std::move(*segment));  // contradictions are verify's business
        } else if (auto* open = std::get_if<evidence::OpenEntry>(&entry.body)) {
            opened[open->part.value()] = {std::move(open->session), entry.time};
        }
    };
    if (!read_entries(fs, directory, 0, head.value().size, take).has_value()) {
        return away;
    }
    for (const auto& [place, segment] : archived.segments()) {
        if (place.second < here[static_cast<std::size_t>(place.first)]) {
            ++away.segments;
            away.store = segment.entry.store;
            evidence::Archived::add_absent(segment, away.parts);
        }
    }
    for (const auto& [part, absent] : away.parts) {
        const auto open = opened.find(part);
        if (open != opened.end() && !open->second.first.empty()) {
            away.sessions.try_emplace(open->second.first,
                                      Away::Session{open->second.second, away.store});
        }
    }
    return away;
}

}  // namespace narrows::archive
