#include "gateway/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/text.h"

namespace narrows::gateway {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kWhole = R"([gateway]
name = "gw-1"
data_dir = "data"
[[launcher]]
id = "ci"
key_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
[[agent]]
id = "reader"
public_key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
[[connection]]
name = "reports"
account = "123456789012"
regions = ["eu-central-1"]
role_arn = "arn:aws:iam::123456789012:role/narrows"
scope = "scope.json"
egress = ["preset:models", "Git.example.com:22", "*.pkg.example.com"]
budget = { bytes_mib = 10, in_flight = 4, per_second = 20 }
[[grant]]
agent = "reader"
connections = ["reports"]
launchers = ["ci"]
principals = ["*@example.com"]
lifetime_max = "90m"
)";

Result<std::string> read(const std::string& path) {
    if (path == "etc/scope.json") return std::string(R"({"Version":"2012-10-17"})");
    if (path == "etc/list.json") return std::string("[]");
    return fail(ErrorCode::not_found, path + " does not exist");
}

Result<Config> parse(const std::string& text) {
    return parse_config(text, "etc/narrows.toml", read);
}

std::string replaced(std::string_view from, std::string_view to) {
    std::string text = kWhole;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

std::string mistakes(const std::string& text) {
    const auto config = parse(text);
    return config ? "" : config.error().what;
}

TEST(Config, reads_what_is_written) {
    const auto parsed = parse(kWhole);
    ASSERT_TRUE(parsed) << parsed.error().what;
    const Config& config = parsed.value();
    EXPECT_EQ(config.gateway.name, "gw-1");
    EXPECT_EQ(config.gateway.data_dir, "etc/data");
    EXPECT_EQ(config.gateway.group_key, "etc/data/group.key");
    EXPECT_EQ(to_string(config.listen.agents), "127.0.0.1:8400");
    EXPECT_EQ(config.limits.clock_skew_s, 300u);
    ASSERT_EQ(config.connections.size(), 1u);
    const Connection& connection = config.connections[0];
    EXPECT_EQ(connection.scope.text, R"({"Version":"2012-10-17"})");
    EXPECT_EQ(connection.partition, "aws");
    EXPECT_EQ(connection.budget, (Budget{10, 4, 20}));
    ASSERT_EQ(config.grants.size(), 1u);
    EXPECT_EQ(config.grants[0].lifetime_max_s, 5400);
    EXPECT_TRUE(config.agents[0].enrolment.public_key.has_value());
    EXPECT_EQ(config.connection("reports"), &connection);
    EXPECT_EQ(config.connection("other"), nullptr);
}

TEST(Config, a_connection_says_what_partition_keys_are) {
    const auto with = [](const std::string& keys) {
        return replaced("scope = \"scope.json\"",
                        "partition_keys = { " + keys + " }\nscope = \"scope.json\"");
    };
    const auto parsed = parse(with(R"(orders = "customer", "orders/index/by-day" = "day")"));
    ASSERT_TRUE(parsed) << parsed.error().what;
    using Keys = std::map<std::string, std::string, std::less<>>;
    EXPECT_EQ(parsed.value().connections[0].partition_keys,
              (Keys{{"orders", "customer"}, {"orders/index/by-day", "day"}}));
    EXPECT_THAT(diff(parse(kWhole).value(), parsed.value()),
                ElementsAre(HasSubstr("partition_keys changed")));
    EXPECT_THAT(mistakes(with(R"("orders/by-day" = "day")")), HasSubstr("is no table or index"));
    EXPECT_THAT(mistakes(with(R"(orders = "")")), HasSubstr("partition_keys.orders"));
}

std::string with_unsigned(const std::string& names) {
    return replaced("scope = \"scope.json\"", "unsigned = [" + names + "]\nscope = \"scope.json\"");
}

TEST(Config, a_connection_names_what_it_lets_through_unsigned) {
    const auto parsed = parse(with_unsigned(R"("cognito-idp:SignUp", "cognito-identity:GetId")"));
    ASSERT_TRUE(parsed) << parsed.error().what;
    EXPECT_THAT(parsed.value().connections[0].unsigned_operations,
                ElementsAre("cognito-idp:SignUp", "cognito-identity:GetId"));
    EXPECT_THAT(diff(parse(kWhole).value(), parsed.value()),
                ElementsAre(HasSubstr("unsigned changed")));
}

TEST(Config, what_cannot_go_unsigned_is_a_mistake_with_its_place) {
    const std::string wrong = mistakes(
        with_unsigned(R"("cognito-idp:InitiateAuth", "s3:GetObject", "cognito-idp:SignUpp")"));
    EXPECT_THAT(wrong, HasSubstr("connection.unsigned: names \"cognito-idp:InitiateAuth\", which "
                                 "answers with credentials or tokens"));
    EXPECT_THAT(wrong, HasSubstr("names \"s3:GetObject\", which is authorised by a signature"));
    EXPECT_THAT(wrong, HasSubstr("did you mean cognito-idp:SignUp?"));
}

TEST(Config, the_registry_grants_what_the_file_grants) {
    const auto registry = parse(kWhole).value().registry();
    const auto start = [&](const char* principal) {
        return identity::authorise_start(registry, {"reader", "ci", principal, {"reports"}, 0})
            .has_value();
    };
    EXPECT_TRUE(start("ann@example.com"));
    EXPECT_FALSE(start("ann@example.org"));
}

constexpr const char* kAnchors = R"(
[[anchor]]
name = "w1"
type = "witness"
url = "https://witness.example.com:8460/narrows/"
key = "witness.example/w1+40e99145+BADQWh0eolE5bVV6+9RYizxtmdvrly/tEKMlYuom3Nz6"
ca = "ca.pem"
[[anchor]]
name = "usb"
type = "directory"
path = "anchor"
[evidence]
anchor_every = "5s"
anchor_age_max = "10m"
anchor_required = true
)";

