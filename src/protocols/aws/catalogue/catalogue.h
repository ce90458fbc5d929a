#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/operation.h"
#include "protocols/aws/catalogue/tables.h"

/// What AWS's operations are: names, wire forms, input shapes, IAM actions, resources, secrets.
/// Generated at build time (tools/catalogue, docs/catalogue.md) and embedded in the program.
///
/// A Catalogue is immutable and thread-safe. Everything else here is a small view (pointer and
/// index) into it: pass by value, keep no longer than the catalogue, which for `embedded()` is for
/// ever. Views never fail: `load` has checked every index of the binary.
namespace narrows::aws {

class Catalogue;

/// A row number in one of the binary's tables; `kNone` is no row.
inline constexpr std::uint32_t kNone = 0xffffffff;

/// A run of rows seen as views.
template <class View>
class Range {
  public:
    class Iterator {
      public:
        using iterator_category = std::input_iterator_tag;
        using value_type = View;
        using difference_type = std::ptrdiff_t;
        using pointer = const View*;
        using reference = View;

        Iterator(const Catalogue* catalogue, std::uint32_t row)
            : catalogue_(catalogue), row_(row) {}
        View operator*() const { return View(catalogue_, row_); }
        Iterator& operator++() {
            ++row_;
            return *this;
        }
        friend bool operator==(const Iterator&, const Iterator&) = default;

      private:
        const Catalogue* catalogue_;
        std::uint32_t row_;
    };
    Range() = default;
    Range(const Catalogue* catalogue, std::uint32_t first, std::uint32_t count)
        : catalogue_(catalogue), first_(first), count_(count) {}
    Iterator begin() const { return {catalogue_, first_}; }
    Iterator end() const { return {catalogue_, first_ + count_}; }
    std::size_t size() const { return count_; }
    bool empty() const { return count_ == 0; }
    /// `i` below size().
    View operator[](std::size_t i) const {
        return View(catalogue_, first_ + static_cast<std::uint32_t>(i));
    }

  private:
    const Catalogue* catalogue_ = nullptr;
    std::uint32_t first_ = 0;
    std::uint32_t count_ = 0;
};

/// Common to all views: which catalogue, which row.
class View {
  public:
    View(const Catalogue* catalogue, std::uint32_t row) : catalogue_(catalogue), row_(row) {}
    std::uint32_t row() const { return row_; }
    friend bool operator==(const View&, const View&) = default;

