#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "codec/text.h"

namespace narrows::codec {

/// A browser's form with one file in it (multipart/form-data, RFC 7578), taken apart as it arrives:
/// fields first, then the file; what comes after the file is skipped, as S3 does. Memory is the
/// fields, at most kFieldBytesMax, and a boundary. Not thread-safe. After an error only destruction
/// is allowed.
class FormUpload {
  public:
    static constexpr std::size_t kFieldBytesMax = 64 * 1024;  ///< of all fields, with their heads
    static constexpr std::size_t kFieldsMax = 128;

    /// ErrorCode::invalid: the Content-Type is no multipart/form-data with a boundary.
    static Result<FormUpload> of(std::string_view content_type);

    /// Appends the file's bytes in `bytes` to `file`. ErrorCode::invalid: no form of this kind, a
    /// field twice. ErrorCode::exhausted: more fields than are held.
    Result<void> push(ByteView bytes, Bytes& file);
    /// The body is over: ErrorCode::invalid if that is before the file's end.
    Result<void> finish() const;

    bool in_file() const { return state_ >= State::file; }  ///< all fields are known
    /// In order, names in lower case, each once.
    const std::vector<Pair>& fields() const { return fields_; }
    /// The value of a field; empty if there is none.
    std::string_view field(std::string_view lower_name) const;
    const std::string& file_name() const { return file_name_; }  ///< as the client gave it

  private:
    enum class State { boundary, separator, head, field, file, skip };

    explicit FormUpload(std::string delimiter) : delimiter_(std::move(delimiter)) {}
    Result<bool> step(Bytes& file);
    Result<bool> take_boundary();
    Result<bool> take_separator();
    Result<bool> take_head();
    Result<bool> take_field();
    Result<bool> take_file(Bytes& file);
    Result<void> begin_part(std::string_view head);

    std::string delimiter_;  ///< CRLF, two dashes and the boundary
    State state_ = State::boundary;
    std::string pending_ = "\r\n";  ///< the first boundary needs none before it
    std::size_t field_bytes_ = 0;
    std::vector<Pair> fields_;
    std::string name_;
    std::string file_name_;
};

}  // namespace narrows::codec
