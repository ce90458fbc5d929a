#include "net/tls.h"

#include <string_view>

#include <boost/asio/buffer.hpp>

#include "net/tls_impl.h"

namespace narrows::net {
namespace {

namespace ssl = boost::asio::ssl;

/// As ALPN lists them, each after its length.
constexpr std::string_view kHttp11 = "\x08http/1.1";
constexpr std::string_view kHttp2 = "\x02h2\x08http/1.1";

const unsigned char* bytes_of(std::string_view list) {
    return reinterpret_cast<const unsigned char*>(list.data());
}

template <const std::string_view& ours>
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
    unsigned char* chosen = nullptr;
    const int match =
        SSL_select_next_proto(&chosen, out_size, bytes_of(ours), static_cast<unsigned>(ours.size()),
                              offered, offered_size);
    *out = chosen;
    return match == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// Where a connection keeps its TlsChooser.
int chooser_index() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

int choose_context(SSL* connection, int*, void*) {
    const auto* choose =
        static_cast<const TlsChooser*>(SSL_get_ex_data(connection, chooser_index()));
    const char* name = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name);
    if (choose == nullptr || !*choose || name == nullptr) {
        return SSL_TLSEXT_ERR_OK;
    }
    const std::shared_ptr<TlsServerContext> chosen = (*choose)(name);
    if (chosen) {
        SSL_set_SSL_CTX(connection, chosen->impl().context.native_handle());  // counts a reference
    }
    return SSL_TLSEXT_ERR_OK;
}

void restrict_versions(ssl::context& context) {
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_RENEGOTIATION);
}

}  // namespace

void offer_protocols(SSL* connection, bool http2) {
    const std::string_view list = http2 ? kHttp2 : kHttp11;
    SSL_set_alpn_protos(connection, bytes_of(list), static_cast<unsigned>(list.size()));
}

void offer_choice(SSL* connection, const TlsChooser& choose) {
    SSL_set_ex_data(connection, chooser_index(), const_cast<TlsChooser*>(&choose));
}

TlsServerContext::TlsServerContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsServerContext::~TlsServerContext() = default;
TlsClientContext::TlsClientContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsClientContext::~TlsClientContext() = default;

Result<std::shared_ptr<TlsServerContext>> TlsServerContext::make(const TlsIdentity& identity,
                                                                 bool http2) {
    auto impl = std::make_unique<Impl>();
    restrict_versions(impl->context);
    SSL_CTX_set_alpn_select_cb(impl->context.native_handle(),
                               http2 ? &choose_protocol<kHttp2> : &choose_protocol<kHttp11>,
                               nullptr);
    SSL_CTX_set_tlsext_servername_callback(impl->context.native_handle(), &choose_context);
    boost::system::error_code error;
    impl->context.use_certificate_chain(boost::asio::buffer(identity.chain_pem), error);
    if (!error) {
        impl->context.use_private_key(boost::asio::buffer(identity.key_pem), ssl::context::pem,
                                      error);
    }
    if (error) {
        return fail(ErrorCode::invalid,
                    "the TLS certificate or key cannot be used: " + error.message());
    }
    return std::shared_ptr<TlsServerContext>(new TlsServerContext(std::move(impl)));
}

Result<std::shared_ptr<TlsClientContext>> TlsClientContext::make(const std::string& ca_file) {
    auto impl = std::make_unique<Impl>();
    restrict_versions(impl->context);
    boost::system::error_code error;
    if (ca_file.empty()) {
        impl->context.set_default_verify_paths(error);
    } else {
        impl->context.load_verify_file(ca_file, error);
    }
    if (error) {
        return fail(ErrorCode::invalid,
                    "cannot load trusted certificates from " +
                        (ca_file.empty() ? std::string("the system's store") : ca_file) + ": " +
                        error.message());
    }
    impl->context.set_verify_mode(ssl::verify_peer);
    return std::shared_ptr<TlsClientContext>(new TlsClientContext(std::move(impl)));
}

}  // namespace narrows::net