  protected:
    const Catalogue* catalogue_;
    std::uint32_t row_;
};

// ---- Shapes -------------------------------------------------------------------------------------

enum class ShapeKind : std::uint8_t {
    structure,  ///< members are its fields; at most one may be set if is_union()
    list,       ///< one member, "member": the element
    map,        ///< two members, "key" and "value"
    string,
    blob,
    boolean,
    integer,  ///< 32 bits (and Smithy's byte and short)
    long_integer,
    float_number,
    double_number,
    timestamp,
    document,  ///< any JSON value
};

/// Where a member of an operation's top-level input travels (botocore `location`).
enum class Location : std::uint8_t {
    body,  ///< in the document
    header,
    headers,      ///< a map; wire_name() is the common prefix, "x-amz-meta-"
    querystring,  ///< also maps and lists
    uri,
    payload,  ///< the member is the whole HTTP body (structure: as document; blob, string: raw)
};

enum class TimestampFormat : std::uint8_t { by_protocol, iso8601, unix_seconds, rfc822 };

class Shape;

/// A field of a structure, or the element, key or value of a list or map. Traits are effective:
/// those of the member and, beneath, of the shape it refers to.
class Member : public View {
  public:
    using View::View;
    std::string_view name() const;  ///< in the model and in decoded parameters: "BucketName"
    /// On the wire in JSON, XML, query, header, query string and URI label: locationName, or
    /// name(). Not used by rpc-v2-cbor, which always uses name().
    std::string_view wire_name() const;
    bool has_wire_name() const;  ///< the model gives a locationName (lists: element name in XML)
    /// In the ec2 protocol: queryName, or wire_name() with a capital first letter.
    std::string ec2_name() const;
    /// In the query protocol: wire_name(), or what query_names.tsv says of services whose model
    /// has moved on to json.
    std::string_view query_name() const;
    Shape shape() const;
    Location location() const;
    TimestampFormat timestamp_format() const;
    bool required() const;
    bool flattened() const;  ///< lists and maps in XML and query: no wrapper element
    bool xml_attribute() const;
    bool json_value() const;  ///< a JSON document as text (base64 in a header)
    bool streaming() const;
    bool event_stream() const;
    bool event_header() const;  ///< inside an event: travels as an event header
    bool event_payload() const;
    bool idempotency_token() const;
    bool host_label() const;                 ///< also fills a hole of Operation::host_prefix()
    std::string_view xml_namespace() const;  ///< URI, or empty
    std::string_view xml_namespace_prefix() const;  ///< "xsi", or empty
};

class Shape : public View {
  public:
    using View::View;
    std::string_view name() const;  ///< "CreateBucketConfiguration"; only of REST-XML structures
    ShapeKind kind() const;
    bool is_union() const;
    bool is_event_stream() const;
    bool is_sensitive() const;  ///< the model marks values as sensitive (not the secrets table)
    Range<Member> members() const;
    /// The field of that model name / wire name, or nothing. Linear; structures are small.
    std::optional<Member> member(std::string_view name) const;
    std::optional<Member> member_by_wire_name(std::string_view name) const;
    Member element() const;  ///< lists only
    Member key() const;      ///< maps only
    Member value() const;    ///< maps only
    /// The member that is the HTTP body (structure shapes with `payload`), or nothing.
    std::optional<Member> payload() const;
    std::string_view xml_name() const;  ///< root element when this is a body; empty: name()
    std::string_view xml_namespace() const;
};

// ---- IAM ----------------------------------------------------------------------------------------

/// Paths lead from an operation's input structure to values, in model names:
/// "TableName", "Delete.Objects[].Key" (each element), "RequestItems{}" (each map value),
/// "RequestItems{@}" (each map key), "Item{}.S". See values_at in path.h.

/// How a value at a path fills a hole of an ARN template. "Whole ARN": a text that begins with
/// "arn:" and matches the template with its holes as wildcards replaces the template; one that
/// begins so and does not match leaves the resource unknown.
enum class Fill : std::uint8_t {
    value,         ///< the text as it is
    arn,           ///< a whole ARN; anything else: unknown
    arn_or_value,  ///< a whole ARN, or as `value`; with ':' or '/' in it, and no ARN: unknown
    suffix,        ///< only the end of the hole is known (IAM paths): "*" + text, not exact
    queue_url,     ///< SQS: "https://host/ACCOUNT/NAME"; fills Account too
    last_segment,  ///< the text after the last "/" ("/hostedzone/Z1")
    constant,      ///< path() is the text itself
    s3_copy_source_bucket,  ///< x-amz-copy-source: "[/]bucket/key[?versionId=]", percent-encoded
    s3_copy_source_key,
    arn_or_suffix,    ///< a whole ARN, or as `suffix`
    secret_id,        ///< a whole ARN that ends in "-" and six characters; else text + "-??????"
    no_slash,         ///< a whole ARN, or the text without one leading "/" (SSM parameters)
    no_slash_prefix,  ///< the same with "*" behind, not exact (everything under a path)
};

/// What fills one hole of an ARN template.
class Hole : public View {
  public:
    using View::View;
    std::string_view name() const;  ///< "BucketName"; empty: the path gives the whole ARN
    std::string_view path() const;
    Fill fill() const;
    /// What to take when the path yields nothing; empty: unknown ("*", not exact).
    std::string_view otherwise() const;
};

/// One resource of an access. `arn()` is a template: "arn:${Partition}:s3:::${BucketName}". The
/// caller fills Partition, Region and Account from the connection; each hole() from parameters; a
/// hole that nothing fills becomes "*" and the resource is not exact. A path with several values
/// gives several resources; two such holes: every combination. Text filled in must have its own
/// `*` and `?` treated as literals (not exact ARNs are patterns).
class ResourceRule : public View {
  public:
    using View::View;
    std::string_view type() const;  ///< IAM's name of the type: "bucket"; empty for "*"
    std::string_view arn() const;   ///< "*" where the action has no resource type
    Range<Hole> holes() const;
    /// With optional set, the rule counts only if the path of each of its holes yields something.
    bool optional() const;
};

/// How an IAM condition key gets its values from parameters. Of tags, key() is a prefix, and the
/// tag keys together are a key of their own: "aws:RequestTag/" has "aws:TagKeys",
/// "s3:RequestObjectTag/" "s3:RequestObjectTagKeys", "kms:EncryptionContext:"
/// "kms:EncryptionContextKeys".
enum class ConditionFrom : std::uint8_t {
    values,        ///< key() has the values at path()
    constant,      ///< path() is the value
    tag_list,      ///< path() leads to list elements; key() + element[key_name()] has
                   ///< element[value_name()]
    tag_map,       ///< path() leads to a map of tags
    tag_query,     ///< S3's x-amz-tagging: "k=v&k2=v2"
    if_present,    ///< as values; without a value the key is unknown, since AWS has a default
    arn,           ///< the same, as an ARN: what is none stands behind value_name(), a template
    connection,    ///< path() is "Account" or "Region": the connection's
    absent,        ///< nothing in the input is named like a tag: no key that begins with key()
    leading_keys,  ///< partition keys of DynamoDB's items (decode/leading_keys.h)
};

class ConditionRule : public View {
  public:
    using View::View;
    std::string_view key() const;  ///< as IAM writes it: "s3:prefix"; tags: "aws:RequestTag/"
    ConditionFrom from() const;
    std::string_view path() const;
    std::string_view key_name() const;
    std::string_view value_name() const;
    /// Of tags: the key that holds all tag keys together; else empty.
    std::string_view tag_keys() const;
};

enum class When : std::uint8_t { always, present, absent };

/// One thing IAM checks for the operation: an action on resources, asked for always or only if a
/// parameter is present or absent ("s3:GetObjectVersion" when VersionId is present), or has a text.
class AccessRule : public View {
  public:
    using View::View;
    std::string_view action() const;    ///< "s3:GetObject"
    model::EffectClass effect() const;  ///< of the action by itself
    When when() const;
    std::string_view when_path() const;  ///< "Path", "Path=Text", "Path?": a query in its text
    /// Never empty. If all rules are optional and none counts, all count, with unknown holes.
    Range<ResourceRule> resources() const;
    /// The keys AWS documents for this action that parameters can fill.
    Range<ConditionRule> conditions() const;
};

// ---- Services and operations --------------------------------------------------------------------

enum class Protocol : std::uint8_t { query, ec2, json, rest_json, rest_xml, rpc_v2_cbor };
const char* name_of(Protocol protocol);

/// A set of protocols.
class Protocols {
  public:
    explicit Protocols(std::uint8_t bits) : bits_(bits) {}
    bool has(Protocol p) const { return (bits_ >> static_cast<int>(p)) & 1; }

