#pragma once

#include <memory>

#include "archive/store.h"
#include "gateway/s3_client.h"

namespace narrows::gateway {

/// How objects are locked (S3 Object Lock, mode COMPLIANCE).
struct S3Locks {
    std::uint32_t retention_days = 0;      ///< Keeping::locked; 0: no lock of ours
    std::uint32_t key_retention_days = 0;  ///< Keeping::minimum
    bool legal_hold = false;               ///< on everything that is locked
};

/// An archive in S3, or in something that speaks as S3 does. Objects are put with
/// `If-None-Match: *` and x-amz-checksum-sha256, those over `part_bytes` in parts; what the store
/// says afterwards (length, checksum, lock) is compared, and where it says no checksum, or that of
/// other parts, the object is read back. Whatever its size, a few MiB of it are in memory.
/// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
class S3Store : public archive::Store {
  public:
    static constexpr std::uint64_t kPartBytes = 80 << 20;

    /// `clock` must outlive it. S3 takes parts from 5 MiB to 5 GiB.
    S3Store(std::unique_ptr<S3Client> client, const Clock& clock, S3Locks locks,
            std::uint64_t part_bytes = kPartBytes)
        : client_(std::move(client)), clock_(clock), locks_(locks), part_bytes_(part_bytes) {}

    const std::string& name() const override { return client_->name(); }
    Result<archive::Object> put(const std::string& key, const archive::Content& content,
                                const crypto::Digest& sha256, archive::Keeping keeping) override;
    Result<void> replace(const std::string& key, ByteView bytes) override;
    Result<void> confirm(const archive::Object& object, const archive::Content& content) override;
    Result<Bytes> read(const std::string& key, const std::string& version, std::uint64_t offset,
                       std::size_t size) override;
    Result<archive::ListPage> list(const std::string& prefix,
                                   const archive::ListMark& from) override;
    Result<archive::Lock> lock_of(const std::string& key, const std::string& version) override;
    /// Nothing: the bucket's lifecycle rule does it.
    void drop(const std::string&) override {}

  private:
    http::Headers lock_headers(archive::Keeping keeping) const;
    Result<S3Answer> head(const std::string& key, const std::string& version);
    Result<void> check_bytes(const S3Answer& answer, const archive::Object& object,
                             const archive::Content& content);
    Result<bool> is_composite_of(std::string_view stated, const archive::Content& content) const;
    Result<void> read_back(const archive::Object& object);
    Result<void> check_lock(const S3Answer& answer, const std::string& key,
                            archive::Keeping keeping) const;
    Result<void> put_whole(const std::string& key, const archive::Content& content,
                           const crypto::Digest& sha256, archive::Keeping keeping);
    Result<void> put_in_parts(const std::string& key, const archive::Content& content,
                              archive::Keeping keeping);
    Result<std::string> begin_parts(const std::string& key, archive::Keeping keeping);
    Result<std::string> put_parts(const std::string& key, const std::string& upload,
                                  const archive::Content& content);
    Result<std::string> put_part(const std::string& key, const std::string& upload,
                                 std::size_t number, const archive::Content& part);
    Result<bool> finish_parts(const std::string& key, const std::string& upload,
                              const std::string& list);
    Result<archive::ListPage> list_page(const std::string& prefix, const archive::ListMark& from);

    std::unique_ptr<S3Client> client_;
    const Clock& clock_;
    const S3Locks locks_;
    const std::uint64_t part_bytes_;
};

}  // namespace narrows::gateway
