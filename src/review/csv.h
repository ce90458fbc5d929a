#pragma once

#include <memory>

#include "review/export.h"

namespace narrows::review {

/// RFC 4180, a header line, then a line an operation or loss; every field quoted. A field that a
/// spreadsheet would take for a formula begins with an apostrophe; control characters are written
/// as escapes.
std::unique_ptr<Exporter> csv_exporter(std::ostream& out);

}  // namespace narrows::review