  private:
    std::uint8_t bits_;
};

enum class Auth : std::uint8_t { sigv4, none, bearer };

/// A query key or header that an operation's form requires; an empty value means any value.
class Literal : public View {
  public:
    using View::View;
    std::string_view name() const;
    std::string_view value() const;
    bool any_value() const;
    bool is_header() const;  ///< else a query key
};

/// A piece of text in a list (paths, names).
class Text : public View {
  public:
    using View::View;
    std::string_view text() const;
};

class Service;

class Operation : public View {
  public:
    using View::View;
    std::string_view name() const;  ///< "GetObject"
    Service service() const;
    std::string_view method() const;
    /// REST: "/{Bucket}/{Key+}", without the query part (that is in literals()). Labels are wire
    /// names of members with Location::uri. RPC protocols: "/".
    std::string_view uri() const;
    Range<Literal> literals() const;
    std::string_view host_prefix() const;    ///< "{AccountId}." or empty
    std::uint32_t endpoint_variant() const;  ///< see Catalogue::endpoint
    Auth auth() const;
    bool has_input() const;
    Shape input() const;  ///< only if has_input()

    bool streaming_input() const;
    bool streaming_output() const;
    bool event_stream_input() const;
    bool event_stream_output() const;
    bool unsigned_payload() const;
    bool returns_credentials() const;  ///< credentials, tokens or signed URLs: never let through
    bool request_compression() const;
    bool checksum_required() const;
    /// The member that names the checksum algorithm ("ChecksumAlgorithm"), or empty.
    std::string_view checksum_member() const;
    bool deprecated() const;
    /// S3 operations that only S3 Express has and only the signing name "s3express" asks for.
    bool s3_express_only() const;

    /// Of a request that has only what it must. An access whose `when` parameter is there can raise
    /// it: see AccessRule::effect (an ACL on s3:PutObject makes it a grant).
    model::EffectClass effect() const;
    /// No IAM action is known for it: never allowed.
    bool no_action() const;
    Range<AccessRule> accesses() const;  ///< empty only if no_action()

