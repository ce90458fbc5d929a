#include "io/faulty.h"

#include <algorithm>
#include <random>

namespace narrows::io {
namespace {

constexpr std::size_t kSector = 512;

Error injected(const std::string& path) {
    return {ErrorCode::io, path + ": injected input/output error"};
}

/// One write or change of size that the disk does not have yet.
struct Change {
    std::uint64_t offset = 0;
    Bytes bytes;
    bool resize = false;  ///< `offset` is the new size
};

void apply_change(Bytes& content, const Change& change) {
    if (change.resize) {
        content.resize(change.offset);
        return;
    }
    content.resize(std::max<std::size_t>(content.size(), change.offset + change.bytes.size()));
    std::copy(change.bytes.begin(), change.bytes.end(),
              content.begin() + static_cast<std::ptrdiff_t>(change.offset));
}

/// Some of the change's sectors reach the disk, some do not.
void apply_change_torn(Bytes& content, const Change& change, std::mt19937_64& random) {
    if (change.resize) {
        apply_change(content, change);
        return;
    }
    for (std::size_t at = 0; at < change.bytes.size(); at += kSector) {
        if ((random() & 1) != 0) {
            const std::size_t size = std::min(kSector, change.bytes.size() - at);
            const auto from = change.bytes.begin() + static_cast<std::ptrdiff_t>(at);
            apply_change(content, {.offset = change.offset + at,
                                   .bytes = Bytes(from, from + static_cast<std::ptrdiff_t>(size))});
        }
    }
}

}  // namespace

struct FaultyFileSystem::Node {
    Bytes live;
    Bytes durable;
    std::vector<Change> unsynced;
};

class FaultyFileSystem::FaultyFile : public File {
  public:
    FaultyFile(FaultyFileSystem& fs, std::shared_ptr<Node> node, std::string path,
               std::size_t alignment)
        : fs_(fs),
          node_(std::move(node)),
          path_(std::move(path)),
          alignment_(alignment),
          life_(fs.life_) {}

    Result<std::size_t> pread(std::span<std::uint8_t> into, std::uint64_t offset) const override {
        const std::lock_guard guard(fs_.mutex_);
        if (offset >= node_->live.size()) {
            return std::size_t{0};
        }
        const std::size_t size = std::min<std::size_t>(into.size(), node_->live.size() - offset);
        std::copy_n(node_->live.begin() + static_cast<std::ptrdiff_t>(offset), size, into.begin());
        return size;
    }
    Result<std::size_t> pwrite(ByteView bytes, std::uint64_t offset) override {
        NARROWS_TRY(begin(Operation::write));
        return fs_.write(*node_, path_, bytes, offset);
    }
    Result<void> datasync() override {
        NARROWS_TRY(begin(Operation::sync));
        return fs_.sync(*node_, path_);
    }
    Result<void> allocate(std::uint64_t size) override {
        NARROWS_TRY(begin(Operation::allocate));
        return fs_.resize(*node_, path_, size, true);
    }
    Result<void> truncate(std::uint64_t size) override {
        NARROWS_TRY(begin(Operation::truncate));
        return fs_.resize(*node_, path_, size, false);
    }
    Result<std::uint64_t> size() const override {
        const std::lock_guard guard(fs_.mutex_);
        return static_cast<std::uint64_t>(node_->live.size());
    }
    std::size_t alignment() const override { return alignment_; }
    const std::string& path() const override { return path_; }

  private:
    Result<void> begin(Operation operation) {
        if (life_ != fs_.life_) {
            return fail(injected(path_));
        }
        return fs_.begin(operation, path_);
    }

    FaultyFileSystem& fs_;
    std::shared_ptr<Node> node_;
    std::string path_;
    std::size_t alignment_;
    std::uint64_t life_;
};

class FaultyFileSystem::FaultyLock : public Lock {
  public:
    FaultyLock(FaultyFileSystem& fs, std::string path)
        : fs_(fs), path_(std::move(path)), life_(fs.life_) {}
    ~FaultyLock() override {
        const std::lock_guard guard(fs_.mutex_);
        if (life_ == fs_.life_) {
            fs_.locks_.erase(path_);
        }
    }
    FaultyLock(const FaultyLock&) = delete;
    FaultyLock& operator=(const FaultyLock&) = delete;

