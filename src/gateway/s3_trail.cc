#include "gateway/s3_trail.h"

#include <fmt/format.h>

#include "codec/xml.h"

namespace narrows::gateway {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;
constexpr std::size_t kPageMax = std::size_t{8} << 20;

std::string child_text(const codec::XmlElement& parent, std::string_view name) {
    const codec::XmlElement* child = parent.child(name);
    return child == nullptr ? std::string() : child->text;
}

class S3Trail final : public reconcile::Trail {
  public:
    S3Trail(std::unique_ptr<S3Client> client, std::string prefix)
        : client_(std::move(client)),
          prefix_(std::move(prefix)),
          name_(client_->name() + "/" + prefix_) {}

    const std::string& name() const override { return name_; }

    Result<void> list(
        const std::function<Result<void>(const reconcile::TrailFile&)>& take) override {
        std::string next;
        do {
            NARROWS_TRY(next, list_page(next, take));
        } while (!next.empty());
        return ok();
    }

    /// In pieces; an object of CloudTrail's is never written over.
    Result<void> read(const std::string& path,
                      const std::function<Result<void>(ByteView)>& take) override {
        for (std::uint64_t at = 0;; at += kPieceBytes) {
            S3Ask ask{"GET", path, {}, {}, {}};
            ask.headers.push_back({"Range", fmt::format("bytes={}-{}", at, at + kPieceBytes - 1)});
            ask.answer_max = kPieceBytes + 64 * 1024;
            NARROWS_TRY(const S3Answer answer, client_->ask(ask));
            const bool is_piece = answer.status == 206 || (answer.status == 200 && at == 0);
            if (answer.status != 416 && !is_piece) {
                return fail(client_->odd(answer, "GET", path));
            }
            if (answer.status == 416 || answer.body.empty()) {
                return ok();
            }
            NARROWS_TRY(take(answer.body));
            if (answer.body.size() < kPieceBytes) {
                return ok();
            }
        }
    }

    Result<std::string> signature(const std::string& path) override {
        const S3Ask ask{"HEAD", path, {}, {}, {}};
        NARROWS_TRY(const S3Answer answer, client_->ask(ask));
        if (answer.status != 200) {
            return fail(client_->odd(answer, "HEAD", path));
        }
        return std::string(http::header(answer.headers, "x-amz-meta-signature"));
    }

  private:
    /// Where the next page begins, or "".
    Result<std::string> list_page(
        const std::string& from,
        const std::function<Result<void>(const reconcile::TrailFile&)>& take) {
        S3Ask ask{"GET", "", {{"list-type", "2"}, {"prefix", prefix_}}, {}, {}};
        if (!from.empty()) {
            ask.query.push_back({"continuation-token", from});
        }
        ask.answer_max = kPageMax;
        NARROWS_TRY(const S3Answer answer, client_->ask(ask));
        const auto page = codec::xml_decode(as_text(answer.body));
        if (answer.status != 200 || !page) {
            return fail(client_->odd(answer, "list", prefix_));
        }
        for (const codec::XmlElement& child : page.value().children) {
            if (child.name == "Contents") {
                NARROWS_TRY(take({child_text(child, "Key"),
                                  child_text(child, "Size") + " " + child_text(child, "ETag")}));
            }
        }
        const bool more = child_text(page.value(), "IsTruncated") == "true";
        return more ? child_text(page.value(), "NextContinuationToken") : std::string();
    }

    const std::unique_ptr<S3Client> client_;
    const std::string prefix_;
    const std::string name_;
};

}  // namespace

Result<std::unique_ptr<reconcile::Trail>> open_s3_trail(S3Place place, const Clock& clock,
                                                        Fetches& fetches) {
    std::string prefix = std::exchange(place.prefix, {});
    NARROWS_TRY(std::unique_ptr<S3Client> client, S3Client::make(place, clock, fetches));
    return std::unique_ptr<reconcile::Trail>(
        std::make_unique<S3Trail>(std::move(client), std::move(prefix)));
}

}  // namespace narrows::gateway
