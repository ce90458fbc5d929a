#include "apps/client/client_commands.h"

#include "apps/client/commands.h"

namespace narrows::apps {

void register_client_commands(CLI::App& app, int& exit_code) {
    client::register_run(app, exit_code);
    client::register_session(app, exit_code);
    client::register_credentials(app, exit_code);
    client::register_key(app, exit_code);
    client::register_scope(app, exit_code);
    client::register_catalogue(app, exit_code);
    client::register_connection(app, exit_code);
    client::register_doctor(app, exit_code);
}

}  // namespace narrows::apps
