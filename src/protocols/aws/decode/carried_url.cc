#include "protocols/aws/decode/carried_url.h"

#include <optional>

#include "codec/text.h"
#include "protocols/aws/decode/wire.h"

namespace narrows::aws {

std::string_view carried_url_member(Operation entry) {
    // URLs are carried in forms alone; of other services nothing is looked through.
    const Protocols protocols = entry.service().protocols();
    const bool has_forms = protocols.has(Protocol::query) || protocols.has(Protocol::ec2);
    if (!has_forms || !entry.has_input()) return {};
    for (const Member member : entry.input().members()) {
        const bool is_url = codec::iequals(member.name(), "presignedurl") &&
                            member.shape().kind() == ShapeKind::string;
        if (is_url) return member.name();
    }
    return {};
}

std::string carried_url(const Decoded& decoded) {
    const std::string_view member = carried_url_member(decoded.entry);
    return member.empty() ? std::string() : decoded.parameters.text(member);
}

Result<std::string> take_regions(Operation entry, std::string_view source,
                                 std::string_view destination, http::RequestHead& asks) {
    const std::string_view query = query_of(asks.target);
    std::string kept;
    std::string taken;
    for (const std::string_view raw : codec::split(query, '&')) {
        NARROWS_TRY(const auto pairs, codec::form_decode(raw));
        if (pairs.empty()) continue;
        const std::string& name = pairs.front().name;
        const bool is_source = name == "SourceRegion";
        const bool is_region = is_source || name == "DestinationRegion";
        if (is_region && pairs.front().value != (is_source ? source : destination)) {
            return fail(ErrorCode::invalid,
                        "its " + name + " is not " + std::string(is_source ? source : destination) +
                            (is_source ? ", for which it is signed" : ", where the request goes"));
        }
        const bool bound = !is_region || (entry.has_input() && entry.input().member(name));
        (bound ? kept : taken).append("&").append(raw);
    }
    asks.target.resize(asks.target.size() - query.size());
    asks.target += kept.empty() ? "" : kept.substr(1);
    return taken;
}

Result<FormAround> form_around(std::string_view form, std::string_view key) {
    std::optional<FormAround> found;
    std::size_t at = 0;
    for (const std::string_view raw : codec::split(form, '&')) {
        const std::size_t equals = std::min(raw.find('='), raw.size());
        NARROWS_TRY(const std::string name, codec::percent_decode(raw.substr(0, equals)));
        const std::size_t end = at + raw.size();
        if (name == key) {
            const bool once = !found && equals < raw.size();
            if (!once)
                return fail(ErrorCode::invalid, "the form has " + std::string(key) + " twice");
            found = {std::string(form.substr(0, at + equals + 1)), std::string(form.substr(end))};
        }
        at = end + 1;
    }
    if (!found) {
        return fail(ErrorCode::invalid,
                    "the request has no form with " + std::string(key) + "; send it by POST");
    }
    return *found;
}

}  // namespace narrows::aws
