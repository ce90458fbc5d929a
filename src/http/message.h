#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "codec/text.h"

namespace narrows::http {

/// Header fields as they came: order, case and duplicates kept, values without outer blanks.
using Headers = std::vector<codec::Pair>;

/// A request's start line and header, as sent: the target is never decoded or normalised here,
/// since SigV4 signs raw bytes.
struct RequestHead {
    std::string method;
    std::string target;  ///< "/bucket/a%20b?x-id=GetObject"
    Headers headers;
};

struct ResponseHead {
    int status = 0;
    Headers headers;
    std::string reason{};  ///< as HTTP/1.1 brought it; empty: the usual one of the status
};

/// The first field of that name (ASCII case-insensitive), or empty.
std::string_view header(const Headers& headers, std::string_view name);
std::size_t count(const Headers& headers, std::string_view name);
void remove(Headers& headers, std::string_view name);
void set(Headers& headers, std::string_view name, std::string value);

/// Two readers could disagree on where a message with these fields ends or what it says: why, or
/// nullptr.
const char* why_ambiguous(const Headers& headers, bool is_request);

}  // namespace narrows::http
