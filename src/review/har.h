#pragma once

#include <functional>
#include <memory>

#include "review/export.h"
#include "review/sessions.h"

namespace narrows::review {

inline constexpr std::uint64_t kInlineBodyDefault = 1 << 20;

struct HarOptions {
    std::uint64_t inline_max = kInlineBodyDefault;  ///< bytes of a body inside the document
    /// Opens the file that gets a larger body, named relative to the document; null: such a body
    /// is cut and the entry says so.
    std::function<Result<std::unique_ptr<std::ostream>>(const std::string& name)> open_body;
};

/// HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/): one session, an entry an operation,
/// those that were denied included. What HAR has no field for is in `_narrows`. Memory: one entry
/// with its inline bodies. `out` and `session` must outlive it.
std::unique_ptr<Exporter> har_exporter(std::ostream& out, const SessionSummary& session,
                                       HarOptions options);

}  // namespace narrows::review
