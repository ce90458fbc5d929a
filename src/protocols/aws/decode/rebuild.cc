#include "protocols/aws/decode/rebuild.h"

#include <algorithm>

namespace narrows::aws {
namespace {

/// Every operation that the record can mean: services of one wire form share IAM's prefix.
std::vector<Decoded> candidates_of(const Catalogue& catalogue, const RecordedOperation& recorded) {
    std::vector<Decoded> found;
    for (const Service service : catalogue.services()) {
        const std::string_view prefix = service.iam_prefix();
        if ((prefix.empty() ? service.id() : prefix) != recorded.service) continue;
        if (const auto operation = service.operation(recorded.name)) {
            found.push_back({*operation, recorded.parameters});
        }
    }
    return found;
}

bool starts_alike(const std::vector<model::Resource>& recorded,
                  const std::vector<model::Resource>& made) {
    return recorded.size() <= made.size() &&
           std::equal(recorded.begin(), recorded.end(), made.begin());
}

bool fits(const RecordedOperation& recorded, const model::Operation& made) {
    if (!recorded.cut) return recorded.accesses == made.accesses;
    return recorded.accesses.size() <= made.accesses.size() &&
           std::equal(recorded.accesses.begin(), recorded.accesses.end(), made.accesses.begin(),
                      [](const model::Access& a, const model::Access& b) {
                          return a.action == b.action && starts_alike(a.resources, b.resources);
                      });
}

bool has_withheld(const codec::Value& value) {
    if (const auto* list = value.as<codec::List>()) {
        return std::any_of(list->begin(), list->end(), has_withheld);
    }
    const auto* map = value.as<codec::Map>();
    if (map == nullptr) return false;
    return map->contains("$withheld") || std::any_of(map->begin(), map->end(), [](const auto& at) {
               return has_withheld(at.second);
           });
}

}  // namespace

Result<Rebuilt> rebuild(const Catalogue& catalogue, const RecordedOperation& recorded,
                        const ConnectionFacts& facts, const model::Context& known) {
    if (recorded.parameters.find("$large") != nullptr) {
        return fail(ErrorCode::unsupported, "the parameters were too large for the record");
    }
    const std::vector<Decoded> all = candidates_of(catalogue, recorded);
    std::vector<std::vector<Decoded>> readings = {all};
    for (const Decoded& one : all) readings.push_back({one});
    const Bytes key(32);  // what it withholds is withheld already, and shown to nobody
    for (const std::vector<Decoded>& reading : readings) {
        auto made = build_operation(reading, facts, known, key);
        if (!made || !fits(recorded, made.value())) continue;
        Rebuilt rebuilt{std::move(made.value()), {}};
        if (!has_withheld(recorded.parameters)) return rebuilt;
        for (const auto& [name, values] : rebuilt.operation.context) {
            if (values.empty() && !known.contains(name)) rebuilt.unsure.insert(name);
        }
        for (const std::string& name : rebuilt.unsure) rebuilt.operation.context.erase(name);
        return rebuilt;
    }
    return fail(ErrorCode::unsupported,
                "this program's catalogue reads the operation differently than the one that "
                "recorded it");
}

}  // namespace narrows::aws
