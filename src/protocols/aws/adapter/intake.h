#pragma once

#include <optional>

#include "http/exchange.h"
#include "protocols/aws/adapter/post_object.h"
#include "protocols/aws/adapter/rejection.h"

namespace narrows::aws {

/// Tells an agent to send that waits to be told so (Expect: 100-continue, RFC 9110 section 10.1.1).
net::Task<Result<void>> invite(http::ServerExchange& agent, const http::RequestHead& head);
bool waits_for_invitation(const http::RequestHead& head);

/// Bodies that are held in memory, and what of a browser's form comes before its file. Every read
/// has a bound and a deadline for all of it. Lives as long as its exchange, on one loop.
class Intake {
  public:
    explicit Intake(http::ServerExchange& agent) : agent_(agent) {}

    /// The fields of a browser's upload, with what came of the file. Nobody is known yet, so they
    /// are few. Nothing, or why it is no such form.
    net::Task<std::optional<Rejection>> begin_form(const http::RequestHead& head);
    /// Once they have come; null: it is no form.
    const sigv4::FormFields* form() const { return form_ ? &form_->fields : nullptr; }

    /// The body; of a form the file. ErrorCode::exhausted: it is larger than that.
    net::Task<Result<Bytes>> read_whole(const http::RequestHead& head, std::size_t size_max);
    /// ErrorCode::invalid: of the form, the end is missing.
    Result<void> check_whole() const;
    /// What a refused request brings, for its record. Nothing if it is much, or would not come.
    net::Task<std::optional<Bytes>> read_refused(const http::RequestHead& head);

  private:
    net::Task<Result<Bytes>> collect(std::size_t size_max);

    http::ServerExchange& agent_;
    std::optional<PostedForm> form_;
    bool form_begun_ = false;  ///< some of the body has been read for it
    bool invited_ = false;
};

}  // namespace narrows::aws
