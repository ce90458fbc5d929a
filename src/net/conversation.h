#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "net/task.h"
#include "process/descriptor.h"

namespace narrows::net {

/// Questions and answers between two processes over a local stream socket; either side asks. Frames
/// as process/frame.h has them, each 1 byte (1: question, 2: answer), a 64-bit little-endian number
/// and the text. What is asked in one turn of the loop leaves in one write.
///
/// Belongs to one loop; all but `ask`'s waiting happens there at once. Bounded: a question or
/// answer by kTextMax, what waits to be written by kUnsentMax: beyond, questions are refused, and
/// an answer that does not fit ends the conversation, since the peer does not read. Ends for good
/// when the peer closes, sends anything else than frames of this form, or answers what nobody
/// asked; then every question that waits fails with ErrorCode::unavailable.
class Conversation : public std::enable_shared_from_this<Conversation> {
  public:
    static constexpr std::size_t kTextMax = (2u << 20) - 64;
    static constexpr std::size_t kUnsentMax = 16u << 20;
    static constexpr std::size_t kOpenMax = 65'536;  ///< questions of ours without an answer

    using Number = std::uint64_t;
    /// Answer it now or later, on the loop, by `answer`. The view is valid during the call.
    using OnQuestion = std::function<void(Conversation&, Number, ByteView)>;
    using OnEnd = std::function<void(const Error&)>;

    /// From any thread. The callbacks run on the loop; neither is called after `close`, and both
    /// go when the conversation has ended.
    static std::shared_ptr<Conversation> begin(Loop& loop, process::Descriptor socket,
                                               OnQuestion on_question, OnEnd on_end);
    ~Conversation();

    /// A question that was asked; its answer may be waited for later, once, or never. On the loop.
    class Asked {
      public:
        explicit Asked(boost::asio::any_io_executor on) : executor_(std::move(on)) {}
        /// ErrorCode::unavailable: the conversation ended first; ErrorCode::timeout: no answer in
        /// time (a late one is dropped); ErrorCode::exhausted: a bound is reached, nothing was
        /// sent.
        Task<Result<Bytes>> answer();

      private:
        friend class Conversation;
        void arrive(Result<Bytes> answer);
        boost::asio::any_io_executor executor_;
        std::optional<Result<Bytes>> arrived_;
        std::function<void()> wake_;
    };

    /// On the loop. Shared with what takes the answer.
    std::shared_ptr<Asked> begin_to_ask(ByteView question, Millis patience);
    /// Asks and waits; errors as Asked::answer.
    Task<Result<Bytes>> ask(Bytes question, Millis patience);
    void answer(Number number, ByteView text);
    void close();
    bool ended() const;

  private:
    struct Impl;
    explicit Conversation(std::unique_ptr<Impl> impl);
    const std::unique_ptr<Impl> impl_;
};

}  // namespace narrows::net
