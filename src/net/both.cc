#include <boost/asio/experimental/awaitable_operators.hpp>

#include "net/task.h"

namespace narrows::net {

Task<void> both(std::function<Task<void>()> left, std::function<Task<void>()> right) {
    using namespace boost::asio::experimental::awaitable_operators;  // NOLINT: needed for &&
    Task<void> one = left();
    Task<void> other = right();
    co_await (std::move(one) && std::move(other));
}

}  // namespace narrows::net
