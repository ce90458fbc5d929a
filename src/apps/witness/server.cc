#include "apps/witness/server.h"

#include <csignal>
#include <functional>

#include "base/log.h"
#include "evidence/log.h"
#include "evidence/witness_message.h"
#include "http/connection.h"
#include "net/signals.h"
#include "net/stream.h"
#include "net/tls.h"
#include "net/workers.h"

namespace narrows::apps {
namespace {

constexpr std::size_t kConnectionsMax = 64;
constexpr net::Millis kRequestMax{10'000};
constexpr std::size_t kHeaderMax = 8 * 1024;
constexpr std::size_t kPemMax = 1 << 20;
constexpr std::string_view kTarget = "/add-checkpoint";

struct Server {
    evidence::Witness& witness;
    std::shared_ptr<net::TlsServerContext> tls;  ///< null: plain HTTP
    net::Workers workers{1};                     ///< the disk makes no loop wait
};

evidence::WitnessAnswer refused(int status, std::string why) {
    return {status, "text/plain; charset=utf-8", std::move(why) + "\n"};
}

net::Task<Result<std::string>> read_body(http::ServerConnection& peer) {
    std::string body;
    while (!peer.body_done()) {
        const Result<ByteView> part = co_await peer.read_body();
        if (!part.has_value()) {
            co_return fail(part.error());
        }
        if (body.size() + part.value().size() > evidence::kAddCheckpointMax) {
            co_return fail(ErrorCode::exhausted, "a request has at most 64 KiB");
        }
        body += as_text(part.value());
    }
    co_return body;
}

net::Task<evidence::WitnessAnswer> answer(Server& server, http::ServerConnection& peer,
                                          const http::RequestHead& head) {
    Result<std::string> body = co_await read_body(peer);
    if (!body.has_value()) {
        peer.must_close();
        co_return refused(413, body.error().what);
    }
    if (head.target != kTarget) {
        co_return refused(404, "a witness has /add-checkpoint and nothing else");
    }
    if (head.method != "POST") {
        co_return refused(405, "a checkpoint is added by POST");
    }
    std::function<evidence::WitnessAnswer()> decide = [&server, text = std::move(body.value())] {
        return server.witness.add_checkpoint(text);
    };
    evidence::WitnessAnswer decided = co_await server.workers.run(decide);
    co_return decided;
}

net::Task<void> serve(Server& server, net::StreamPtr stream) {
    stream->expires_after(kRequestMax);
    if (server.tls) {
        const Result<void> secured = co_await stream->start_tls_server(*server.tls);
        if (!secured.has_value()) {
            co_return;
        }
    }
    http::ServerConnection peer(*stream, http::Bounds{kHeaderMax, evidence::kAddCheckpointMax});
    while (peer.keep_alive()) {
        stream->expires_after(kRequestMax);
        const Result<http::RequestHead> head = co_await peer.read_head();
        if (!head.has_value()) {
            co_return;
        }
        const evidence::WitnessAnswer said = co_await answer(server, peer, head.value());
        const http::ResponseHead response{said.status, {{"Content-Type", said.type}}};
        const Result<void> written =
            co_await peer.write_message(response, as_bytes(said.body), false);
        if (!written.has_value()) {
            co_return;
        }
    }
}

Result<std::shared_ptr<net::TlsServerContext>> load_tls(const WitnessConfig& config) {
    if (config.certificate.empty()) {
        return std::shared_ptr<net::TlsServerContext>();
    }
    NARROWS_TRY(const Bytes chain, io::read_all(io::posix(), config.certificate, kPemMax));
    NARROWS_TRY(const Bytes key, io::read_all(io::posix(), config.certificate_key, kPemMax));
    return net::TlsServerContext::make({to_string(chain), to_string(key)});
}

Result<std::unique_ptr<evidence::Witness>> open_witness(const WitnessConfig& config) {
    NARROWS_TRY(const bool has_key, io::posix().exists(config.key));
    if (!has_key) {
        return fail(ErrorCode::not_found,
                    config.key +
                        " is not there: restore it, or make a new witness with `narrows "
                        "witness key`; logs that know the old one must be told");
    }
    NARROWS_TRY(evidence::KeySigner signer,
                evidence::open_key_file(io::posix(), config.key, config.name));
    NARROWS_TRY(evidence::Cosigner cosigner, evidence::Cosigner::make(std::move(signer)));
    return evidence::Witness::open(io::posix(), config.state_dir, std::move(cosigner), config.logs,
                                   system_clock());
}

}  // namespace

Result<void> run_witness(const WitnessConfig& config) {
    NARROWS_TRY(const std::unique_ptr<evidence::Witness> witness, open_witness(config));
    NARROWS_TRY(std::shared_ptr<net::TlsServerContext> tls, load_tls(config));
    Server server{*witness, std::move(tls)};
    net::Loops loops(1);
    NARROWS_TRY(
        const std::unique_ptr<net::Listener> listener,
        net::Listener::listen(loops, {config.listen.host, config.listen.port}, kConnectionsMax));
    listener->start(
        [&server](net::Loop&, net::StreamPtr stream) { return serve(server, std::move(stream)); });
    log::info("witness {} on {}, {} logs", evidence::vkey_text(witness->key()),
              net::to_string(listener->local()), config.logs.size());
    const net::Signals signals(loops.at(0), [&](int number) {
        if (number != SIGHUP) {
            listener->close();
            loops.stop();
        }
    });
    loops.run();
    return ok();
}

}  // namespace narrows::apps
