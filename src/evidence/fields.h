#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/ratchet.h"
#include "evidence/merkle.h"

/// The fields of a record's payload and the commitment to them (docs/format.md section 4.2). Pure
/// functions on hostile bytes.
namespace narrows::evidence {

inline constexpr std::size_t kFieldDepth = 4;     ///< path elements, but for a block's number
inline constexpr std::size_t kFieldMembers = 64;  ///< larger maps and arrays are one field
inline constexpr std::size_t kFieldBlock = 4096;  ///< of a long byte string

/// Where the fields of one payload stand. Refers to the payload's bytes.
class Fields {
  public:
    /// ErrorCode::invalid: not one whole CBOR map of definite lengths.
    static Result<Fields> of(ByteView payload);

    std::size_t size() const { return items_.size(); }
    /// The CBOR array [path, value] of field `index`, behind what `to` has.
    void append_field(Bytes& to, std::size_t index) const;
    ByteView path(std::size_t index) const;  ///< its CBOR array
    /// The value, in CBOR, of the one field at this path of map keys, at most 23 bytes each.
    /// Nothing: there is none, or several.
    std::optional<ByteView> only(std::initializer_list<std::string_view> keys) const;

  private:
    friend class FieldWalk;
    struct Item {
        std::uint32_t path_at = 0;
        std::uint32_t path_size = 0;
        std::uint32_t value_at = 0;
        std::uint32_t value_size = 0;
        bool block = false;  ///< bytes that get a head of their own
    };
    ByteView payload_;
    Bytes paths_;
    std::vector<Item> items_;
};

/// c_i: SHA-256(0x00 ‖ salt ‖ field).
Hash field_commitment(const crypto::Salt& salt, ByteView field);

/// The root over all fields' commitments; a salt for each.
Hash commitment_of(const Fields& fields, std::span<const crypto::Salt> salts);

}  // namespace narrows::evidence
