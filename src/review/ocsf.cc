#include "review/ocsf.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "codec/json.h"
#include "codec/text.h"
#include "evidence/payload.h"
#include "review/words.h"

namespace narrows::review {
namespace {

using codec::Map;
using codec::Value;

constexpr std::int64_t kBaseEvent = 0;
constexpr std::int64_t kApiActivity = 6003;

/// A number of one of OCSF's enumerations and its caption.
struct Term {
    std::int64_t id;
    const char* caption;
};
constexpr Term kUnknown{0, "Unknown"};
constexpr Term kCreate{1, "Create"};
constexpr Term kRead{2, "Read"};
constexpr Term kUpdate{3, "Update"};
constexpr Term kDelete{4, "Delete"};
constexpr Term kOther{99, "Other"};
constexpr Term kSuccess{1, "Success"};
constexpr Term kFailure{2, "Failure"};

/// Adds `name`_id and `name`.
void put_term(Map& to, const std::string& name, const Term& term) {
    to[name + "_id"] = term.id;
    to[name] = term.caption;
}

std::int64_t ms(WallNs time) {
    return time / kNsPerMs;
}

/// The first word of an operation's name says what a write does, by AWS's own habit.
Term activity_of(const Value& derived) {
    const std::string effect = derived.text("effect");
    if (effect == "read") {
        return kRead;
    }
    if (effect.empty()) {
        return kUnknown;
    }
    if (effect != "write") {
        return kOther;  // grant, delegate, credential, by-reference
    }
    const std::string name = derived.text("operation");
    const auto begins = [&](std::initializer_list<const char*> words) {
        return std::any_of(words.begin(), words.end(),
                           [&](const char* word) { return name.starts_with(word); });
    };
    if (begins({"Create", "Run", "Allocate", "Register", "Request"})) {
        return kCreate;
    }
    if (begins({"Delete", "Terminate", "Remove", "Deregister", "Release", "Purge"})) {
        return kDelete;
    }
    return kUpdate;
}

/// How it ended; "Other" carries our own word.
Map status_of(const OperationView& operation) {
    const std::string word = outcome_word(operation);
    const Value& outcome = member(operation.outcome, "observed");
    const std::int64_t code = outcome.number("status");
    Map map;
    put_term(map, "status", kUnknown);  // unknown, or no outcome on record
    map["status_detail"] = operation.outcome_words();
    if (word == "denied") {
        put_term(map, "status", kFailure);
        map["status_code"] = operation.decision().text("reason");
        map["status_detail"] = operation.decision().text("why");
    } else if (word == "not sent") {
        put_term(map, "status", code > 0 && code < 400 ? kSuccess : kFailure);
        map["status_code"] = code == 0 ? word : std::to_string(code);
    } else if (word == "answered") {
        const std::string exception = outcome.text("exception");
        put_term(map, "status", code < 400 && exception.empty() ? kSuccess : kFailure);
        map["status_code"] = exception.empty() ? std::to_string(code) : exception;
    } else if (word == "cut") {
        map["status_id"] = kOther.id;
        map["status"] = word;
    }
    return map;
}

Map endpoint_of(const std::string& peer) {
    const std::size_t colon = peer.rfind(':');
    const std::string port = colon == peer.npos ? "" : peer.substr(colon + 1);
    const bool is_port =
        !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == port.npos;
    if (!is_port) {
        return {{"name", peer.empty() ? "not on record" : peer}};
    }
    std::string ip = peer.substr(0, colon);
    if (ip.starts_with('[') && ip.ends_with(']')) {
        ip = ip.substr(1, ip.size() - 2);
    }
    return {{"ip", ip}, {"port", std::stoi(port)}};
}

/// arn:partition:service:region:account:resource.
Value resource_of(const ResourceView& resource) {
    Map map{{"uid", resource.arn}, {"role_id", 1}, {"role", "Target"}};
    const auto parts = codec::split(resource.arn, ':');
    if (parts.size() >= 6 && parts[0] == "arn") {
        map["cloud_partition"] = parts[1];
        if (!parts[3].empty()) {
            map["region"] = parts[3];
        }
        if (!parts[4].empty()) {
            map["owner"] = Map{{"account", Map{{"uid", parts[4]}}}};
        }
    }
    if (!resource.exact) {
        map["labels"] = codec::List{"pattern"};
    }
    return map;
}

codec::List header_objects(const Value& head) {
    codec::List all;
    const codec::List* headers = member(head, "headers").as<codec::List>();
    for (const Value& each : headers == nullptr ? codec::List{} : *headers) {
        if (const auto* pair = each.as<codec::List>(); pair != nullptr && pair->size() == 2) {
            all.emplace_back(Map{{"name", (*pair)[0]}, {"value", (*pair)[1]}});
        }
    }
    return all;
}

/// The methods that 1.8.0 and 1.9.0 both name; another stands in `unmapped` only.
bool is_method(const std::string& method) {
    constexpr std::array kMethods{"CONNECT", "DELETE", "GET", "HEAD",
                                  "OPTIONS", "POST",   "PUT", "TRACE"};
    return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

Map http_request_of(const Value& intent) {
    const Value& observed = member(intent, "observed");
    const Value& request = member(observed, "request");
    const std::string target = request.text("target");
    const std::size_t mark = std::min(target.find('?'), target.size());
    Map url{{"path", target.substr(0, mark)}};
    if (mark < target.size()) {
        url["query_string"] = target.substr(mark + 1);
    }
    if (const std::string host = member(observed, "upstream").text("host"); !host.empty()) {
        url["hostname"] = host;
    }
    Map map{{"url", std::move(url)},
            {"http_headers", header_objects(request)},
            {"user_agent", header(request, "user-agent")}};
    if (is_method(request.text("method"))) {
        map["http_method"] = request.text("method");
    }
    if (const auto size = evidence::count_member(member(request, "body"), "size")) {
        map["length"] = *size;
    }
    return map;
}

/// `map` without members that are empty texts, whatever their depth; free-form ones are kept.
Map without_blanks(const Map& map) {
    Map kept;
    for (const auto& [name, value] : map) {
        const std::string* text = value.as<std::string>();
        const Map* inner = value.as<Map>();
        if (inner != nullptr && name != "unmapped" && name != "data") {
            kept[name] = without_blanks(*inner);
        } else if (text == nullptr || !text->empty()) {
            kept[name] = value;
        }
    }
    return kept;
}

/// The scope that decided; an empty map if none did.
Map policy_of(const OperationView& operation) {
    const Value& decision = operation.decision();
    const std::string scope = decision.text("scope_sha256");
    if (scope.empty()) {
        return {};
    }
    return {{"uid", scope},
            {"name", decision.text("statement")},
            {"type", "IAM policy"},
            {"is_applied", true}};
}

class OcsfExporter : public Exporter {
  public:
    OcsfExporter(std::ostream& out, OcsfVersion version) : out_(out), version_(version) {}
    Result<void> finish(const std::vector<std::string>& /*cannot_show*/) override { return ok(); }

  protected:
    void put(const OperationView& operation) override;
    void put(const LossView& loss) override;

  private:
    /// What the next event of a chain refers to.
    struct Last {
        std::string uid;
        std::int64_t type_uid = 0;
        std::string leaf;
    };

    Map metadata(const Opening& opening, const std::string& uid, codec::List profiles) const;
    Map actor(const Opening& opening, const OperationView& operation) const;
    Map api(const OperationView& operation) const;
    Map unmapped(const Opening& opening, const OperationView& operation) const;
    Map attestation(const OperationView& operation, const Map& event);
    static void add_class(Map& event, const OperationView& operation);
    void add_cloud(Map& event, const OperationView& operation, codec::List& profiles);
    void add_control(Map& event, const OperationView& operation) const;
    void add_ai(Map& event, const Opening& opening) const;
    void add_http(Map& event, const OperationView& operation) const;
    void write(const Map& event);

    bool is_1_9() const { return version_ == OcsfVersion::v1_9_0; }

    std::ostream& out_;
    OcsfVersion version_;
    std::map<std::string, Last> chains_;
    WallNs last_time_ = 0;  ///< of the last operation: what is lost without a time is put after it
};

Map OcsfExporter::metadata(const Opening& opening, const std::string& uid,
                           codec::List profiles) const {
    Map map{{"version", is_1_9() ? "1.9.0" : "1.8.0"},
            {"product",
             Map{{"name", "Narrows"}, {"vendor_name", "Narrows"}, {"version", opening.version}}},
            {"profiles", std::move(profiles)},
            {"uid", uid},
            {"log_name", "recording"},
            {"log_provider", opening.gateway}};
    if (!opening.session.empty()) {
        map["correlation_uid"] = opening.session;
    }
    return map;
}

/// The agent acts, for a principal that OCSF has no place for (it stands in `unmapped`).
Map OcsfExporter::actor(const Opening& opening, const OperationView& operation) const {
    Map authorization{{"decision", operation.verdict_words()}};
    if (Map policy = policy_of(operation); !policy.empty()) {
        authorization["policy"] = without_blanks(policy);
    }
    Map map{{"authorizations", codec::List{std::move(authorization)}}};
    if (opening.agent.value.empty()) {
        map["app_name"] = "not known";  // the lobby: nobody was let in
        return map;
    }
    Map user{{"uid", opening.agent.value}, {"name", opening.agent.value}};
    put_term(user, "type", {4, "Service"});
    user["credential_uid"] =
        member(member(operation.intent, "observed"), "signature").text("key_id");
    map["user"] = std::move(user);
    map["session"] = Map{{"uid", opening.session},
                         {"issuer", opening.gateway},
                         {"created_time", ms(opening.started)}};
    return map;
}

Map OcsfExporter::api(const OperationView& operation) const {
    const Value& derived = member(operation.intent, "derived");
    const std::string request_id = aws_request_id(operation);
    Map request{{"uid", request_id.empty() ? uid_of(operation) : request_id}};
    if (const Value& parameters = member(derived, "parameters"); !parameters.is_null()) {
        request["data"] = parameters;
    }
    Map map{{"operation", derived.text("operation", operation_name(operation.intent))},
            {"request", std::move(request)}};
    if (const std::string service = derived.text("service"); !service.empty()) {
        map["service"] = Map{{"name", service}};
    }
    const Value& outcome = member(operation.outcome, "observed");
    const Value& head = member(operation.head, "observed");
    Map response;
    if (const auto code = evidence::count_member(outcome, "status"); code && *code != 0) {
        response["code"] = *code;
    }
    if (outcome_word(operation) == "denied") {
        response["error"] = operation.decision().text("reason");
        response["error_message"] = operation.decision().text("why");
        response["flags"] = codec::List{"made by the gateway, not on record"};
    } else if (const std::string error = header(head, "x-amzn-errortype"); !error.empty()) {
        response["error"] = error;
    }
    if (!response.empty()) {
        map["response"] = std::move(response);
    }
    return map;
}

void OcsfExporter::add_control(Map& event, const OperationView& operation) const {
    const bool allowed = operation.allowed();
    put_term(event, "action", allowed ? Term{1, "Allowed"} : Term{2, "Denied"});
    put_term(event, "disposition", allowed ? Term{1, "Allowed"} : Term{2, "Blocked"});
    if (Map policy = policy_of(operation); !policy.empty()) {
        policy["desc"] = operation.decision().text("why");
        event["policy"] = std::move(policy);
    }
}

void OcsfExporter::add_ai(Map& event, const Opening& opening) const {
    event["message_context"] = Map{{"uid", opening.session},
                                   {"name", opening.task.value},
                                   {"ai_role_id", 4},
                                   {"ai_role", "Agent"},
                                   {"service", Map{{"name", "Narrows"}, {"uid", opening.gateway}}}};
    if (is_1_9()) {
        Map agent{{"uid", opening.agent.value},
                  {"name", opening.agent.value},
                  {"instance_uid", opening.session}};
        put_term(agent, "type", kUnknown);
        event["ai_agent"] = std::move(agent);
    }
    if (!opening.principal.value.empty()) {
        event["observables"] = codec::List{Map{{"name", "unmapped.principal.value"},
                                               {"type_id", 4},
                                               {"type", "User Name"},
                                               {"value", opening.principal.value}}};
    }
}

void OcsfExporter::add_http(Map& event, const OperationView& operation) const {
    event["http_request"] = http_request_of(operation.intent);
    const Value& upstream = member(member(operation.intent, "observed"), "upstream");
    if (const std::string host = upstream.text("host"); !host.empty()) {
        event["dst_endpoint"] = Map{{"hostname", host}};
    }
    if (operation.head.is_null()) {
        return;
    }
    const Value& head = member(operation.head, "observed");
    const Value& outcome = member(operation.outcome, "observed");
    Map response{{"code", head.number("status")}, {"http_headers", header_objects(head)}};
    if (const std::string type = header(head, "content-type"); !type.empty()) {
        response["content_type"] = type;
    }
    if (const auto size = evidence::count_member(outcome, "bytes_response")) {
        response["length"] = *size;
    }
    if (const auto duration = evidence::count_member(outcome, "duration_ns")) {
        response["latency"] = *duration / kNsPerMs;
    }
    event["http_response"] = std::move(response);
}

Map OcsfExporter::unmapped(const Opening& opening, const OperationView& operation) const {
    const Value& observed = member(operation.intent, "observed");
    codec::List records;
    for (const RecordView& each : operation.records) {
        records.emplace_back(
            Map{{"kind", name_of(each.kind)}, {"sequence", each.sequence.value()}});
    }
    codec::List withheld;
    for (std::string& each : withheld_of(operation)) {
        withheld.emplace_back(std::move(each));
    }
    const auto claim = [](const Claim& each) {
        return Value(Map{{"value", each.value}, {"provenance", each.provenance}});
    };
    return {{"session", opening.session},
            {"part", operation.part.value()},
            {"op", operation.op.value()},
            {"records", std::move(records)},
            {"leaf", codec::hex(operation.records.front().leaf)},
            {"agent", claim(opening.agent)},
            {"principal", claim(opening.principal)},
            {"task", claim(opening.task)},
            {"connection", observed.text("connection")},
            {"mode", observed.text("mode")},
            {"method", member(observed, "request").text("method")},
            {"effect", member(operation.intent, "derived").text("effect")},
            {"verdict", operation.verdict_words()},
            {"decision", operation.decision()},
            {"outcome", outcome_word(operation)},
            {"result", member(operation.outcome, "observed")},
            {"withheld", std::move(withheld)},
            {"stated", member(operation.intent, "stated")}};
}

/// The leaf is no hash of this JSON: `serialization` says of what. Chains go from operation to
/// operation, in the order of this output.
Map OcsfExporter::attestation(const OperationView& operation, const Map& event) {
    const auto fingerprint = [](const std::string& leaf) {
        return Value(Map{{"algorithm_id", 3},
                         {"algorithm", "SHA-256"},
                         {"value", leaf},
                         {"encoding_id", 1},
                         {"encoding", "Hex"},
                         {"serialization_id", kOther.id},
                         {"serialization", "narrows-rec-v1 leaf of the INTENT record"}});
    };
    const std::string leaf = codec::hex(operation.records.front().leaf);
    const Opening& opened = opening(operation.part);
    const std::string chain = opened.session.empty()
                                  ? fmt::format("{}/{}", opened.gateway, operation.part.value())
                                  : opened.session;
    Map map{{"chain_uid", chain},
            {"authority_uid", opened.gateway},
            {"fingerprint", fingerprint(leaf)}};
    Last& last = chains_[chain];
    if (!last.uid.empty()) {
        map["prev_event"] = Map{{"uid", last.uid},
                                {"type_uid", last.type_uid},
                                {"fingerprint", fingerprint(last.leaf)}};
    }
    last = {event.at("metadata").text("uid"), *event.at("type_uid").as<std::int64_t>(), leaf};
    return map;
}

void OcsfExporter::add_class(Map& event, const OperationView& operation) {
    const Value& derived = member(operation.intent, "derived");
    const Term activity = activity_of(derived);
    event["activity_id"] = activity.id;
    event["activity_name"] =
        activity.id == kOther.id ? derived.text("effect") : std::string(activity.caption);
    event["category_uid"] = 6;
    event["category_name"] = "Application Activity";
    event["class_uid"] = kApiActivity;
    event["class_name"] = "API Activity";
    event["type_uid"] = kApiActivity * 100 + activity.id;
    put_term(event, "severity", {1, "Informational"});
    event["time"] = ms(operation.time);
    event["message"] =
        fmt::format("{} {}", operation.verdict_words(), operation_name(operation.intent));
}

void OcsfExporter::add_cloud(Map& event, const OperationView& operation, codec::List& profiles) {
    codec::List resources;
    for (const ResourceView& each : resources_of(operation.intent)) {
        resources.push_back(resource_of(each));
    }
    if (!resources.empty()) {
        event["resources"] = std::move(resources);
    }
    const auto& connections = opening(operation.part).connections;
    const auto at = connections.find(member(operation.intent, "observed").text("connection"));
    if (at == connections.end()) {
        return;
    }
    profiles.emplace_back("cloud");
    event["cloud"] =
        Map{{"provider", "AWS"},
            {"cloud_partition", at->second.text("partition")},
            {"account",
             Map{{"uid", at->second.text("account")}, {"type_id", 10}, {"type", "AWS Account"}}}};
}

void OcsfExporter::put(const OperationView& operation) {
    const Opening& opened = opening(operation.part);
    last_time_ = operation.time;
    codec::List profiles{"security_control"};
    Map event = status_of(operation);
    add_class(event, operation);
    add_control(event, operation);
    add_cloud(event, operation, profiles);
    add_http(event, operation);
    if (!opened.session.empty()) {
        profiles.emplace_back("ai_operation");
        add_ai(event, opened);
    }
    if (is_1_9()) {
        profiles.emplace_back("record_integrity");
    }
    event["metadata"] = metadata(opened, uid_of(operation), std::move(profiles));
    event["actor"] = actor(opened, operation);
    event["api"] = api(operation);
    event["src_endpoint"] = endpoint_of(member(operation.intent, "observed").text("peer"));
    event["unmapped"] = unmapped(opened, operation);
    if (is_1_9()) {
        event["attestation_list"] = codec::List{attestation(operation, event)};
    }
    write(event);
}

void OcsfExporter::put(const LossView& loss) {
    Map extra{{"why", loss.why}, {"declared", loss.declared}};
    const std::string uid = fmt::format("lost/{}", counts_.losses);
    const Opening& opened = opening(loss.part.value_or(model::PartNo(0)));
    if (loss.part) {
        extra["part"] = loss.part->value();
    }
    if (loss.records) {
        extra["first"] = loss.records->first.value();
        extra["last"] = loss.records->last.value();
    }
    Map event{{"activity_id", kOther.id},
              {"activity_name", "Loss"},
              {"category_uid", 0},
              {"category_name", "Uncategorized"},
              {"class_uid", kBaseEvent},
              {"class_name", "Base Event"},
              {"type_uid", kBaseEvent * 100 + kOther.id},
              {"time", ms(loss.time == 0 ? last_time_ : loss.time)},
              {"message", "Records are missing from the recording or cannot be read."},
              {"metadata", metadata(opened, uid, {})},
              {"unmapped", std::move(extra)}};
    put_term(event, "severity", {4, "High"});
    put_term(event, "status", kUnknown);
    event["status_detail"] = loss.why;
    write(event);
}

void OcsfExporter::write(const Map& event) {
    bool lossy = false;
    Value clean = utf8(Value(without_blanks(event)), lossy);
    if (lossy) {
        ++counts_.lossy;
        clean.as<Map>()->at("unmapped").as<Map>()->emplace("lossy", true);
    }
    out_ << codec::json_encode(clean) << "\n";
}

}  // namespace

std::unique_ptr<Exporter> ocsf_exporter(std::ostream& out, OcsfVersion version) {
    return std::make_unique<OcsfExporter>(out, version);
}

}  // namespace narrows::review
