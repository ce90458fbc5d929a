#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "crypto/hash.h"
#include "protocols/aws/catalogue/catalogue.h"

/// A damaged binary whose digest fits all the same must be refused or be safe to walk.
namespace {

using namespace narrows::aws;  // NOLINT

std::size_t walk(const Catalogue& catalogue) {
    std::size_t seen = catalogue.info().digest.size();
    for (const Service service : catalogue.services()) {
        const auto endpoint = catalogue.endpoint(service, "aws", "eu-west-1");
        seen += service.id().size() + (endpoint ? endpoint.value().host.size() : 0);
        for (const Operation operation : service.operations()) {
            seen += operation.uri().size() + operation.literals().size();
            if (operation.has_input()) seen += operation.input().members().size();
            for (const AccessRule access : operation.accesses()) {
                seen += access.action().size() + access.resources()[0].holes().size();
            }
        }
    }
    for (std::uint32_t row = 0; row < catalogue.tables().rows(Table::member); ++row) {
        const Member member(&catalogue, row);
        seen += member.wire_name().size() + member.xml_namespace().size();
        const Shape shape = member.shape();
        if (shape.kind() == ShapeKind::list) seen += shape.element().name().size();
        if (shape.kind() == ShapeKind::map) seen += shape.value().name().size();
    }
    return seen + catalogue.suggest("s3:GetObjekt").size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (const auto loaded = Catalogue::load({data, size})) {
        walk(loaded.value());
        return 0;
    }
    constexpr std::size_t kDigestAt = 16;
    constexpr std::size_t kRestAt = 48;
    if (size <= kRestAt) return 0;
    narrows::Bytes mended(data, data + size);
    const auto digest = narrows::crypto::sha256(narrows::ByteView(mended).subspan(kRestAt));
    std::copy(digest.begin(), digest.end(), mended.begin() + kDigestAt);
    if (const auto loaded = Catalogue::load(mended)) walk(loaded.value());
    return 0;
}
