#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/value.h"
#include "crypto/hash.h"
#include "identity/registry.h"

/// narrows.toml as plain data. Parsed and checked whole: a Config that exists is consistent.
namespace narrows::gateway {

inline constexpr std::size_t kConfigFileMax = 1024 * 1024;  ///< bytes, of each file

struct Address {
    std::string host;  ///< IPv4, IPv6 without brackets, or a name
    std::uint16_t port = 0;
    friend bool operator==(const Address&, const Address&) = default;
};
std::string to_string(const Address& address);  ///< "127.0.0.1:8400", "[::1]:8400"

struct GatewaySection {
    std::string name;
    std::string data_dir = "/var/lib/narrows";
    std::string group_key;  ///< path; default data_dir/group.key
};

struct ListenSection {
    Address agents{"127.0.0.1", 8400};
    Address operators{"127.0.0.1", 8401};
    std::vector<std::string> names{"localhost"};  ///< by which agents reach the gateway
};

/// A CA that the operator made. Both empty: the gateway makes its own in data_dir at first start.
struct CaSection {
    std::string certificate;  ///< path
    std::string key;          ///< path
    int years = 10;           ///< of a CA that the gateway makes
};

enum class ResultMode { held, durable };

struct RecordingSection {
    ResultMode result = ResultMode::held;
    std::uint32_t segment_mib = 64;
    std::uint32_t reserve_mib = 256;
    /// age recipients ("age1…"). None: a key is made in data_dir at the first start.
    std::vector<std::string> reviewers;
    std::vector<std::string> body_reviewers;  ///< of bodies; none: the reviewers
    std::vector<std::string> custodians;      ///< of secret values; none: those stay withheld
};
inline constexpr std::size_t kRecipientsMax = 16;

/// How long recordings are kept at least from a session's end, by class of key, and whose word
/// holds them longer.
struct RetentionSection {
    std::int64_t operations_s = 90 * 24 * 3600;
    std::int64_t bodies_s = 30 * 24 * 3600;
    std::int64_t secrets_s = 7 * 24 * 3600;
    std::vector<std::string> officers;  ///< vkeys, type 01
};
inline constexpr std::size_t kOfficersMax = 16;

/// A key of AWS KMS that signs the evidence log.
struct KmsKey {
    std::string arn;  ///< "arn:aws:kms:REGION:ACCOUNT:key/ID"; empty: the key is DATA_DIR/log.key
    std::string region;
    std::string endpoint;     ///< "https://host:port"; empty: AWS's own
    std::string ca;           ///< path: PEM roots for that endpoint's TLS; empty: the system's
    std::string credentials;  ///< path: a shared credentials file; empty: the host's own
    std::string profile;      ///< in it; empty: the standard chain
};

struct EvidenceSection {
    KmsKey log_key;
    std::int64_t anchor_every_s = 10;     ///< a checkpoint to every anchor
    std::int64_t anchor_age_max_s = 900;  ///< without an anchor: alarm
    bool anchor_required = false;         ///< then no new sessions, later no operations
};

/// As which users the processes run, where the gateway is started by root and they exist.
struct ProcessesSection {
    std::string gateway = "narrows";
    std::string recorder = "narrows-recorder";
    std::string signer = "narrows-signer";
};

/// A bucket of S3, or of something that speaks as S3 does; or a folder in it.
struct S3Place {
    std::string bucket;
    std::string prefix;  ///< without '/' at its ends; may be empty
    std::string region;
    std::string endpoint;     ///< "https://host:port"; empty: AWS's own
    std::string ca;           ///< path: PEM roots for that endpoint's TLS; empty: the system's
    std::string credentials;  ///< path: a shared credentials file; empty: the host's own
    std::string profile;      ///< in it; empty: the standard chain
    bool path_style = false;  ///< https://host/bucket/key, not https://bucket.host/key
};

/// Where evidence is archived. `type` empty: nowhere, and nothing is ever removed.
struct ArchiveSection {
    std::string type;  ///< "directory" or "s3"
    std::string path;  ///< of a directory
    S3Place s3;
    std::uint32_t retention_days = 0;           ///< S3 Object Lock, COMPLIANCE; 0: none of ours
    std::uint32_t key_retention_days = 0;       ///< of key envelopes
    bool legal_hold = false;                    ///< on all that is locked
    std::uint32_t part_mib = 80;                ///< S3: larger objects go in parts of that size
    std::int64_t every_s = 60;                  ///< a round
    std::int64_t age_max_s = 900;               ///< without a whole round: alarm
    std::uint64_t keep_local_mib = 4096;        ///< archived segments that stay all the same
    std::int64_t keep_local_for_s = 24 * 3600;  ///< after a segment's newest record
};

/// A place outside that holds the evidence log's checkpoints.
struct AnchorSection {
    std::string name;
    std::string type;  ///< "directory", "s3" or "witness"
    std::string path;  ///< of a directory
    std::string url;   ///< of a witness: its submission prefix
    std::string key;   ///< of a witness: its vkey, type 04
    std::string ca;    ///< path: PEM roots for the witness's TLS; empty: the system's
    S3Place s3;
    std::uint32_t retention_days = 0;  ///< S3 Object Lock, COMPLIANCE; 0: none of ours
};
inline constexpr std::size_t kAnchorsMax = 16;

struct LimitsSection {
    std::uint32_t body_mib = 16;      ///< a structured request body held in memory
    std::uint32_t operations = 1024;  ///< in flight, all sessions
    std::uint32_t lobby_mib = 64;     ///< recorded attempts that no session can be charged for
    std::uint32_t header_kib = 64;
    std::uint32_t clock_skew_s = 300;
};

/// Per session and connection.
struct Budget {
    std::uint64_t bytes_mib = 64 * 1024;
    std::uint32_t in_flight = 256;
    std::uint32_t per_second = 0;  ///< 0: no bound
    friend bool operator==(const Budget&, const Budget&) = default;
};

/// A host that may be tunnelled unopened: exact, or "*.example.com" for all below example.com.
struct EgressRule {
    std::string host;  ///< lower case
    std::uint16_t port = 443;
    bool matches(std::string_view to_host, std::uint16_t to_port) const;
    friend bool operator==(const EgressRule&, const EgressRule&) = default;
};

struct ScopeFile {
    std::string path;
    std::string text;  ///< a JSON object; the policy room compiles it
    crypto::Digest sha256{};
};

struct Connection {
    std::string name;
    std::string type = "aws";
    std::string account;
    std::string partition = "aws";
    std::vector<std::string> regions;
    std::string role_arn;     ///< of that account and partition
    std::string external_id;  ///< for sts:AssumeRole
    std::string profile;      ///< of the gateway's host; empty: the standard chain
    ScopeFile scope;
    std::string endpoint;  ///< "http://127.0.0.1:5000"; empty: AWS's own
    std::vector<EgressRule> egress;
    /// Operations that AWS authorises by no signature, "cognito-idp:SignUp"; others are denied.
    std::vector<std::string> unsigned_operations;
    Budget budget;
    /// Of DynamoDB's tables and indexes, for dynamodb:LeadingKeys.
    std::map<std::string, std::string, std::less<>> partition_keys;
};

struct Config {
    std::string path;
    GatewaySection gateway;
    ListenSection listen;
    CaSection ca;
    RecordingSection recording;
    RetentionSection retention;
    EvidenceSection evidence;
    ArchiveSection archive;
    LimitsSection limits;
    ProcessesSection processes;
    std::vector<AnchorSection> anchors;
    std::vector<identity::Issuer> issuers;
    std::vector<identity::Launcher> launchers;
    std::vector<identity::Agent> agents;
    std::vector<Connection> connections;
    std::vector<identity::Grant> grants;
    std::map<std::string, crypto::Digest> files;  ///< every file read, by path as written
    crypto::Digest digest{};  ///< of the deterministic CBOR map {path: sha256} of `files`

    const Connection* connection(std::string_view name) const;
    identity::Registry registry() const;
};

/// Reads a whole file; the path is already resolved against the configuration's folder.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

/// `path` is for messages and for what other paths are relative to. All mistakes are reported at
/// once, one a line: "file:line:column: key: what is wrong; what to do". Touches no file but
/// through `read`.
Result<Config> parse_config(std::string_view text, const std::string& path, const ReadFile& read);
/// parse_config over the real file system. Blocking.
Result<Config> load_config(const std::string& path);

/// What changed, a sentence each, for the CONFIG record and the log; empty if nothing did.
std::vector<std::string> diff(const Config& before, const Config& after);

}  // namespace narrows::gateway