TEST(Config, anchors_are_witnesses_and_directories) {
    const auto parsed = parse(kWhole + std::string(kAnchors));
    ASSERT_TRUE(parsed) << parsed.error().what;
    const Config& config = parsed.value();
    ASSERT_EQ(config.anchors.size(), 2u);
    EXPECT_EQ(config.anchors[0].ca, "etc/ca.pem");
    EXPECT_EQ(config.anchors[0].url, "https://witness.example.com:8460/narrows/");
    EXPECT_EQ(config.anchors[1].path, "etc/anchor");
    EXPECT_EQ(config.evidence.anchor_every_s, 5);
    EXPECT_EQ(config.evidence.anchor_age_max_s, 600);
    EXPECT_TRUE(config.evidence.anchor_required);
    EXPECT_EQ(parse(kWhole).value().evidence.anchor_age_max_s, 900);
    EXPECT_THAT(diff(parse(kWhole).value(), config), Contains("anchor \"usb\" was added"));
}

TEST(Config, anchors_that_anchor_nothing_are_refused) {
    const auto with = [](std::string_view from, std::string_view to) {
        std::string text = kWhole + std::string(kAnchors);
        const std::size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return mistakes(text.replace(at, from.size(), to));
    };
    EXPECT_THAT(with("BADQWh0eolE5", "BADQWh0eolE6"), HasSubstr("is not a witness's key"));
    EXPECT_THAT(with("https://witness", "ftp://witness"), HasSubstr("is not a URL"));
    EXPECT_THAT(with("/narrows/", "/narrows?x"), HasSubstr("submission prefix"));
    EXPECT_THAT(with("\"directory\"", "\"usb\""), HasSubstr("write directory, s3 or witness"));
    EXPECT_THAT(with("name = \"usb\"", "name = \"w1\""), HasSubstr("rename one"));
    EXPECT_THAT(with("\"10m\"", "\"5s\""), HasSubstr("never be over"));
    EXPECT_THAT(mistakes(std::string(kWhole) + "[evidence]\nanchor_required = true\n"),
                HasSubstr("add an [[anchor]]"));
}

constexpr const char* kLogKey = R"(
[evidence]
log_key = "kms:arn:aws:kms:eu-central-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab"
log_key_endpoint = "https://vpce-1.kms.eu-central-1.vpce.amazonaws.com"
log_key_credentials = "log-key.credentials"
log_key_profile = "recorder"
)";

