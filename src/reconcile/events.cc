#include "reconcile/events.h"

#include "base/rfc3339.h"
#include "codec/json.h"
#include "codec/text.h"
#include "reconcile/names.h"

namespace narrows::reconcile {
namespace {

constexpr std::string_view kBefore = "{\"Records\":[";

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

Error not_a_log(const char* why) {
    return {ErrorCode::invalid, std::string("the file is no log of CloudTrail: ") + why};
}

const codec::Value& at(const codec::Value& map, std::string_view name) {
    static const codec::Value kNone;
    const codec::Value* found = map.find(name);
    return found == nullptr ? kNone : *found;
}

std::string after_last(std::string_view text, char separator) {
    const std::size_t last = text.rfind(separator);
    return std::string(last == text.npos ? std::string_view() : text.substr(last + 1));
}

void read_identity(const codec::Value& identity, Event& event) {
    const codec::Value& context = at(identity, "sessionContext");
    const std::string arn = identity.text("arn");
    event.account = identity.text("accountId");
    event.key_id = identity.text("accessKeyId");
    event.invoked_by = identity.text("invokedBy");
    event.source_identity = context.text("sourceIdentity");
    event.is_service = identity.text("type") == "AWSService";
    if (identity.text("type") == "WebIdentityUser") {
        event.provider = identity.text("identityProvider");
        event.subject = identity.text("userName");
    }
    event.issued_to = at(identity, "inScopeOf").text("credentialsIssuedTo");
    event.source_arn = at(identity, "inScopeOf").text("sourceArn");
    event.is_instance = !context.text("ec2RoleDelivery").empty();
    event.principal = principal_of(at(context, "sessionIssuer").text("arn"));
    if (event.principal.empty()) {
        event.principal = principal_of(arn);
    }
    if (arn.find(":assumed-role/") != arn.npos) {
        event.session_name = after_last(arn, '/');
    } else if (identity.text("type") == "AssumedRole" || identity.text("type") == "AWSAccount") {
        // All that the trail of another account tells of who called.
        event.session_name = after_last(identity.text("principalId"), ':');
    }
}

}  // namespace

Result<void> EventSplitter::feed(std::string_view text) {
    while (!text.empty()) {
        std::size_t used = 1;
        if (place_ == Place::event) {
            NARROWS_TRY(used, inside(text));
        } else {
            NARROWS_TRY(step(text.front()));
        }
        text.remove_prefix(used);
    }
    return ok();
}

/// A character outside of events.
Result<void> EventSplitter::step(char c) {
    const bool in_name = place_ == Place::before && matched_ > 1 && matched_ < 10;
    if (is_blank(c) && !in_name) {
        return ok();
    }
    switch (place_) {
        case Place::before:
            if (c != kBefore[matched_++]) {
                return fail(not_a_log("it does not begin with its records"));
            }
            place_ = matched_ == kBefore.size() ? Place::first : Place::before;
            return ok();
        case Place::first:
        case Place::next:
            if (c == '{') {
                place_ = Place::event;
                event_ = "{";
                depth_ = 1;
                return ok();
            }
            if (c != ']' || place_ == Place::next) {
                return fail(not_a_log("a record is no object"));
            }
            place_ = Place::close;
            return ok();
        case Place::between:
            if (c != ',' && c != ']') {
                return fail(not_a_log("something stands between its records"));
            }
            place_ = c == ',' ? Place::next : Place::close;
            return ok();
        case Place::close:
            if (c != '}') {
                return fail(not_a_log("it holds more than records"));
            }
            place_ = Place::after;
            return ok();
        default:
            return fail(not_a_log("bytes follow its end"));
    }
}

/// Characters of an event; returns how many.
Result<std::size_t> EventSplitter::inside(std::string_view text) {
    std::size_t used = 0;
    while (used < text.size() && depth_ > 0) {
        const char c = text[used++];
        if (escaped_) {
            escaped_ = false;
        } else if (in_string_) {
            escaped_ = c == '\\';
            in_string_ = c != '"';
        } else if (c == '"') {
            in_string_ = true;
        } else if (c == '{' || c == '[') {
            ++depth_;
        } else if (c == '}' || c == ']') {
            --depth_;
        }
    }
    if (event_.size() + used > kEventBytesMax) {
        return fail(ErrorCode::exhausted, "an event of the log is larger than 1 MiB");
    }
    event_.append(text.substr(0, used));
    if (depth_ == 0) {
        place_ = Place::between;
        NARROWS_TRY(take_(event_));
    }
    return used;
}

Result<void> EventSplitter::finish() const {
    return place_ == Place::after ? ok() : Result<void>(fail(not_a_log("it is cut off")));
}

std::string principal_of(std::string_view arn) {
    const auto fields = codec::split(arn, ':');
    if (fields.size() != 6 || fields[0] != "arn") {
        return {};
    }
    const auto path = codec::split(fields[5], '/');
    if (path.size() < 2) {
        return {};
    }
    const bool is_session = fields[2] == "sts" && path[0] == "assumed-role" && path.size() == 3;
    const bool is_own = fields[2] == "iam" && (path[0] == "role" || path[0] == "user");
    if (!is_session && !is_own) {
        return {};
    }
    std::string out(fields[4]);
    out.append(is_session ? ":role" : ":").append(is_session ? "" : path[0]).append("/");
    return out.append(is_session ? path[1] : path.back());
}

Result<Event> read_event(std::string_view text) {
    NARROWS_TRY(const codec::Value value, codec::json_decode(text));
    Event event;
    event.id = value.text("eventID");
    event.shared_id = value.text("sharedEventID");
    event.request_id = value.text("requestID");
    event.source = value.text("eventSource");
    event.name = value.text("eventName");
    event.region = value.text("awsRegion");
    event.recipient = value.text("recipientAccountId");
    event.error = value.text("errorCode");
    event.is_data = value.text("eventCategory") == "Data";
    const auto time = parse_rfc3339(value.text("eventTime"));
    if (event.id.empty() || event.source.empty() || event.name.empty() || !time) {
        return fail(ErrorCode::invalid, "an event has no id, time, source or name");
    }
    event.time = *time;
    read_identity(at(value, "userIdentity"), event);
    event.parameters = at(value, "requestParameters");
    event.response = at(value, "responseElements");
    if (event.source == "sts.amazonaws.com" && event.name.starts_with("AssumeRole")) {
        event.assumed = principal_of(event.parameters.text("roleArn"));
        if (event.assumed.empty()) {
            event.assumed = principal_of(at(event.response, "assumedRoleUser").text("arn"));
        }
    }
    return event;
}

}  // namespace narrows::reconcile
