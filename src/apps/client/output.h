#pragma once

#include <ostream>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/value.h"

/// What the commands share: exit codes and how answers, errors and colours are written.
namespace narrows::client {

inline constexpr int kHeld = 0;
inline constexpr int kWanting = 1;
inline constexpr int kUsage = 2;
inline constexpr int kCannotTell = 3;

/// Where a command writes. The streams outlive the command.
struct Output {
    std::ostream& out;
    std::ostream& err;
    bool json = false;
    bool colour = false;  ///< `out` is a terminal and NO_COLOR is not set
};

/// Standard output and standard error.
Output standard_output(bool json);

/// One line of JSON.
void print_json(const Output& to, const codec::Value& value);
/// Prints "narrows: SENTENCE", with `json` {"error", "message"}, and returns `exit_code`.
int failed(const Output& to, const Error& error, int exit_code);
/// The same; ErrorCode::invalid and not_found are the caller's mistakes (2), the rest leaves the
/// question open (3).
int failed(const Output& to, const Error& error);

/// What a gateway or the network said: ErrorCode::invalid is the caller's mistake (2); a clear no
/// (unauthenticated, denied, not_found, conflict) is an answer (1); anything else leaves the
/// question open (3).
int operator_failed(const Output& to, const Error& error);

enum class Paint { red, yellow, green, bold };
std::string paint(const Output& to, Paint paint, std::string_view text);

/// A whole file of at most `size_max` bytes. The path "-" is standard input.
Result<std::string> read_text(const std::string& path, std::size_t size_max);

}  // namespace narrows::client