TEST(Config, the_log_key_is_a_file_or_a_key_of_kms) {
    EXPECT_EQ(parse(kWhole).value().evidence.log_key.arn, "");
    const auto parsed = parse(kWhole + std::string(kLogKey));
    ASSERT_TRUE(parsed) << parsed.error().what;
    const KmsKey& key = parsed.value().evidence.log_key;
    EXPECT_EQ(key.arn,
              "arn:aws:kms:eu-central-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab");
    EXPECT_EQ(key.region, "eu-central-1");
    EXPECT_EQ(key.endpoint, "https://vpce-1.kms.eu-central-1.vpce.amazonaws.com");
    EXPECT_EQ(key.credentials, "etc/log-key.credentials");
    EXPECT_EQ(key.profile, "recorder");
    EXPECT_THAT(diff(parse(kWhole).value(), parsed.value()),
                Contains(HasSubstr("evidence: log_key changed from \"\" to \"arn:aws:kms:")));
}

TEST(Config, a_log_key_that_is_no_key_of_kms_is_refused) {
    const auto with = [](std::string_view from, std::string_view to) {
        std::string text = kWhole + std::string(kLogKey);
        return mistakes(text.replace(text.rfind(from), from.size(), to));
    };
    EXPECT_THAT(with("key/mrk-1234abcd12ab34cd56ef1234567890ab", "alias/log"),
                HasSubstr("is not a key of AWS KMS"));
    EXPECT_THAT(with("key/mrk", "key/m/rk"), HasSubstr("is not a key of AWS KMS"));
    EXPECT_THAT(with("kms:arn", "arn"), HasSubstr("is not a key of AWS KMS"));
    EXPECT_THAT(with("arn:aws:kms", "arn:aws:iam"), HasSubstr("is not a key of AWS KMS"));
    EXPECT_THAT(with("123456789012:key", "1234:key"), HasSubstr("is not a key of AWS KMS"));
    EXPECT_THAT(with("kms:eu-central-1:", "kms:here:"), HasSubstr("is not a key of AWS KMS"));
    EXPECT_THAT(with("log_key = \"kms:", "# \""), HasSubstr("log_key: is missing"));
}

constexpr const char* kArchive = R"(
[archive]
type = "s3"
bucket = "acme-evidence"
region = "eu-central-1"
prefix = "production/gateways"
endpoint = "https://s3.example.com:9000"
ca = "s3-ca.pem"
credentials = "archive.credentials"
profile = "archive"
retention_days = 400
key_retention_days = 30
legal_hold = true
part_mib = 16
every = "30s"
age_max = "10m"
keep_local_mib = 0
keep_local_for = "1h"
)";

TEST(Config, without_an_archive_evidence_goes_nowhere) {
    EXPECT_THAT(parse(kWhole).value().archive.type, IsEmpty());
}

TEST(Config, an_archive_in_a_directory_has_defaults) {
    const auto parsed =
        parse(std::string(kWhole) + "[archive]\ntype = \"directory\"\npath = \"data-archive\"\n");
    ASSERT_TRUE(parsed) << parsed.error().what;
    const ArchiveSection& archive = parsed.value().archive;
    EXPECT_EQ(archive.path, "etc/data-archive") << "beside data_dir, though it begins as that does";
    EXPECT_EQ(archive.every_s, 60);
    EXPECT_EQ(archive.age_max_s, 15 * 60);
    EXPECT_EQ(archive.keep_local_mib, 4096u);
    EXPECT_EQ(archive.keep_local_for_s, 24 * 3600);
}

TEST(Config, an_archive_in_a_bucket_has_defaults) {
    const auto parsed = parse(std::string(kWhole) +
                              "[archive]\ntype = \"s3\"\nbucket = \"acme-evidence\"\n"
                              "region = \"eu-central-1\"\nretention_days = 0\n");
    ASSERT_TRUE(parsed) << parsed.error().what;
    const ArchiveSection& archive = parsed.value().archive;
    EXPECT_EQ(archive.retention_days, 0u);
    EXPECT_EQ(archive.key_retention_days, 0u);
    EXPECT_FALSE(archive.legal_hold);
    EXPECT_EQ(archive.part_mib, 80u);
    EXPECT_FALSE(archive.s3.path_style) << "AWS's own endpoint";
    for (const std::string& empty : {archive.s3.prefix, archive.s3.endpoint, archive.s3.ca,
                                     archive.s3.credentials, archive.s3.profile}) {
        EXPECT_THAT(empty, IsEmpty());
    }
}

