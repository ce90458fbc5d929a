#include <memory>

#include <fmt/ostream.h>

#include "apps/client/commands.h"

namespace narrows::client {
namespace {

constexpr std::string_view kS3 = "s3://";

Result<codec::Map> presign_body(const PresignOptions& options) {
    const std::size_t slash = options.object.find('/', kS3.size());
    if (!options.object.starts_with(kS3) || slash == std::string::npos) {
        return fail(ErrorCode::invalid, "say which object: s3://BUCKET/KEY");
    }
    NARROWS_TRY(const std::int64_t expires_s, lifetime_seconds(options.expires));
    codec::Map body{{"connection", options.connection},
                    {"bucket", options.object.substr(kS3.size(), slash - kS3.size())},
                    {"key", options.object.substr(slash + 1)},
                    {"method", options.method},
                    {"expires_s", expires_s}};
    if (!options.endpoint.empty()) {
        body.emplace("endpoint", options.endpoint);
    }
    return body;
}

}  // namespace

int run_session_presign(const PresignOptions& options, const Output& to) {
    const Result<codec::Map> body = presign_body(options);
    if (!body) {
        return failed(to, body.error());
    }
    const Result<Operator> gateway = Operator::make(options.to);
    if (!gateway) {
        return failed(to, gateway.error());
    }
    const Result<codec::Value> made = gateway.value().presign(options.session, body.value());
    if (!made) {
        return operator_failed(to, made.error());
    }
    if (to.json) {
        print_json(to, made.value());
    } else {
        fmt::print(to.out, "{}\n", made.value().text("url"));
    }
    return kHeld;
}

void register_presign(CLI::App& session, int& exit_code) {
    const auto options = std::make_shared<PresignOptions>();
    const auto json = std::make_shared<bool>(false);
    CLI::App* command =
        session.add_subcommand("presign", "a URL for one use of one S3 object, by anybody");
    add_operator_options(*command, options->to);
    command->add_option("session", options->session, "the session's id")->required();
    command->add_option("object", options->object, "s3://BUCKET/KEY")->required();
    command->add_option("--connection", options->connection, "through which")->required();
    command->add_option("--method", options->method, "GET (the default) or PUT");
    command->add_option("--expires", options->expires,
                        "15m (the default), 90s, 1h; never beyond the session");
    command->add_option("--endpoint", options->endpoint,
                        "http(s)://HOST:PORT by which its user reaches the gateway");
    command->add_flag("--json", *json, "one JSON object a line");
    command->callback([options, json, &exit_code] {
        exit_code = run_session_presign(*options, standard_output(*json));
    });
}

}  // namespace narrows::client
