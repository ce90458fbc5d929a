#pragma once

#include <string>
#include <string_view>

#include "codec/value.h"
#include "review/sessions.h"

/// Records in words. Everything returned may hold hostile bytes: print it through
/// codec::printable.
namespace narrows::review {

/// The member that the strongest provenance class present has of it: verified, observed, attested,
/// stated, derived; with that class. The value is null if no class has it.
struct Sourced {
    const codec::Value* value = nullptr;
    std::string provenance;
};
Sourced sourced(const codec::Value& payload, std::string_view name);
const codec::Value& member(const codec::Value& map, std::string_view name);

/// An agent, principal or task of an OPEN in a few words.
Claim claim_of(const codec::Value& open, std::string_view name);

/// "s3:GetObject", or what is known instead.
std::string operation_name(const codec::Value& intent);
/// What the enforcement level of an OPEN means for the reader.
std::string enforcement_words(const codec::Value& open);
/// Parameters on one line of at most `size_max` bytes: name=value, strings cut short.
std::string short_parameters(const codec::Value& intent, std::size_t size_max);

}  // namespace narrows::review
