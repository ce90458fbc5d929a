#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/hash.h"
#include "io/file.h"

/// A place outside that keeps copies of a gateway's evidence, as whoever puts and fetches them
/// sees it. Object keys are relative to the gateway's folder there ("seg/control/…").
namespace narrows::archive {

/// How long an object is to be undeletable, where the store can see to that.
enum class Keeping {
    plain,    ///< as long as nobody deletes it
    minimum,  ///< the retention of key envelopes, which must stay deletable some day
    locked,   ///< the full retention
};

/// What a store says of an object that it holds.
struct Object {
    std::string key;
    std::string version;  ///< empty where the store has none
    std::uint64_t bytes = 0;
    crypto::Digest sha256{};
};

/// One object in a listing; nothing is said of its content.
struct Listed {
    std::string key;
    std::string version;
    std::uint64_t bytes = 0;
};

/// What a store says that keeps an object from being deleted.
struct Lock {
    std::string mode;   ///< "COMPLIANCE", "GOVERNANCE"; empty: it says nothing of one
    std::string until;  ///< "2026-12-24T00:00:00Z"
    bool legal_hold = false;
};

/// Where a listing goes on. `key` empty: at its beginning, or nowhere.
struct ListMark {
    std::string key;
    std::string version;
    friend bool operator==(const ListMark&, const ListMark&) = default;
};

struct ListPage {
    std::vector<Listed> listed;  ///< in order of key; a key stands there once a version
    ListMark next;
};

/// What is to be put: bytes that can be read more than once.
class Content {
  public:
    virtual ~Content() = default;
    virtual std::uint64_t size() const = 0;
    /// Exactly [offset, offset + size), which lies inside.
    virtual Result<Bytes> read(std::uint64_t offset, std::size_t size) const = 0;
};

/// Called by one thread at a time; blocks, bounded by the store's own time-outs. Errors:
/// ErrorCode::conflict: under this key stand other bytes; ErrorCode::denied: the store refuses, and
/// will until somebody changes something; ErrorCode::not_found; all others: to be tried again.
class Store {
  public:
    virtual ~Store() = default;
    /// For people and for the log: "s3://bucket/v1/narrows+gw-1", a directory's path.
    virtual const std::string& name() const = 0;
    /// Puts the object unless its key is taken, then asks the store what it holds: an answer means
    /// that the store has confirmed these bytes, whoever put them. Never replaces anything.
    virtual Result<Object> put(const std::string& key, const Content& content,
                               const crypto::Digest& sha256, Keeping keeping) = 0;
    /// Puts a small object in place of the one before: for the pointer to the newest checkpoint.
    virtual Result<void> replace(const std::string& key, ByteView bytes) = 0;
    /// Whether the store still holds this very object, whose content is at hand; else
    /// ErrorCode::not_found or ErrorCode::conflict.
    virtual Result<void> confirm(const Object& object, const Content& content) = 0;
    /// Up to `size` bytes from `offset`, fewer only at the end. `version` empty: the newest.
    virtual Result<Bytes> read(const std::string& key, const std::string& version,
                               std::uint64_t offset, std::size_t size) = 0;
    /// The objects whose keys begin with `prefix`, from `from` on, about kListedMax at once; an
    /// empty page is the last. No key below a further '/' is listed.
    virtual Result<ListPage> list(const std::string& prefix, const ListMark& from) = 0;
    /// Empty where the store locks nothing, or does not say.
    virtual Result<Lock> lock_of(const std::string& key, const std::string& version) = 0;
    /// Deletes what is superseded or shredded, where that is the store's business: in an S3 bucket
    /// its lifecycle rule and its custodian do it, since the gateway's role should not be able to.
    virtual void drop(const std::string& key) = 0;
};
inline constexpr std::size_t kListedMax = 1'000;

/// Bytes in memory; refers to them.
class BytesContent : public Content {
  public:
    explicit BytesContent(ByteView bytes) : bytes_(bytes) {}
    std::uint64_t size() const override { return bytes_.size(); }
    Result<Bytes> read(std::uint64_t offset, std::size_t size) const override {
        return to_bytes(bytes_.subspan(offset, size));
    }

  private:
    ByteView bytes_;
};

/// A stretch of a file that does not change any more.
class FileContent : public Content {
  public:
    static Result<FileContent> open(io::FileSystem& fs, const std::string& path, std::uint64_t from,
                                    std::uint64_t size);
    std::uint64_t size() const override { return size_; }
    Result<Bytes> read(std::uint64_t offset, std::size_t size) const override;

  private:
    FileContent(std::unique_ptr<io::File> file, std::uint64_t from, std::uint64_t size)
        : file_(std::move(file)), from_(from), size_(size) {}
    std::unique_ptr<io::File> file_;
    std::uint64_t from_;
    std::uint64_t size_;
};

/// Bytes [from, from + size) of another content, which must outlive it.
class PartContent : public Content {
  public:
    PartContent(const Content& whole, std::uint64_t from, std::uint64_t size)
        : whole_(whole), from_(from), size_(size) {}
    std::uint64_t size() const override { return size_; }
    Result<Bytes> read(std::uint64_t offset, std::size_t size) const override {
        return whole_.read(from_ + offset, size);
    }

  private:
    const Content& whole_;
    std::uint64_t from_;
    std::uint64_t size_;
};

/// How much is read and hashed at once.
inline constexpr std::size_t kPieceBytes = 1 << 20;
Result<crypto::Digest> hash_of(const Content& content);
/// An object whole; ErrorCode::exhausted beyond `bytes_max`.
Result<Bytes> read_object(Store& store, const std::string& key, const std::string& version,
                          std::size_t bytes_max);
/// Everything below `prefix`, however many pages it takes; ErrorCode::exhausted beyond `most`.
Result<std::vector<Listed>> list_all(Store& store, const std::string& prefix, std::size_t most);
/// Puts bytes, with their hash.
Result<Object> put_bytes(Store& store, const std::string& key, ByteView bytes, Keeping keeping);

}  // namespace narrows::archive
