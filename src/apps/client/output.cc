#include "apps/client/output.h"

#include <cstdlib>
#include <fstream>
#include <iostream>

#include <fmt/ostream.h>
#include <unistd.h>

#include "codec/json.h"
#include "codec/text.h"

namespace narrows::client {

Output standard_output(bool json) {
    const bool colour = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    return {std::cout, std::cerr, json, colour};
}

void print_json(const Output& to, const codec::Value& value) {
    to.out << codec::json_encode(value) << std::endl;
}

int failed(const Output& to, const Error& error, int exit_code) {
    if (to.json) {
        const codec::Value line =
            codec::Map{{"error", name_of(error.code)}, {"message", error.what}};
        to.err << codec::json_encode(line) << std::endl;
    } else {
        fmt::print(to.err, "narrows: {}\n", codec::printable(error.what));
    }
    return exit_code;
}

int failed(const Output& to, const Error& error) {
    const bool usage = error.code == ErrorCode::invalid || error.code == ErrorCode::not_found;
    return failed(to, error, usage ? kUsage : kCannotTell);
}

int operator_failed(const Output& to, const Error& error) {
    switch (error.code) {
        case ErrorCode::invalid:
            return failed(to, error, kUsage);
        case ErrorCode::unauthenticated:
        case ErrorCode::denied:
        case ErrorCode::not_found:
        case ErrorCode::conflict:
            return failed(to, error, kWanting);
        default:
            return failed(to, error, kCannotTell);
    }
}

std::string paint(const Output& to, Paint paint, std::string_view text) {
    if (!to.colour) {
        return std::string(text);
    }
    constexpr const char* kCodes[] = {"31", "33", "32", "1"};
    return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<int>(paint)], text);
}

Result<std::string> read_text(const std::string& path, std::size_t size_max) {
    std::ifstream file;
    if (path != "-") {
        file.open(path, std::ios::binary);
        if (!file) {
            return fail(ErrorCode::not_found, path + " cannot be opened for reading");
        }
    }
    std::istream& from = path == "-" ? std::cin : file;
    std::string text;
    char part[16 * 1024];
    while (from.read(part, sizeof part), from.gcount() > 0) {
        text.append(part, static_cast<std::size_t>(from.gcount()));
        if (text.size() > size_max) {
            return fail(
                ErrorCode::invalid,
                fmt::format("{} is larger than the {} bytes that are read", path, size_max));
        }
    }
    if (from.bad()) {
        return fail(ErrorCode::io, path + " cannot be read to its end");
    }
    return text;
}

}  // namespace narrows::client