TEST(Config, an_archive_is_read_as_it_is_written) {
    const auto parsed = parse(kWhole + std::string(kArchive));
    ASSERT_TRUE(parsed) << parsed.error().what;
    const ArchiveSection& archive = parsed.value().archive;
    EXPECT_EQ(archive.s3.bucket, "acme-evidence");
    EXPECT_EQ(archive.s3.prefix, "production/gateways");
    EXPECT_EQ(archive.s3.endpoint, "https://s3.example.com:9000");
    EXPECT_EQ(archive.s3.ca, "etc/s3-ca.pem");
    EXPECT_EQ(archive.s3.credentials, "etc/archive.credentials");
    EXPECT_EQ(archive.s3.profile, "archive");
    EXPECT_TRUE(archive.s3.path_style) << "of an endpoint that is not AWS's";
    EXPECT_EQ(archive.retention_days, 400u);
    EXPECT_EQ(archive.key_retention_days, 30u);
    EXPECT_TRUE(archive.legal_hold);
    EXPECT_EQ(archive.part_mib, 16u);
    EXPECT_EQ(archive.every_s, 30);
    EXPECT_EQ(archive.age_max_s, 600);
    EXPECT_EQ(archive.keep_local_mib, 0u);
    EXPECT_EQ(archive.keep_local_for_s, 3600);
    const Config before = parse(kWhole + std::string(kArchive)).value();
    std::string text = kWhole + std::string(kArchive);
    text.replace(text.find("part_mib = 16"), 13, "part_mib = 32");
    EXPECT_THAT(diff(before, parse(text).value()), Contains(HasSubstr("part_mib changed")));
}

TEST(Config, archives_that_would_archive_nothing_are_refused) {
    const auto with = [](std::string_view from, std::string_view to) {
        std::string text = kWhole + std::string(kArchive);
        const std::size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return mistakes(text.replace(at, from.size(), to));
    };
    EXPECT_THAT(with("type = \"s3\"", "type = \"tape\""), HasSubstr("write directory or s3"));
    EXPECT_THAT(with("type = \"s3\"", ""), HasSubstr("archive.type: is missing"));
    EXPECT_THAT(with("bucket = \"acme-evidence\"", ""), HasSubstr("archive.bucket: is missing"));
    EXPECT_THAT(with("\"acme-evidence\"", "\"Acme\""), HasSubstr("is not the name of a bucket"));
    EXPECT_THAT(with("\"eu-central-1\"", "\"here\""), HasSubstr("is not an AWS region"));
    EXPECT_THAT(with("\"production/gateways\"", "\"/x\""), HasSubstr("is not a prefix"));
    EXPECT_THAT(with("https://s3.example.com:9000", "s3.example.com"), HasSubstr("is not a URL"));
    EXPECT_THAT(with("s3-ca.pem", ""), HasSubstr("archive.ca"));
    EXPECT_THAT(with("\"archive.credentials\"", "\"\""), HasSubstr("archive.credentials"));
    EXPECT_THAT(with("profile = \"archive\"", "profile = \"\""), HasSubstr("archive.profile"));
    EXPECT_THAT(with("= 400", "= 36501"), HasSubstr("a whole number from 0 to 36500"));
    EXPECT_THAT(with("= 30\n", "= -1\n"), HasSubstr("archive.key_retention_days"));
    EXPECT_THAT(with("legal_hold = true", "legal_hold = 1"), HasSubstr("write true or false"));
    EXPECT_THAT(with("part_mib = 16", "part_mib = 4"), HasSubstr("from 5 to 5120"));
    EXPECT_THAT(with("part_mib = 16", "part_mib = 5121"), HasSubstr("from 5 to 5120"));
    EXPECT_THAT(with("\"30s\"", "\"25h\""), HasSubstr("archive.every"));
    EXPECT_THAT(with("\"10m\"", "\"30s\""), HasSubstr("the alarm would never be over"));
    EXPECT_THAT(with("keep_local_mib = 0", "keep_local_mib = -1"), HasSubstr("keep_local_mib"));
    EXPECT_THAT(with("\"1h\"", "\"soon\""), HasSubstr("archive.keep_local_for"));
    EXPECT_THAT(with("legal_hold", "legal_holds"), HasSubstr("is not a known key"));
    EXPECT_THAT(with("type = \"s3\"", "type = \"s3\"\npath = \"x\""), HasSubstr("archive.path"));
}

