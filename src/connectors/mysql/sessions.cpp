// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/sessions.h"

namespace sluice::mysql {

void Sessions::add(std::unique_ptr<Connection> session) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(session));
  ++living_;
}

std::unique_ptr<Connection> Sessions::borrow(std::chrono::milliseconds wait) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, wait, [this] { return !idle_.empty() || living_ == 0; });
  if (living_ == 0)
    throw Error(Fault::connection, "the snapshot is gone: the sessions that saw it were lost");
  if (idle_.empty()) return nullptr;
  std::unique_ptr<Connection> session = std::move(idle_.back());
  idle_.pop_back();
  return session;
}

void Sessions::give_back(std::unique_ptr<Connection> session) noexcept {
  if (!session) return;
  session->stop_when({});
  const std::lock_guard lock(mutex_);
  if (session->broken() || closed_) {
    --living_;
    session.reset();
  } else {
    idle_.push_back(std::move(session));
  }
  changed_.notify_all();
}

void Sessions::close() noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  living_ -= idle_.size();
  idle_.clear();
  changed_.notify_all();
}

}  // namespace sluice::mysql
