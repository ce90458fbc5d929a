#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "codec/value.h"

/// The events of a CloudTrail log file:
/// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
/// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
namespace narrows::reconcile {

/// Cuts `{"Records":[…]}` into its events' texts as it comes, each of at most kEventBytesMax
/// bytes. Whether an event is JSON is for whoever decodes it. Not thread-safe.
class EventSplitter {
  public:
    /// CloudTrail's own bounds add up to less than a quarter of it.
    static constexpr std::size_t kEventBytesMax = std::size_t{1} << 20;
    using Take = std::function<Result<void>(std::string_view event)>;
    explicit EventSplitter(Take take) : take_(std::move(take)) {}

    Result<void> feed(std::string_view text);
    /// That the document is whole.
    Result<void> finish() const;

  private:
    enum class Place { before, first, event, between, next, close, after };
    Result<void> step(char c);
    Result<std::size_t> inside(std::string_view text);

    const Take take_;
    Place place_ = Place::before;
    std::size_t matched_ = 0;  ///< of what stands before the first event
    std::size_t depth_ = 0;
    bool in_string_ = false;
    bool escaped_ = false;
    std::string event_;
};

/// What counts of an event. Empty where the event has no such field.
struct Event {
    std::string id;
    std::string shared_id;  ///< the same in the events of all accounts that the call concerns
    std::string request_id;
    std::string source;  ///< "s3.amazonaws.com"
    std::string name;    ///< "GetObject"
    std::string region;
    std::string recipient;  ///< account whose trail it is
    WallNs time = 0;
    bool is_data = false;
    std::string error;

    std::string account;  ///< of who called
    std::string key_id;
    std::string principal;     ///< "ACCOUNT:role/NAME" or "ACCOUNT:user/NAME"; see principal_of
    std::string session_name;  ///< of an assumed role; `principal` is empty if no role is told
    std::string source_identity;
    std::string invoked_by;   ///< a service that called in somebody's name
    bool is_service = false;  ///< a service that called in its own
    /// ARN of the function, instance … that a service gave these credentials to (inScopeOf).
    std::string issued_to;
    std::string source_arn;    ///< of what a service called for (inScopeOf)
    bool is_instance = false;  ///< an instance got its credentials from EC2 (ec2RoleDelivery)
    std::string assumed;       ///< principal of the role, of an AssumeRole
    /// Of an AssumeRoleWithWebIdentity: the provider's ARN or name, and whom it says that it is.
    std::string provider;
    std::string subject;
    codec::Value parameters;
    codec::Value response;  ///< null: none, or left out
};

/// ErrorCode::invalid if there is no event id, time, source or name.
Result<Event> read_event(std::string_view text);

/// "123456789012:role/NAME" of an ARN of a role, of an assumed role or of a user; roles' paths left
/// out, since an assumed role's ARN has none and names are unique in an account. Empty: neither.
std::string principal_of(std::string_view arn);

}  // namespace narrows::reconcile
