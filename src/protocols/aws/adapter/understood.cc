#include "protocols/aws/adapter/understood.h"

#include <algorithm>

namespace narrows::aws {

bool Understood::checksums_cover_body() const {
    return std::none_of(
        recognition.candidates.begin(), recognition.candidates.end(),
        [](const Candidate& c) { return c.operation.name() == "CompleteMultipartUpload"; });
}

bool Understood::asks_identity() const {
    return operation && operation->service == "sts" && entry().name() == "GetCallerIdentity";
}

}  // namespace narrows::aws
