#include "gateway/own_credentials.h"

#include "protocols/aws/catalogue/catalogue.h"

namespace narrows::gateway {
namespace {

/// The host, with another file of shared credentials.
class HostWithFile final : public upstream::Host {
  public:
    explicit HostWithFile(std::string file) : file_(std::move(file)) {}
    std::optional<std::string> variable(const std::string& name) const override {
        const bool is_file = name == "AWS_SHARED_CREDENTIALS_FILE" && !file_.empty();
        return is_file ? file_ : upstream::system_host().variable(name);
    }
    Result<Secret> read_file(const std::string& path) const override {
        return upstream::system_host().read_file(path);
    }

  private:
    const std::string file_;
};

}  // namespace

Result<std::string> aws_host(std::string_view service, const std::string& region) {
    const aws::Catalogue& catalogue = aws::Catalogue::embedded();
    const auto found = catalogue.service(service);
    const std::string_view partition = catalogue.partition_of(region);
    if (!found) {
        return fail(ErrorCode::not_found, std::string(service) + " is in no catalogue");
    }
    NARROWS_TRY(const auto endpoint,
                catalogue.endpoint(*found, partition.empty() ? "aws" : partition, region));
    return std::string(endpoint.host);
}

std::unique_ptr<upstream::Host> host_with_file(std::string file) {
    return std::make_unique<HostWithFile>(std::move(file));
}

upstream::CredentialChain::Options chain_options(const std::string& region) {
    upstream::CredentialChain::Options options;
    options.region = region;
    if (const auto sts = aws_host("sts", region)) {
        options.sts.host = sts.value();
    }
    return options;
}

}  // namespace narrows::gateway
