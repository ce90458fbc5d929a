#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "codec/text.h"
#include "evidence/verify.h"
#include "io/faulty.h"

// The C++ verifier as a filter, on stores in memory. A command a line:
//   put PATH HEX | load PATH FILE | drop PATH      change the store that the others are made from
//   trust HEX | kept HEX | key HEX                 what the verifier brings
//   edit PATH HEX | flip PATH OFFSET BITS | remove PATH    change it for the next verification only
//   verify     prints verdict, kind, file, offset and words of the first defect, with tabs between
namespace {

using namespace narrows;
using namespace narrows::evidence;

class Filter {
  public:
    void obey(const std::string& line) {
        std::istringstream words(line);
        std::string command;
        std::string path;
        std::string rest;
        words >> command >> path;
        std::getline(words >> std::ws, rest);
        if (command == "put") {
            set(path, bytes_of(rest));
        } else if (command == "load") {
            set(path, io::read_all(io::posix(), rest, 1 << 30).value());
        } else if (command == "drop") {
            store_.erase(path);
            (void)disk_.remove(kRoot + path);
        } else if (command == "trust") {
            options_.trust = parse_trust(as_text(bytes_of(path))).value();
        } else if (command == "key") {
            options_.keys.push_back(to_string(bytes_of(path)));
        } else if (command == "kept") {
            options_.checkpoints.push_back(to_string(bytes_of(path)));
        } else if (command == "edit") {
            change(path, bytes_of(rest));
        } else if (command == "flip") {
            flip(path, rest);
        } else if (command == "remove") {
            changed_.push_back(path);
            (void)disk_.remove(kRoot + path);
        } else {
            verify_it();
        }
    }

  private:
    static constexpr const char* kRoot = "/data/";

    static Bytes bytes_of(const std::string& hex) { return codec::unhex(hex).value(); }
    void set(const std::string& path, const Bytes& bytes) {
        store_[path] = bytes;
        disk_.set_content(kRoot + path, bytes);
    }
    void change(const std::string& path, Bytes bytes) {
        changed_.push_back(path);
        disk_.set_content(kRoot + path, std::move(bytes));
    }
    void flip(const std::string& path, const std::string& rest) {
        std::istringstream words(rest);
        std::size_t offset = 0;
        unsigned bits = 0;
        words >> offset >> bits;
        Bytes bytes = store_.at(path);
        bytes.at(offset) ^= static_cast<std::uint8_t>(bits);
        change(path, std::move(bytes));
    }
    void verify_it() {
        const Report report = verify(disk_, options_);
        const auto& kept = report.findings.kept();
        auto first = std::find_if(kept.begin(), kept.end(),
                                  [](const Finding& each) { return is_wanting(each.kind); });
        first = first == kept.end() ? kept.begin() : first;
        const Finding found = first == kept.end() ? Finding{} : *first;
        fmt::print("{}\t{}\t{}\t{}\t{}\n", name_of(report.verdict),
                   kept.empty() ? "" : name_of(found.kind), found.place.file, found.place.offset,
                   codec::printable(found.what));
        std::fflush(stdout);
        for (const std::string& path : changed_) {
            const auto original = store_.find(path);
            if (original == store_.end()) {
                (void)disk_.remove(kRoot + path);
            } else {
                disk_.set_content(kRoot + path, original->second);
            }
        }
        changed_.clear();
    }

    io::FaultyFileSystem disk_;
    std::map<std::string, Bytes> store_;
    std::vector<std::string> changed_;
    VerifyOptions options_{.data_dir = "/data", .trust = {}, .checkpoints = {}, .progress = {}};
};

}  // namespace

int main() {
    Filter filter;
    for (std::string line; std::getline(std::cin, line);) {
        filter.obey(line);
    }
    return 0;
}
