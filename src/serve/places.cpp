// SPDX-License-Identifier: Apache-2.0
#include "serve/places.h"

#include <algorithm>
#include <filesystem>

#include "serve/exact.h"
#include "sluice/error.h"

namespace sluice::serve {

namespace {

/// One text for all spellings of one destination.
std::string place_of(const std::string& url) {
  const auto rest = [&](std::string_view scheme) { return url.substr(scheme.size()); };
  if (url.starts_with("duckdb:/")) {
    std::error_code error;
    const auto path = std::filesystem::weakly_canonical(rest("duckdb:"), error);
    return error ? url : "duckdb:" + path.string();
  }
  for (const char* scheme : {"md:", "motherduck:"}) {
    if (url.starts_with(scheme)) return "md:" + rest(scheme);
  }
  throw Error(Fault::config, "`destination` is neither a DuckDB file nor MotherDuck",
              "duckdb:/PATH/FILE.duckdb, a whole path, or md:DATABASE with `token`");
}

}  // namespace

void Places::interrupt() noexcept {
  const std::scoped_lock lock(mutex_);
  interrupted_ = true;
  for (duck::Connection* each : connections_) each->interrupt();
}

Visit::Visit(Places& places, const std::string& url, const std::string& password,
             std::set<std::string> tables)
    : places_(places), key_(place_of(url), password) {
  for (const std::string& each : tables)
    tables_.insert(key_.first.substr(0, key_.first.find('?')) + "\n" + duck::folded(each));
  {
    std::unique_lock lock(places_.tables_mutex_);
    places_.tables_free_.wait(lock, [&] {
      return std::ranges::none_of(
          tables_, [&](const std::string& each) { return places_.busy_tables_.contains(each); });
    });
    places_.busy_tables_.insert(tables_.begin(), tables_.end());
  }
  try {
    enter(password);
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

void Visit::enter(const std::string& password) {
  {
    const std::scoped_lock lock(places_.mutex_);
    if (places_.interrupted_) throw Error(Fault::cancelled, "the server ends");
    std::shared_ptr<Places::Place>& place = places_.places_[key_];
    if (!place) place = std::make_shared<Places::Place>();
    ++place->visits;
    place_ = place;
  }
  {
    const std::scoped_lock lock(place_->mutex);
    if (!place_->destination)
      place_->destination = places_.open_(places_.database_, key_.first, Secret(password));
    catalog_ = place_->destination->catalog();
  }
  auto connection = std::make_unique<duck::Connection>(places_.database_.connect());
  std::call_once(places_.registered_, [&] { register_exact(*connection); });
  // Times in SQL of ours have their zone, texts of others' may not.
  connection->query("SET TimeZone = 'UTC'");
  const std::scoped_lock lock(places_.mutex_);
  if (places_.interrupted_) throw Error(Fault::cancelled, "the server ends");
  places_.connections_.insert(connection.get());
  connection_ = std::move(connection);
}

void Visit::leave() noexcept {
  if (!place_) return;
  if (connection_) {
    const std::scoped_lock lock(places_.mutex_);
    places_.connections_.erase(connection_.get());
  }
  connection_.reset();
  const std::scoped_lock opening(place_->mutex);
  {
    const std::scoped_lock lock(places_.mutex_);
    if (--place_->visits > 0) return;
  }
  if (place_->destination && place_->destination->shared()) return;
  place_->destination.reset();
  const std::scoped_lock lock(places_.mutex_);
  // Another visit may have come while the file was closed; it opens it again.
  if (place_->visits == 0) places_.places_.erase(key_);
}

void Visit::free_tables() noexcept {
  {
    const std::scoped_lock lock(places_.tables_mutex_);
    for (const std::string& each : tables_) places_.busy_tables_.erase(each);
  }
  places_.tables_free_.notify_all();
}

}  // namespace sluice::serve
