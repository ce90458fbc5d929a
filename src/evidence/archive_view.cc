#include "evidence/archive_view.h"

#include <algorithm>

namespace narrows::evidence {
namespace {

Error only_read(const std::string& path) {
    return {ErrorCode::unsupported, path + " is seen through an archive, which is only read"};
}

}  // namespace

const std::string* ArchiveView::moved(const std::string& path) const {
    const auto folder = moved_.find(io::directory_of(path));
    if (folder == moved_.end()) {
        return nullptr;
    }
    const auto file = folder->second.find(path.substr(folder->first.size() + 1));
    return file == folder->second.end() ? nullptr : &file->second;
}

Result<std::unique_ptr<io::File>> ArchiveView::open(const std::string& path, io::Mode mode,
                                                    io::Cache cache) {
    if (mode != io::Mode::read) {
        return fail(only_read(path));
    }
    const std::string* there = moved(path);
    return under_.open(there == nullptr ? path : *there, mode, cache);
}

Result<std::vector<std::string>> ArchiveView::list(const std::string& directory) {
    auto listed = under_.list(directory);
    const auto folder = moved_.find(directory);
    if (folder == moved_.end()) {
        return listed;
    }
    if (!listed && listed.error().code != ErrorCode::not_found) {
        return listed;
    }
    std::vector<std::string> names =
        listed ? std::move(listed).value() : std::vector<std::string>();
    for (const auto& [name, path] : folder->second) {
        names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

Result<bool> ArchiveView::exists(const std::string& path) {
    const std::string* there = moved(path);
    return under_.exists(there == nullptr ? path : *there);
}

Result<void> ArchiveView::rename(const std::string& from, const std::string&) {
    return fail(only_read(from));
}
Result<void> ArchiveView::remove(const std::string& path) {
    return fail(only_read(path));
}
Result<void> ArchiveView::sync_directory(const std::string& directory) {
    return fail(only_read(directory));
}
Result<void> ArchiveView::make_directory(const std::string& directory) {
    return fail(only_read(directory));
}
Result<std::uint64_t> ArchiveView::free_bytes(const std::string& directory) {
    return fail(only_read(directory));
}
Result<std::unique_ptr<io::Lock>> ArchiveView::lock(const std::string& path) {
    return fail(only_read(path));
}

}  // namespace narrows::evidence