TEST(Config, an_archive_directory_is_apart_and_locks_nothing) {
    const auto with = [](const std::string& lines) {
        return mistakes(std::string(kWhole) + "[archive]\ntype = \"directory\"\n" + lines);
    };
    EXPECT_THAT(with(""), HasSubstr("archive.path: is missing"));
    EXPECT_THAT(with("path = \"data\"\n"), HasSubstr("lies in data_dir"));
    EXPECT_THAT(with("path = \"data/archive\"\n"), HasSubstr("lies in data_dir"));
    EXPECT_THAT(with("path = \"x\"\nretention_days = 5\n"), HasSubstr("is not a known key"));
    EXPECT_THAT(with("path = \"x\"\npart_mib = 5\n"), HasSubstr("is not a known key"));
    EXPECT_THAT(with("path = \"x\"\nbucket = \"abc\"\n"), HasSubstr("is not a known key"));
}

TEST(Config, processes_run_as_users_of_their_own) {
    EXPECT_EQ(parse(kWhole).value().processes.signer, "narrows-signer");
    const auto with = [](std::string_view lines) {
        return parse(std::string(kWhole) + "[processes]\n" + std::string(lines));
    };
    const auto named = with("gateway = \"gw\"\nsigner = \"keys\"\n");
    ASSERT_TRUE(named) << named.error().what;
    EXPECT_EQ(named.value().processes.gateway, "gw");
    EXPECT_EQ(named.value().processes.signer, "keys");
    EXPECT_THAT(with("signer = \"narrows\"\n").error().what, HasSubstr("one of its own"));
    EXPECT_THAT(with("signer = \"a b\"\n").error().what, HasSubstr("processes.signer"));
}

