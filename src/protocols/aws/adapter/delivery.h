#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocols/aws/adapter/event_flow.h"
#include "protocols/aws/adapter/event_upload.h"
#include "protocols/aws/adapter/passage.h"
#include "protocols/aws/decode/leaks.h"
#include "protocols/aws/decode/withhold.h"

namespace narrows::aws {

/// AWS's answer on its way to the agent: recorded, then delivered, stretch by stretch; the outcome
/// goes on record with it. Holds a stretch, or the whole answer where record and agent get two
/// versions of it. Lives on its exchange's loop, for one answer.
class Delivery {
  public:
    /// `request`: what RESULT says of the request's body. `events`: that go to AWS beside the
    /// answer, or null.
    Delivery(Passage& of, http::ClientExchange& upstream, codec::Map request, EventUpload* events)
        : of_(of), upstream_(upstream), request_(std::move(request)), events_(events) {}

    /// An error: there is no answer, and no outcome on record. What is cut short is no error: then
    /// both sides are closed.
    net::Task<Result<void>> run();

  private:
    bool is_held_whole() const;
    net::Task<Result<void>> deliver_whole();
    net::Task<std::string> read_whole(Bytes& body);
    net::Task<Result<void>> record_whole(Recordable kept, std::uint64_t size);
    net::Task<Result<void>> tell_withheld(const std::string& why);
    void name_queues_for_agent(Bytes& body);
    void answer_as_form(Bytes& body);

    net::Task<Result<void>> deliver_stream();
    net::Task<Result<void>> begin_stream();
    net::Task<Result<void>> begin_events();
    EventFlow::Stretch take(const Result<ByteView>& part);
    net::Task<Result<void>> record_stretch(ByteView bytes, bool is_last);
    net::Task<Result<void>> pass_on(ByteView bytes, bool is_last);
    net::Task<Result<void>> write_head();

    codec::Value head_record() const;
    bool record_head();
    net::Task<Result<void>> conclude(const std::string& why);
    void tell_of_events(codec::Map& fields) const;
    void tell_of_findings(codec::Map& fields);
    std::string cause(const std::string& why) const { return events_ ? events_->cause(why) : why; }

    Passage& of_;
    http::ClientExchange& upstream_;
    codec::Map request_;
    EventUpload* const events_;
    http::ResponseHead head_;  ///< as AWS sent it
    http::ResponseHead for_agent_;
    http::Headers for_record_;
    bool swapped_ = false;     ///< credentials of AWS's stand in it
    std::uint64_t index_ = 0;  ///< of the next BODY
    std::uint64_t bytes_ = 0;  ///< on record
    crypto::Hasher hasher_;
    LeakScan leaks_;                                ///< of what is on record
    std::optional<EventFlow> flow_;                 ///< if it is an event stream
    bool headed_ = false;                           ///< the agent has the head
    std::uint64_t passed_ = 0;                      ///< bytes of a stream that the agent has
    std::optional<std::uint64_t> bytes_delivered_;  ///< where record and agent get two versions
    std::vector<std::string> withheld_;
    std::string rewritten_ = "queue URLs: the agent's endpoint in place of AWS's";
    std::optional<crypto::Digest> sha256_delivered_;  ///< where another answer than AWS's was
};

}  // namespace narrows::aws
