#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/value.h"

/// What operations make that then acts by itself, and how its calls look in a trail. Pure; a table,
/// reviewed by hand against each service's API reference and
/// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
/// Only what a trail tells of in a way that leads back to the operation is in it: the role session
/// names that EC2, Lambda, ECS and CodeBuild give, the tags of EKS's pods and of Auto Scaling's
/// instances, identity providers, roles, users, keys; and, as no more than a possibility, services
/// that act in the role that they were given, and whom a trust policy lets in. What each rule is
/// known from stands in docs/reconcile.md.
namespace narrows::reconcile {

/// An operation, as a record or an event has it. Must outlive what is asked of it.
struct Making {
    std::string service;    ///< IAM's prefix, which is the first label of events' sources
    std::string operation;  ///< without an API's version
    std::string account;
    std::string region;
    const codec::Value& request;
    const codec::Value& answer;  ///< null: not known
};

struct Made {
    std::string what;    ///< "instance", "function", "stack", "role", "user", "key" …
    std::string name;    ///< "i-0abc…"
    std::string verb;    ///< what was done to it: "created", "changed", "asked for"
    std::string actor;   ///< see actors.h
    std::string giver;   ///< "ec2.amazonaws.com": the service that gives it its credentials, or ""
    std::string region;  ///< "": names are the account's, whatever the region
    std::string role;    ///< principal in which it acts, where that is known
    /// Whether others act under the same name in the same role: it never proves, and nobody's
    /// taking it ends anything.
    bool is_shared = false;
    std::string thing;  ///< account, region, kind and name: what a later operation sets off
};

/// Most names of one operation that are taken.
inline constexpr std::size_t kMadeByOneMax = 4'096;

/// What acts from now on. Empty: nothing, or nothing of it could be read.
std::vector<Made> made_by(const Making& making);
/// Whether operations of that name are in the table.
bool is_maker(std::string_view service, std::string_view operation);
/// What it means that such an operation makes nothing: it names no role, or nobody.
enum class Without {
    name_is_missing,
    in_callers_name,  ///< the service acts in the caller's name, or in a role that was there
    acts_in_none,
    lets_nobody_in,
};
Without without_role(std::string_view service, std::string_view operation);
/// Whether it makes something that acts, whose calls no name in a trail leads back to it.
bool makes_unnamed(std::string_view service, std::string_view operation);
/// `Made::thing` of what such an operation sets off, or "".
std::string sets_off(const Making& making);
/// Whether the operation's answer is worth reading.
bool answer_tells(std::string_view service, std::string_view operation);
/// Actors that end with it, with their regions; nothing else of them is filled in.
std::vector<Made> ended_by(const Making& ending);
bool is_ender(std::string_view service, std::string_view operation);

/// A recorded answer: JSON or XML; ErrorCode::invalid if it is neither.
Result<codec::Value> read_answer(std::string_view body);

/// Texts and numbers at "a.b", whatever the case of letters, of all members of lists; AWS's
/// wrappers ("item", "items", "member", "…Result", "…Response") are passed through. At most
/// kMadeByOneMax.
std::vector<std::string> texts_at(const codec::Value& value, std::string_view path);

}  // namespace narrows::reconcile
