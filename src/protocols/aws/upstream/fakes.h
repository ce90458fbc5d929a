#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "protocols/aws/upstream/fetch.h"

/// Strict fakes for this room's tests: what a test did not announce fails it.
namespace narrows::upstream::fakes {

class FakeHost : public Host {
  public:
    std::map<std::string, std::string> variables;
    std::map<std::string, std::string> files;

    std::optional<std::string> variable(const std::string& name) const override {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    }
    Result<Secret> read_file(const std::string& path) const override {
        const auto found = files.find(path);
        if (found == files.end()) return fail(ErrorCode::not_found, "cannot open " + path);
        return Secret(std::string_view(found->second));
    }
};

/// Answers in the announced order. Each exchange sees the request before it answers.
class FakeFetch : public HttpFetch {
  public:
    using Exchange = std::function<Result<FetchResponse>(const FetchRequest&)>;
    ~FakeFetch() override { EXPECT_TRUE(exchanges_.empty()) << "announced and never asked"; }

    void next(Exchange exchange) { exchanges_.push_back(std::move(exchange)); }
    void next(int status, std::string body) {
        next([status, body](const FetchRequest&) { return answer(status, body); });
    }
    static Result<FetchResponse> answer(int status, std::string_view body) {
        return FetchResponse{{status, {}}, Secret(body)};
    }

    Result<FetchResponse> fetch(const FetchRequest& request) override {
        ++asked;
        if (exchanges_.empty()) {
            ADD_FAILURE() << "unannounced: " << request.head.method << " "
                          << request.target.authority() << request.head.target;
            return fail(ErrorCode::unavailable, "unannounced");
        }
        const Exchange exchange = std::move(exchanges_.front());
        exchanges_.pop_front();
        return exchange(request);
    }
    int asked = 0;

  private:
    std::deque<Exchange> exchanges_;
};

/// As in the examples of the STS API reference, with our own values.
inline std::string assume_role_answer(const std::string& key_id, const std::string& expiration) {
    return R"(<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <SourceIdentity>reporter</SourceIdentity>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/demo/TestAR</Arn>
      <AssumedRoleId>ARO123EXAMPLE123:TestAR</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>)" +
           key_id +
           R"(</AccessKeyId>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
      <SessionToken>AQoDYXdzEPT//////////wEXAMPLE==</SessionToken>
      <Expiration>)" +
           expiration +
           R"(</Expiration>
    </Credentials>
    <PackedPolicySize>8</PackedPolicySize>
  </AssumeRoleResult>
  <ResponseMetadata>
    <RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId>
  </ResponseMetadata>
</AssumeRoleResponse>)";
}

}  // namespace narrows::upstream::fakes
