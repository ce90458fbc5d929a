#pragma once

#include <memory>
#include <optional>

#include "http/http2_connection.h"

namespace narrows::http {

/// A connection over HTTP/2 to an upstream: one exchange after another, one stream at a time.
class Http2Client final : public ClientExchange {
  public:
    Http2Client(net::Loop& loop, net::StreamPtr stream, bool tls);
    ~Http2Client() override;

    net::Task<Result<void>> write_head(const RequestHead& head, Framing framing,
                                       ByteView first) override;
    net::Task<Result<void>> write_body(ByteView part) override;
    net::Task<Result<void>> finish_body() override;
    net::Task<Result<ResponseHead>> read_head(const std::string& method) override;
    net::Task<Result<ByteView>> read_body() override { return end_->read(); }
    bool body_done() const override { return end_->stream().ended && end_->stream().body.empty(); }
    std::optional<std::uint64_t> content_length() const override { return end_->stream().length; }
    bool unprocessed() const override { return !end_ || end_->stream().unprocessed; }
    bool ended_well() const override;
    bool is_reusable() const override { return ended_well(); }
    void expires_after(net::Millis time) override;
    void close() override;

  private:
    struct Link;
    const std::shared_ptr<Link> link_;  // shared with its reader and its writer, which end later
    const bool tls_;
    net::Millis patience_{0};
    std::optional<Http2End> end_;
};

}  // namespace narrows::http
