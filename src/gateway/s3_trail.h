#pragma once

#include <memory>
#include <string>

#include "gateway/own_loop_fetch.h"
#include "gateway/s3_client.h"
#include "reconcile/trail.h"

namespace narrows::gateway {

/// A trail where CloudTrail delivers it. `place.prefix` is what its keys begin with; reads with
/// s3:ListBucket and s3:GetObject. `clock` and `fetches` must outlive it.
/// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
Result<std::unique_ptr<reconcile::Trail>> open_s3_trail(S3Place place, const Clock& clock,
                                                        Fetches& fetches);

}  // namespace narrows::gateway