  private:
    FaultyFileSystem& fs_;
    std::string path_;
    std::uint64_t life_;
};

void FaultyFileSystem::set_faults(const Faults& faults) {
    const std::lock_guard guard(mutex_);
    faults_ = faults;
}

void FaultyFileSystem::set_hook(Hook hook) {
    const std::lock_guard guard(mutex_);
    hook_ = std::move(hook);
}

bool FaultyFileSystem::hits(std::uint64_t at, std::uint64_t times, std::uint64_t now) {
    return now >= at && now - at < times;
}

Result<void> FaultyFileSystem::begin(Operation operation, const std::string& path) {
    Hook hook;
    {
        const std::lock_guard guard(mutex_);
        hook = hook_;
    }
    if (hook) {
        NARROWS_TRY(hook(operation, path));
    }
    const std::lock_guard guard(mutex_);
    ++operations_;
    if (operations_ >= faults_.die_at) {
        return fail(injected(path));
    }
    return ok();
}

std::uint64_t FaultyFileSystem::used() const {
    std::uint64_t sum = 0;
    for (const auto& [name, node] : names_) {
        sum += node->live.size();
    }
    return sum;
}

Result<std::size_t> FaultyFileSystem::write(Node& node, const std::string& path, ByteView bytes,
                                            std::uint64_t offset) {
    const std::lock_guard guard(mutex_);
    ++writes_;
    if (hits(faults_.write_error_at, faults_.times, writes_)) {
        return fail(injected(path));
    }
    if (hits(faults_.write_short_at, faults_.times, writes_)) {
        bytes = bytes.first(bytes.size() / 2);
    }
    const std::uint64_t end = offset + bytes.size();
    if (end > node.live.size() && used() + (end - node.live.size()) > faults_.capacity) {
        return fail(ErrorCode::exhausted, path + ": injected: no space left");
    }
    Change change{.offset = offset, .bytes = to_bytes(bytes)};
    apply_change(node.live, change);
    node.unsynced.push_back(std::move(change));
    return bytes.size();
}

Result<void> FaultyFileSystem::sync(Node& node, const std::string& path) {
    const std::lock_guard guard(mutex_);
    ++syncs_;
    if (hits(faults_.sync_error_at, faults_.times, syncs_)) {
        node.unsynced.clear();
        return fail(injected(path));
    }
    for (const Change& change : node.unsynced) {
        apply_change(node.durable, change);
    }
    node.unsynced.clear();
    return ok();
}

Result<void> FaultyFileSystem::resize(Node& node, const std::string& path, std::uint64_t size,
                                      bool grow_only) {
    const std::lock_guard guard(mutex_);
    if (grow_only && size <= node.live.size()) {
        return ok();
    }
    if (size > node.live.size() && used() + (size - node.live.size()) > faults_.capacity) {
        return fail(ErrorCode::exhausted, path + ": injected: no space left");
    }
    Change change{.offset = size, .bytes = {}, .resize = true};
    apply_change(node.live, change);
    node.unsynced.push_back(std::move(change));
    return ok();
}

void FaultyFileSystem::kill() {
    const std::lock_guard guard(mutex_);
    ++life_;
    locks_.clear();
    faults_ = {};
}

void FaultyFileSystem::power_cut(std::uint64_t tear_seed) {
    const std::lock_guard guard(mutex_);
    ++life_;
    locks_.clear();
    faults_ = {};
    names_ = durable_names_;
    std::mt19937_64 random(tear_seed);
    for (auto& [name, node] : names_) {
        for (const Change& change : node->unsynced) {
            if (tear_seed != 0) {
                apply_change_torn(node->durable, change, random);
            }
        }
        node->unsynced.clear();
        node->live = node->durable;
    }
}

std::uint64_t FaultyFileSystem::operations() const {
    const std::lock_guard guard(mutex_);
    return operations_;
}

std::uint64_t FaultyFileSystem::writes() const {
    const std::lock_guard guard(mutex_);
    return writes_;
}

std::uint64_t FaultyFileSystem::syncs() const {
    const std::lock_guard guard(mutex_);
    return syncs_;
}

Bytes FaultyFileSystem::content(const std::string& path) const {
    const std::lock_guard guard(mutex_);
    const auto found = names_.find(path);
    return found == names_.end() ? Bytes() : found->second->live;
}

void FaultyFileSystem::set_content(const std::string& path, Bytes bytes) {
    const std::lock_guard guard(mutex_);
    const auto node = std::make_shared<Node>();
    node->live = bytes;
    node->durable = std::move(bytes);
    names_[path] = node;
    durable_names_[path] = node;
}

Result<std::unique_ptr<File>> FaultyFileSystem::open(const std::string& path, Mode mode,
                                                     Cache cache) {
    const std::lock_guard guard(mutex_);
    auto found = names_.find(path);
    const bool creates = mode == Mode::create_new || mode == Mode::create_over;
    if (creates && operations_ >= faults_.die_at) {
        return fail(injected(path));
    }
    if (found == names_.end() && !creates) {
        return fail(ErrorCode::not_found, path + " does not exist");
    }
    if (found != names_.end() && mode == Mode::create_new) {
        return fail(ErrorCode::conflict, path + " exists");
    }
    if (creates) {
        names_[path] = std::make_shared<Node>();
        found = names_.find(path);
    }
    const std::size_t alignment = cache == Cache::direct ? AlignedBuffer::kAlignment : 1;
    return std::make_unique<FaultyFile>(*this, found->second, path, alignment);
}

Result<void> FaultyFileSystem::rename(const std::string& from, const std::string& to) {
    NARROWS_TRY(begin(Operation::rename, from));
    const std::lock_guard guard(mutex_);
    const auto found = names_.find(from);
    if (found == names_.end()) {
        return fail(ErrorCode::not_found, from + " does not exist");
    }
    names_[to] = found->second;
    names_.erase(from);
    return ok();
}

Result<void> FaultyFileSystem::remove(const std::string& path) {
    NARROWS_TRY(begin(Operation::remove, path));
    const std::lock_guard guard(mutex_);
    if (names_.erase(path) == 0) {
        return fail(ErrorCode::not_found, path + " does not exist");
    }
    return ok();
}

Result<void> FaultyFileSystem::sync_directory(const std::string& directory) {
    NARROWS_TRY(begin(Operation::sync_directory, directory));
    const std::lock_guard guard(mutex_);
    ++syncs_;
    if (hits(faults_.sync_error_at, faults_.times, syncs_)) {
        return fail(injected(directory));
    }
    std::erase_if(durable_names_,
                  [&](const auto& entry) { return directory_of(entry.first) == directory; });
    for (const auto& [name, node] : names_) {
        if (directory_of(name) == directory) {
            durable_names_[name] = node;
        }
    }
    return ok();
}

Result<void> FaultyFileSystem::make_directory(const std::string&) {
    return ok();
}

Result<std::vector<std::string>> FaultyFileSystem::list(const std::string& directory) {
    const std::lock_guard guard(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, node] : names_) {
        if (directory_of(name) == directory) {
            names.push_back(name.substr(directory.size() + 1));
        }
    }
    return names;
}

Result<bool> FaultyFileSystem::exists(const std::string& path) {
    const std::lock_guard guard(mutex_);
    return names_.contains(path);
}

Result<std::uint64_t> FaultyFileSystem::free_bytes(const std::string&) {
    const std::lock_guard guard(mutex_);
    const std::uint64_t taken = used();
    return faults_.capacity > taken ? faults_.capacity - taken : std::uint64_t{0};
}

Result<std::unique_ptr<Lock>> FaultyFileSystem::lock(const std::string& path) {
    const std::lock_guard guard(mutex_);
    if (!locks_.insert(path).second) {
        return fail(ErrorCode::conflict, path + " is locked: another process works on it");
    }
    return std::make_unique<FaultyLock>(*this, path);
}

}  // namespace narrows::io
