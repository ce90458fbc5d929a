#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

/// What CloudTrail logs at all. Reviewed by hand, against
/// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-data-events-with-cloudtrail.html
/// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-unsupported-aws-services.html
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html
/// An operation that is listed here though a trail logs it as management is called "not covered"
/// where it is missing; one that is not listed though it is data would be called missing. So what
/// is in doubt is listed.
namespace narrows::reconcile {

enum class Logged {
    management,  ///< by every trail that has management events
    data,        ///< only where a trail selects it
    never,
};
/// `service` as records call it: IAM's prefix, "sagemaker" of sagemaker-runtime too.
Logged logged_as(std::string_view service, std::string_view operation);

/// What the trail is said to log: "management", "data", "data-SERVICE".
class Covers {
  public:
    static Result<Covers> parse(const std::vector<std::string>& words);
    bool has(Logged logged, const std::string& service) const;

  private:
    bool management_ = true;
    bool data_ = false;
    std::set<std::string> services_;
};

/// Whether CloudTrail calls an operation so: by its own name, or by another as far as one is known,
/// as "ListObjects" of s3:ListObjectsV2.
bool is_name_of(std::string_view event, std::string_view service, std::string_view operation);
/// Without the API's version, which Lambda and CloudFront append: "CreateFunction20150331".
std::string_view plain_event_name(std::string_view event);

}  // namespace narrows::reconcile