    /// Values never written: paths in model names from the input structure …
    Range<Text> secret_inputs() const;
    /// … and from the output structure, in wire names (what stands in the answer's document);
    /// "@header:NAME" is a response header, "@body" the whole body.
    Range<Text> secret_outputs() const;
};

class Service : public View {
  public:
    using View::View;
    std::string_view id() const;            ///< botocore's directory: "dynamodb"
    std::string_view title() const;         ///< "Amazon DynamoDB"
    std::string_view signing_name() const;  ///< the main one: "dynamodb"
    Range<Text> signing_names() const;      ///< all that its endpoint rules use
    std::string_view iam_prefix() const;    ///< "dynamodb"; empty if IAM has none
    std::string_view endpoint_prefix() const;
    std::string_view target_prefix() const;  ///< "DynamoDB_20120810"; empty if no JSON or CBOR
    std::string_view api_version() const;    ///< "2012-08-10"
    std::string_view json_version() const;   ///< "1.0"
    std::string_view xml_namespace() const;  ///< of REST-XML and query answers; may be empty
    Protocols protocols() const;
    bool query_compatible() const;  ///< answers x-amzn-query-mode clients with x-amzn-query-error
    bool is_s3() const;
    Range<Operation> operations() const;  ///< ordered by name
    std::optional<Operation> operation(std::string_view name) const;
};

// ---- Endpoints ----------------------------------------------------------------------------------

struct Endpoint {
    std::string host;            ///< "dynamodb.eu-west-1.amazonaws.com"
    std::string signing_region;  ///< "us-east-1" for IAM wherever it is called from
};

struct Info {
    std::string_view models_version;  ///< of the service models
    /// "client-transcribe-streaming 3.1141.0": where the models that botocore leaves out are from.
    std::vector<std::string_view> more_models;
    std::string_view iam_data_version;  ///< of the IAM data
    std::string digest;                 ///< hex SHA-256 that the binary carries of itself
    std::size_t services = 0;
    std::size_t operations = 0;
    std::size_t actions = 0;
    std::size_t without_action = 0;
};

// ---- The catalogue ------------------------------------------------------------------------------

/// An IAM action that IAM's own tables list ("s3:GetObject"), used by some operation or not.
class Action : public View {
  public:
    using View::View;
    std::string_view name() const;
    model::EffectClass effect() const;
    bool has_resource_types() const;  ///< else only Resource "*" ever matches
};

class Catalogue {
  public:
    /// The one built into this program, loaded at first use; a broken one ends the process.
    static const Catalogue& embedded();
    /// Reads a catalogue, checking its digest and every offset and index. `binary` must outlive it.
    static Result<Catalogue> load(ByteView binary);

    Info info() const;
    Range<Service> services() const;
    std::optional<Service> service(std::string_view id) const;
    /// The services that a credential scope's signing name can mean ("rds": docdb, neptune, rds).
    std::vector<Service> services_signed_as(std::string_view signing_name) const;

    /// Ordered by lower-case name. `find_action` ignores ASCII case, as IAM does.
    Range<Action> actions() const;
    std::optional<Action> find_action(std::string_view name) const;
    /// Up to three known actions nearest to a misspelt one; empty if none is near.
    std::vector<std::string_view> suggest(std::string_view name) const;

    /// The host to dial for an operation, without its host_prefix(), from nothing but partition
    /// and region. Refuses partitions that are unknown and regions that are not of their form.
    Result<Endpoint> endpoint(Operation operation, std::string_view partition,
                              std::string_view region) const;
    /// The same for most of a service's operations (a few services have two hosts).
    Result<Endpoint> endpoint(Service service, std::string_view partition,
                              std::string_view region) const;
    /// "aws-cn" for "cn-north-1"; empty if no partition has such regions.
    std::string_view partition_of(std::string_view region) const;
    /// DNS suffixes of a partition, "amazonaws.com" and "api.aws"; of all if it is empty.
    std::vector<std::string_view> dns_suffixes(std::string_view partition) const;

    const Tables& tables() const { return tables_; }

  private:
    explicit Catalogue(Tables tables) : tables_(tables) {}
    void index_signing_names();
    Result<Endpoint> endpoint(Service service, std::uint32_t variant, std::string_view partition,
                              std::string_view region) const;

    Tables tables_;
    std::map<std::string_view, std::vector<std::uint32_t>> signed_as_;  ///< service rows
};

}  // namespace narrows::aws
