#pragma once

#include <string>
#include <vector>

#include "apps/client/launcher.h"
#include "base/result.h"
#include "identity/delivery.h"

/// What a session's command finds on disk: the gateway's CA, the trust bundle, an AWS
/// configuration with one profile per connection, and the token the profiles fetch keys with.
namespace narrows::client {

/// A folder of mode 0700, removed with all in it when the object goes, unless kept.
class DeliveryFolder {
  public:
    /// Below XDG_RUNTIME_DIR, TMPDIR or /tmp.
    static Result<DeliveryFolder> make_temporary();
    /// Made new at `path`; ErrorCode::invalid if something is there. Stays.
    static Result<DeliveryFolder> make_kept(const std::string& path);
    DeliveryFolder(DeliveryFolder&& other) noexcept;
    DeliveryFolder& operator=(DeliveryFolder&&) = delete;
    ~DeliveryFolder();

    const std::string& path() const { return path_; }
    std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
    /// Creates a file of mode 0600.
    Result<void> write(std::string_view name, std::string_view text) const;

  private:
    DeliveryFolder(std::string path, bool keep) : path_(std::move(path)), keep_(keep) {}
    std::string path_;
    bool keep_;
};

/// The file in a delivery folder by which `narrows credentials` reaches the gateway.
inline constexpr const char* kDeliveryFile = "delivery.json";

/// The credential_process line of a connection's profile. `program`: this binary's path.
std::string credential_process_line(const std::string& program, const std::string& delivery_file,
                                    const std::string& connection);

/// The system's certificate roots: the file SSL_CERT_FILE names, else the first of the places
/// distributions use; empty if there are none.
std::string system_roots();

/// Fills the folder and says which variables lead there. With one connection its keys stand in
/// variables too; with several, the profiles alone tell them apart.
Result<identity::Environment> lay_out(const StartedSession& session, const DeliveryFolder& folder,
                                      const std::string& program);
/// The variables of a session without a folder: endpoint mode, keys of the first connection.
identity::Environment plain_environment(const StartedSession& session);

/// `current` ("NAME=value" each) changed as a session needs it. Whatever proves a launcher or an
/// agent stays behind: all that begins with NARROWS_ goes.
std::vector<std::string> child_environment(const std::vector<std::string>& current,
                                           const identity::Environment& change);

/// Lines for a POSIX shell: unset, then export, values quoted.
std::string shell_exports(const identity::Environment& change);

/// The path of the running binary.
std::string this_program();

}  // namespace narrows::client