TEST(Config, retention_is_in_days_and_officers_are_keys) {
    const std::string text =
        kWhole + std::string(
                     "[retention]\nbodies = \"2d\"\n"
                     "officers = "
                     "[\"narrows/gw-1+f20ca31c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4\"]\n");
    const auto parsed = parse(text);
    ASSERT_TRUE(parsed) << parsed.error().what;
    EXPECT_EQ(parsed.value().retention.bodies_s, 172'800);
    EXPECT_EQ(parsed.value().retention.operations_s, 7'776'000) << "90 days if nothing is said";
    EXPECT_EQ(parsed.value().retention.officers.size(), 1u);
    EXPECT_THAT(diff(parse(kWhole).value(), parsed.value()),
                Contains(HasSubstr("retention: bodies changed from \"2592000\" to \"172800\"")));
    EXPECT_THAT(mistakes(kWhole + std::string("[retention]\nofficers = [\"me\"]\n")),
                HasSubstr("is not an officer's key"));
}

// By Python: hashlib over the file, and over the CBOR map written out by hand.
TEST(Config, a_reviewer_is_no_launcher) {
    const std::string reviewer =
        "[[reviewer]]\nid = \"on-call\"\nkey_sha256 = \"" + std::string(64, 'a') + "\"\n[[grant]]";
    const auto parsed = parse(replaced("[[grant]]", reviewer));
    ASSERT_TRUE(parsed) << parsed.error().what;
    EXPECT_FALSE(parsed.value().registry().launcher("ci")->reviewer);
    EXPECT_TRUE(parsed.value().registry().launcher("on-call")->reviewer);
    std::string granted = replaced("[[grant]]", reviewer);
    granted.replace(granted.find("launchers = [\"ci\"]"), 18, "launchers = [\"on-call\"]");
    EXPECT_THAT(mistakes(granted), HasSubstr("launchers"));
}

TEST(Config, the_digest_covers_every_file) {
    const Config config = parse(kWhole).value();
    ASSERT_EQ(config.files.size(), 2u);
    EXPECT_EQ(codec::hex(config.files.at("scope.json")),
              "52279714d77bcfad953e90e091f01cf2b8df980cb4c43eea600ce15103933a2c");
    EXPECT_EQ(codec::hex(config.digest),
              "abcf84242d22f8195e380b9770b8869b378fd343258bd7141487aa0f583508d3");
}

TEST(Config, mistakes_name_file_line_column_and_key) {
    EXPECT_EQ(mistakes(replaced("account = \"123456789012\"", "account = \"12\"")).substr(0, 42),
              "etc/narrows.toml:12:11: connection.account");
    EXPECT_THAT(mistakes(replaced("launchers", "lanchers")),
                HasSubstr("etc/narrows.toml:21:1: grant.lanchers: is not a known key; did you mean "
                          "\"launchers\"?"));
    EXPECT_THAT(mistakes("[gateway\n"), HasSubstr("etc/narrows.toml:1:"));
    EXPECT_THAT(mistakes(""), HasSubstr("gateway: is missing"));
}

TEST(Config, all_mistakes_come_at_once) {
    std::string text = replaced("name = \"gw-1\"", "name = \"gw 1\"");
    text += "[limits]\nbody_mib = 0\n[listn]\n";
    const std::string words = mistakes(text);
    EXPECT_THAT(words, HasSubstr("gateway.name"));
    EXPECT_THAT(words, HasSubstr("limits.body_mib"));
    EXPECT_THAT(words, HasSubstr("did you mean \"listen\"?"));
    EXPECT_EQ(std::count(words.begin(), words.end(), '\n'), 2);
}

TEST(Config, references_must_lead_somewhere) {
    EXPECT_THAT(mistakes(replaced("connections = [\"reports\"]", "connections = [\"x\"]")),
                HasSubstr("no [[connection]]"));
    EXPECT_THAT(mistakes(replaced("launchers = [\"ci\"]", "launchers = [\"x\"]")),
                HasSubstr("no [[launcher]]"));
    EXPECT_THAT(mistakes(replaced("agent = \"reader\"", "agent = \"x\"")),
                HasSubstr("no [[agent]]"));
    EXPECT_THAT(mistakes(replaced("launchers = [\"ci\"]", "launchers = []")),
                HasSubstr("nobody start"));
    EXPECT_THAT(mistakes(replaced("scope.json", "gone.json")),
                HasSubstr("gone.json does not exist"));
    EXPECT_THAT(mistakes(replaced("scope.json", "list.json")), HasSubstr("not a JSON object"));
    EXPECT_THAT(mistakes(replaced("role/narrows", "user/narrows")), HasSubstr("role_arn"));
    EXPECT_THAT(mistakes(replaced("iam::123456789012", "iam::210987654321")),
                HasSubstr("role_arn"));
}

TEST(Config, every_identity_proves_itself_in_one_way) {
    const std::string key = "public_key = \"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"";
    EXPECT_THAT(mistakes(replaced(key, "")), HasSubstr("no or several ways"));
    EXPECT_THAT(mistakes(replaced(key, key + "\nissuer = \"ci\"")),
                HasSubstr("no or several ways"));
    EXPECT_THAT(mistakes(replaced(key, "issuer = \"idp\"\nclaims = {sub = \"a\"}")),
                HasSubstr("not the name of an [[issuer]]"));
    EXPECT_THAT(mistakes(replaced(key, "issuer = \"idp\"\nclaims = {sub = \"**\"}")),
                HasSubstr("any token of the issuer"));
    EXPECT_THAT(mistakes(replaced(key, "issuer = \"idp\"")), HasSubstr("any token of the issuer"));
    const std::string again =
        "key_sha256 = "
        "\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"";
    EXPECT_THAT(mistakes(replaced(key, again)), HasSubstr("enrolled elsewhere"));
}

TEST(Config, issuers_publish_usable_keys) {
    const std::string issuer =
        "[[issuer]]\nname = \"i\"\nissuer = \"https://i\"\naudience = \"a\"\njwks = ";
    EXPECT_EQ(mistakes(kWhole + issuer + "\"https://i/keys\"\n"), "");
    EXPECT_THAT(mistakes(kWhole + issuer + "\"http://i/keys\"\n"), HasSubstr("https"));
    EXPECT_THAT(mistakes(kWhole + issuer + "\"list.json\"\n"), HasSubstr("cannot be used"));
    EXPECT_THAT(mistakes(kWhole + issuer + "\"gone.json\"\n"), HasSubstr("cannot be used"));
}

TEST(Config, values_of_wrong_kind_are_refused) {
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
             {"\"90m\"", "90"},
             {"\"90m\"", "\"13h\""},
             {"\"90m\"", "\"90\""},
             {"\"90m\"", "\"-1h\""},
             {"[\"eu-central-1\"]", "\"eu-central-1\""},
             {"[\"eu-central-1\"]", "[]"},
             {"[\"eu-central-1\"]", "[1]"},
             {"in_flight = 4", "in_flight = -4"},
             {"in_flight = 4", "in_flight = \"4\""},
             {"name = \"gw-1\"", "name = 1"},
             {"[[grant]]", "[grant]"},
             {"[gateway]", "[[gateway]]"}}) {
        EXPECT_NE(mistakes(replaced(from, to)), "") << from << " to " << to;
    }
    for (const char* line : {"agents = \"127.0.0.1\"", "agents = \":8400\"", "agents = \"h:0\"",
                             "agents = \"h:65536\"", "agents = \"::1:8400\"",
                             "agents = \"127.0.0.1:8401\"", "names = [\"a b\"]"}) {
        EXPECT_NE(mistakes(std::string(kWhole) + "[listen]\n" + line + "\n"), "") << line;
    }
    EXPECT_EQ(mistakes(std::string(kWhole) + "[listen]\nagents = \"[::1]:8400\"\n"), "");
}

