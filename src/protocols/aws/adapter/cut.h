#pragma once

#include <memory>

#include "net/task.h"
#include "session/session.h"

namespace narrows::aws {

/// While it lives, the end of the session closes both sides of an operation, so that within a
/// moment nothing passes any more. The closing happens on the operation's own loop.
class Cut {
  public:
    template <class Agent, class Upstream>
    Cut(net::Loop& loop, session::Session& session, Agent& agent, Upstream& upstream)
        : alive_(std::make_shared<bool>(true)),
          on_end_(session, [&loop, alive = alive_, agent = &agent, upstream = &upstream] {
              loop.post([alive, agent, upstream] {
                  if (*alive) {
                      agent->close();
                      upstream->close();
                  }
              });
          }) {}
    ~Cut() { *alive_ = false; }
    Cut(const Cut&) = delete;
    Cut& operator=(const Cut&) = delete;

  private:
    std::shared_ptr<bool> alive_;  // shared with the posted closing; read on the loop alone
    session::Session::OnEnd on_end_;
};

}  // namespace narrows::aws
