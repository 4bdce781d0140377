// SPDX-License-Identifier: Apache-2.0
#include "serve/places.h"

#include <algorithm>

#include "sluice/error.h"

namespace sluice::serve {

void Places::interrupt() noexcept {
  const std::scoped_lock lock(mutex_);
  interrupted_ = true;
  for (duck::Connection* each : connections_) each->interrupt();
}

Visit::Visit(Places& places, const std::string& url, const std::string& password,
             std::set<std::string> tables)
    : places_(places), key_(url, password) {
  for (const std::string& each : tables) tables_.insert(url + "\n" + duck::folded(each));
  {
    std::unique_lock lock(places_.tables_mutex_);
    places_.tables_free_.wait(lock, [&] {
      return std::ranges::none_of(
          tables_, [&](const std::string& each) { return places_.busy_tables_.contains(each); });
    });
    places_.busy_tables_.insert(tables_.begin(), tables_.end());
  }
  try {
    const std::scoped_lock lock(places_.mutex_);
    if (places_.interrupted_) throw Error(Fault::cancelled, "the server ends");
    Places::Place& place = places_.places_[key_];
    if (!place.destination)
      place.destination = places_.open_(places_.database_, url, Secret(password));
    catalog_ = place.destination->catalog();
    auto connection = std::make_unique<duck::Connection>(places_.database_.connect());
    // Times in SQL of ours have their zone, texts of others' may not.
    connection->query("SET TimeZone = 'UTC'");
    places_.connections_.insert(connection.get());
    connection_ = std::move(connection);
    ++place.visits;
  } catch (...) {
    leave();
    free_tables();
    throw;
  }
}

Visit::~Visit() {
  leave();
  free_tables();
}

void Visit::leave() noexcept {
  const std::scoped_lock lock(places_.mutex_);
  const auto place = places_.places_.find(key_);
  if (place == places_.places_.end()) return;
  if (connection_) {
    places_.connections_.erase(connection_.get());
    connection_.reset();
    --place->second.visits;
  }
  const bool keep = place->second.destination && place->second.destination->shared();
  if (place->second.visits == 0 && !keep) places_.places_.erase(place);
}

void Visit::free_tables() noexcept {
  {
    const std::scoped_lock lock(places_.tables_mutex_);
    for (const std::string& each : tables_) places_.busy_tables_.erase(each);
  }
  places_.tables_free_.notify_all();
}

}  // namespace sluice::serve
