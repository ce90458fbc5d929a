#include "gateway/signer_process.h"

#include <cstdlib>
#include <thread>

#include "base/log.h"
#include "gateway/child.h"
#include "gateway/fetcher.h"
#include "process/channel.h"
#include "process/harden.h"
#include "process/spawn.h"
#include "protocols/aws/catalogue/catalogue.h"
#include "protocols/aws/signer/server.h"
#include "protocols/aws/upstream/credential_chain.h"

namespace narrows::gateway {
namespace {

constexpr std::size_t kSignerWorkers = 4;
constexpr net::Millis kRenewTick{1000};

upstream::CredentialChain::Options chain_options() {
    const aws::Catalogue& catalogue = aws::Catalogue::embedded();
    upstream::CredentialChain::Options options;
    const char* region = ::getenv("AWS_REGION");
    options.region = region != nullptr ? region : "us-east-1";
    const auto sts = catalogue.service("sts");
    const std::string_view partition = catalogue.partition_of(options.region);
    if (sts) {
        const auto endpoint =
            catalogue.endpoint(*sts, partition.empty() ? "aws" : partition, options.region);
        if (endpoint.has_value()) {
            options.sts.host = endpoint.value().host;
        }
    }
    return options;
}

net::Task<void> renew_forever(signer::Server& server) {
    while (true) {
        co_await net::sleep_for(kRenewTick);
        co_await server.renew_due();
    }
}

/// Until the supervisor is gone.
[[noreturn]] void serve(signer::SignerSetup setup, std::vector<process::Descriptor> links,
                        const process::Descriptor& control, net::TlsClientContext& tls,
                        identity::GroupKey group_key) {
    net::Loops loops(links.size());
    net::Workers workers(kSignerWorkers);
    Fetcher fetcher(loops, tls, std::move(setup.own_listeners));
    upstream::CredentialChain chain(upstream::system_host(), fetcher, system_clock(),
                                    chain_options());
    signer::Server server({std::move(setup.receipt_key), std::move(group_key)}, chain, fetcher,
                          system_clock(), workers);
    for (std::size_t i = 0; i < links.size(); ++i) {
        server.serve(loops.at(i), std::move(links[i]));
    }
    loops.at(0).spawn([&server] { return renew_forever(server); });
    const std::jthread end([&control] {
        (void)process::receive_parcel(control).has_value();
        std::_Exit(0);  // at once: what is under way is of no use to anyone
    });
    loops.run();
    std::_Exit(1);
}

}  // namespace

Result<void> run_signer() {
    leave_signals_to_the_supervisor();
    NARROWS_TRY(const bool locked, process::harden({process::Filter::signer, true}));
    if (!locked) {
        log::warn("the signer may not lock its memory (RLIMIT_MEMLOCK): keys may be swapped out");
    }
    const process::Descriptor control(process::kControlDescriptor);
    NARROWS_TRY(process::Parcel parcel, receive_setup(control));
    NARROWS_TRY(signer::SignerSetup setup,
                signer::decode_setup<signer::SignerSetup>(parcel.bytes.view()));
    NARROWS_TRY(identity::GroupKey group_key,
                identity::GroupKey::from_bytes(std::move(setup.group_key)));
    NARROWS_TRY(const std::shared_ptr<net::TlsClientContext> tls, net::TlsClientContext::make(""));
    serve(std::move(setup), std::move(parcel.descriptors), control, *tls, std::move(group_key));
}

}  // namespace narrows::gateway