TEST(Config, egress_never_opens_a_way_to_aws) {
    for (const char* host : {"s3.amazonaws.com", "*.amazonaws.com", "*.com", "*.aws", "*.COM",
                             "*.s3.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn", "*.cn",
                             "STS.amazonaws.com:8443", "*", "*.", "", "a/b", "preset:all"}) {
        EXPECT_NE(mistakes(replaced("Git.example.com:22", host)), "") << host;
    }
}

TEST(Config, egress_matches_hosts_below_a_star) {
    const Connection connection = parse(kWhole).value().connections[0];
    const auto allows = [&](const char* host, std::uint16_t port) {
        return std::any_of(connection.egress.begin(), connection.egress.end(),
                           [&](const EgressRule& rule) { return rule.matches(host, port); });
    };
    EXPECT_TRUE(allows("api.anthropic.com", 443));
    EXPECT_TRUE(allows("API.openai.com", 443));
    EXPECT_FALSE(allows("api.anthropic.com", 80));
    EXPECT_TRUE(allows("git.example.com", 22));
    EXPECT_FALSE(allows("git.example.com", 443));
    EXPECT_TRUE(allows("a.b.pkg.example.com", 443));
    EXPECT_FALSE(allows("pkg.example.com", 443));
    EXPECT_FALSE(allows(".pkg.example.com", 443));
    EXPECT_FALSE(allows("evilpkg.example.com", 443));
}

TEST(Config, differences_are_told_in_words) {
    const Config before = parse(kWhole).value();
    EXPECT_THAT(diff(before, before), IsEmpty());
    const Config renamed = parse(replaced("role/narrows", "role/other")).value();
    EXPECT_THAT(diff(before, renamed), ElementsAre("connection \"reports\": role_arn changed from "
                                                   "\"arn:aws:iam::123456789012:role/narrows\" to "
                                                   "\"arn:aws:iam::123456789012:role/other\""));
    const Config more = parse(replaced("[\"*@example.com\"]", "[\"*\"]") +
                              "[[agent]]\nid = \"second\"\npublic_key = "
                              "\"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"\n")
                            .value();
    const auto words = diff(before, more);
    EXPECT_THAT(words, Contains("agent \"second\" was added"));
    EXPECT_THAT(words,
                Contains(HasSubstr("principals [*@example.com], at most 5400 s) was removed")));
    EXPECT_THAT(words, Contains(HasSubstr("principals [*], at most 5400 s) was added")));
}

TEST(Config, who_becomes_a_reviewer_is_told) {
    std::string text = kWhole;
    text += "[[launcher]]\nid = \"on-call\"\nkey_sha256 = \"" + std::string(64, 'a') + "\"\n";
    const Config before = parse(text).value();
    const std::size_t at = text.rfind("[[launcher]]");
    const Config after = parse(text.replace(at, 12, "[[reviewer]]")).value();
    EXPECT_THAT(diff(before, after),
                ElementsAre("launcher \"on-call\" was removed", "reviewer \"on-call\" was added"));
}

TEST(Config, the_shipped_example_parses) {
    const auto config =
        load_config(std::string(NARROWS_SOURCE_DIR) + "/packaging/narrows.example.toml");
    ASSERT_TRUE(config) << config.error().what;
    EXPECT_NE(config.value().connection("reports-ro"), nullptr);
    EXPECT_TRUE(config.value().files.contains("reports-ro.json"));
}

}  // namespace
}  // namespace narrows::gateway
