#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"

namespace narrows::sigv4 {

/// A query string with a proof in it. Only for this room.
class QueryProof {
  public:
    /// `names` are the proof's, each spelled as it must be. ErrorCode::invalid: one stands twice or
    /// in another spelling, or an escape is broken.
    static Result<QueryProof> read(std::string_view target,
                                   std::span<const std::string_view> names);

    /// ErrorCode::invalid if it is missing or empty.
    Result<std::string> value(std::string_view name) const;
    /// Empty if it is missing.
    std::string text(std::string_view name) const;
    /// The request without the proof. Keys for which `is_header` holds become headers.
    /// ErrorCode::invalid: one stands twice, or no header can hold it, or the header says
    /// otherwise.
    Result<http::RequestHead> without(const http::RequestHead& head,
                                      bool (*is_header)(std::string_view lower_name)) const;

  private:
    struct Field {
        std::string name;
        std::string value;
        std::string raw;
    };
    std::map<std::string, std::string, std::less<>> proof_;
    std::vector<Field> others_;
};

}  // namespace narrows::sigv4
