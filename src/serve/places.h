// SPDX-License-Identifier: Apache-2.0
// The destinations that calls are about, each open while a call uses it, and the tables that calls
// write to, one call at a time.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "duck/duck.h"
#include "sluice/destination.h"
#include "sluice/secret.h"

namespace sluice::serve {

using Open = std::function<std::unique_ptr<Destination>(duck::Database&, const std::string& url,
                                                        const Secret& password)>;

/// Any thread.
class Places {
 public:
  Places(duck::Database& database, Open open) : database_(database), open_(std::move(open)) {}
  /// Makes every running statement, and those that follow, end with Fault::cancelled.
  void interrupt() noexcept;

 private:
  friend class Visit;
  struct Place {
    std::mutex mutex;  ///< held while it opens or closes: a file cannot be both
    std::unique_ptr<Destination> destination;
    std::size_t visits = 0;  ///< under Places::mutex_
  };
  duck::Database& database_;
  const Open open_;
  std::mutex mutex_;  ///< never held while one opens; taken after Place::mutex
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Place>> places_;
  std::set<duck::Connection*> connections_;
  bool interrupted_ = false;
  std::once_flag registered_;

  std::mutex tables_mutex_;
  std::condition_variable tables_free_;
  std::set<std::string> busy_tables_;
};

/// A call's connection to a destination, and its hold of the tables that it is about. A file is
/// closed with its last visit, so that others can read it between calls; a service stays open.
class Visit {
 public:
  /// `url`: duckdb: with an absolute path, or md:DATABASE, else Fault::config; each of its
  /// spellings is one place. Waits until no other visit holds one of `tables`, names that are
  /// compared as DuckDB does.
  Visit(Places& places, const std::string& url, const std::string& password,
        std::set<std::string> tables);
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit();
  duck::Connection& connection() { return *connection_; }
  const std::string& catalog() const { return catalog_; }

 private:
  void enter(const std::string& password);
  void leave() noexcept;
  void free_tables() noexcept;

  Places& places_;
  std::shared_ptr<Places::Place> place_;
  std::pair<std::string, std::string> key_;
  std::set<std::string> tables_;
  std::unique_ptr<duck::Connection> connection_;
  std::string catalog_;
};

}  // namespace sluice::serve
