#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "protocols/aws/upstream/fetch.h"

namespace narrows::upstream {
namespace {

constexpr std::size_t kFileMax = 64 * 1024;

class SystemHost : public Host {
  public:
    std::optional<std::string> variable(const std::string& name) const override {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    }

    Result<Secret> read_file(const std::string& path) const override {
        const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                                   &std::fclose);
        if (!file) {
            const bool absent = errno == ENOENT || errno == ENOTDIR;
            return fail(absent ? ErrorCode::not_found : ErrorCode::io, "cannot open " + path);
        }
        // Unbuffered, so that no copy of a secret stays behind in a stdio buffer.
        std::setvbuf(file.get(), nullptr, _IONBF, 0);
        Bytes bytes(kFileMax + 1);
        const std::size_t size = std::fread(bytes.data(), 1, bytes.size(), file.get());
        bytes.resize(size);
        Secret content(std::move(bytes));
        if (std::ferror(file.get()) != 0) return fail(ErrorCode::io, "cannot read " + path);
        if (size > kFileMax) return fail(ErrorCode::exhausted, path + " is larger than 64 KiB");
        return content;
    }
};

}  // namespace

const Host& system_host() {
    static const SystemHost host;
    return host;
}

}  // namespace narrows::upstream
