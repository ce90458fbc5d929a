#pragma once

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "review/recording.h"

/// Recordings in the formats of other tools, written as they are read (docs/exports.md).
namespace narrows::review {

/// Writes one format. Feed it what a reader hands out, then `finish`. Holds no operation longer
/// than the call. Output is valid UTF-8 whatever the records hold; where bytes had to be replaced
/// it says `lossy`. Single-threaded.
class Exporter {
  public:
    virtual ~Exporter() = default;
    void event(const EventView& event);
    void operation(const OperationView& operation);
    void lost(const LossView& loss);
    /// The end of the output; `cannot_show` are the sentences of Limits. Fails if a body could not
    /// be read again or a file not be written; whether `out` took everything is the caller's look.
    virtual Result<void> finish(const std::vector<std::string>& cannot_show) = 0;

    struct Counts {
        std::uint64_t operations = 0;
        std::uint64_t losses = 0;  ///< stretches of records that are missing or unreadable
        std::uint64_t lossy = 0;   ///< entries with replaced bytes
        std::uint64_t bodies = 0;  ///< written beside the output
    };
    const Counts& counts() const { return counts_; }

  protected:
    /// What the records of a part are read against: its OPEN, in short.
    struct Opening {
        std::string session;  ///< "": the lobby's or the system's
        std::string kind;     ///< "session", "lobby", "system"
        std::string gateway;
        std::string version;  ///< of the gateway
        WallNs started = 0;
        Claim agent;
        Claim principal;
        Claim task;
        std::map<std::string, codec::Value> connections;  ///< without their scopes
    };
    /// An empty one if the part's OPEN is not on record.
    const Opening& opening(model::PartNo part) const;
    /// "ns-…/1/7": session, or gateway where there is none; part; sequence of the INTENT.
    std::string uid_of(const OperationView& operation) const;

    virtual void put(const OperationView& operation) = 0;
    virtual void put(const LossView& loss) = 0;

    Counts counts_;

  private:
    std::map<model::PartNo, Opening> openings_;
};

struct ResourceView {
    std::string arn;
    bool exact = true;  ///< else a pattern
};
/// Each once, in the order of the INTENT.
std::vector<ResourceView> resources_of(const codec::Value& intent);
/// The actions, each once.
std::vector<std::string> actions_of(const codec::Value& intent);
/// What was withheld: "request body", paths of parameters, paths of the answer's values.
std::vector<std::string> withheld_of(const OperationView& operation);
/// The values of all headers of this name, joined as RFC 9110 section 5.3 has it.
std::string header(const codec::Value& head, std::string_view name);
/// AWS's own id of the request, or "".
std::string aws_request_id(const OperationView& operation);
/// "operation" in one word: "denied", "answered", "cut", "not sent", "unknown", "none".
std::string outcome_word(const OperationView& operation);

/// `text` as UTF-8: each bad byte becomes U+FFFD and sets `lossy`.
/// A text of a record; one that is not UTF-8 stands there as a byte string. Empty: it is neither.
std::string text_of(const codec::Value& value);
std::string utf8(std::string_view text, bool& lossy);
/// The same of every name and text inside; names that become equal stay apart.
codec::Value utf8(const codec::Value& value, bool& lossy);

}  // namespace narrows::review
