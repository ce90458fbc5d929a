#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "crypto/hash.h"
#include "evidence/checked.h"
#include "evidence/payload.h"
#include "evidence/reporter.h"
#include "journal/frame.h"

namespace narrows::evidence {

/// What must follow what in an operation: INTENT, then, only if it was allowed, SENT, HEAD, BODY
/// and one of RESULT, NOT_SENT, UNKNOWN; and bodies that are what RESULT and INTENT say of them.
/// Takes the records of one part in order; holds a little per operation in flight.
class OperationCheck {
  public:
    OperationCheck(PartReporter& reporter, Checked& checked)
        : reporter_(reporter), checked_(checked) {}

    /// A record of a kind that has an operation; `payload` is null if no key opens it: then only
    /// what its header says is checked.
    void add(const journal::Frame& frame, const Payload* payload);
    /// Records are missing here: what is in flight may lack some of its own.
    void lost();
    /// The part is over. Operations in flight are wrong if it says it `ended` in order.
    void finish(bool ended);

  private:
    struct Body {
        bool in_records = false;
        std::optional<std::uint64_t> size_claimed;
        std::optional<Bytes> digest_claimed;
        std::uint64_t size = 0;
        std::uint64_t chunks = 0;
        std::optional<crypto::Hasher> hasher;
    };
    struct Operation {
        bool allowed = false;
        bool held = false;
        bool sent = false;
        bool lossy = false;
        bool opaque = false;  ///< a tunnel: its bytes are counted, not recorded
        bool unread = false;  ///< some of its bodies no key opens
        Body request;
        Body response;
    };
    using Operations = std::map<std::uint64_t, Operation>;

    void intent(const journal::Frame& frame, const Payload* payload);
    void intent_content(std::uint64_t op, Operation& operation, const Payload& payload);
    void inline_body(std::uint64_t op, const codec::Value& body, const Bytes& bytes);
    void approval(Operation& operation, const Payload& payload);
    void body(const journal::Frame& frame, Operation& operation, const Payload* payload);
    void body_content(std::uint64_t op, Operation& operation, const Payload& payload);
    void result(std::uint64_t op, Operation& operation, const Payload& payload);
    void compare(std::uint64_t op, Body& body, const char* which);
    void stray(const journal::Frame& frame);
    void wrong(std::string what, std::string means);

    PartReporter& reporter_;
    Checked& checked_;
    Operations operations_;
    std::vector<std::uint64_t> denied_;  ///< ascending
    std::vector<std::uint64_t> opaque_;  ///< of them, those whose INTENT could not be read
};

}  // namespace narrows::evidence
