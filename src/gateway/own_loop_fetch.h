#pragma once

#include <map>
#include <memory>
#include <string>
#include <thread>

#include "gateway/fetcher.h"

namespace narrows::gateway {

/// HTTP exchanges on a loop and thread of their own, which end with the object: they neither wait
/// for agents' traffic nor delay it, and work before the gateway's loops run.
class OwnLoopFetch : public upstream::HttpFetch {
  public:
    explicit OwnLoopFetch(std::shared_ptr<net::TlsClientContext> tls)
        : tls_(std::move(tls)), thread_([this] { loops_.run(); }) {}
    ~OwnLoopFetch() override {
        loops_.stop();
        thread_.join();
    }
    Result<upstream::FetchResponse> fetch(const upstream::FetchRequest& request) override {
        return fetcher_.fetch(request);
    }
    Result<upstream::FetchResponse> upload(const upstream::FetchRequest& request,
                                           const Upload& body) {
        return fetcher_.upload(request, body);
    }

  private:
    net::Loops loops_{1};
    std::shared_ptr<net::TlsClientContext> tls_;
    Fetcher fetcher_{loops_, *tls_, {}};
    std::thread thread_;
};

/// One for each set of roots that servers are verified against; "": the system's. One thread.
class Fetches {
  public:
    /// `tries`: how often a question that changes nothing is asked in all, where the answer is that
    /// it could be answered later. A command tries again by itself; the gateway has its own ways.
    explicit Fetches(int tries = 1) : tries_(tries) {}
    int tries() const { return tries_; }
    static constexpr int kTriesOfCommands = 5;

    Result<std::shared_ptr<OwnLoopFetch>> for_ca(const std::string& ca) {
        std::shared_ptr<OwnLoopFetch>& fetch = by_ca_[ca];
        if (!fetch) {
            NARROWS_TRY(std::shared_ptr<net::TlsClientContext> tls,
                        net::TlsClientContext::make(ca));
            fetch = std::make_shared<OwnLoopFetch>(std::move(tls));
        }
        return fetch;
    }

  private:
    const int tries_;
    std::map<std::string, std::shared_ptr<OwnLoopFetch>> by_ca_;
};

}  // namespace narrows::gateway
