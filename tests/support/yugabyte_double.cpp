// SPDX-License-Identifier: Apache-2.0
#include "support/yugabyte_double.h"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "wire/percent.h"

namespace sluice::testing {
namespace {

using Lock = std::lock_guard<std::mutex>;

/// A hybrid time's lower bits count what happens in one microsecond.
constexpr unsigned kLogicalBits = 12;

ssl_ctx_st* tls_of(const PostgresServer& server) {
  if (!server.tls()) throw std::runtime_error("the private PostgreSQL has no certificate");
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  const std::string folder = (server.folder() / "tls").string();
  if (SSL_CTX_use_certificate_chain_file(context, (folder + "/server.crt").c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, (folder + "/server.key").c_str(), SSL_FILETYPE_PEM) != 1)
    throw std::runtime_error("no certificate in " + folder);
  return context;
}

std::vector<YugabyteNode> places_of(const YugabyteDouble::Options& options) {
  std::vector<YugabyteNode> places = options.places;
  places.resize(std::max(options.nodes, places.size()));
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    if (places[i].host.empty()) places[i].host = "127.0.0." + number;
    if (places[i].zone.empty()) places[i].zone = "zone" + number;
  }
  return places;
}

}  // namespace

YugabyteDouble::YugabyteDouble(PostgresDatabase& behind) : YugabyteDouble(behind, Options{}) {}

YugabyteDouble::YugabyteDouble(PostgresDatabase& behind, Options options)
    : behind_(behind),
      options_(std::move(options)),
      dialect_{options_.read_time, options_.exported_snapshots},
      keeper_(behind.session()) {
  for (const YugabyteNode& each : places_of(options_)) {
    nodes_.push_back(std::make_unique<Node>());
    nodes_.back()->place = each;
  }
  if (options_.tls) tls_ = tls_of(behind.server());
  listen_everywhere();
  make_catalog();
  keeper_.exec("BEGIN ISOLATION LEVEL READ COMMITTED");
  for (std::size_t i = 0; i < nodes_.size(); ++i) begin_accepting(i);
}

YugabyteDouble::~YugabyteDouble() {
  for (const std::unique_ptr<Node>& node : nodes_) {
    if (node->listening >= 0) shutdown(node->listening, SHUT_RDWR);
    if (node->accepting.joinable()) node->accepting.join();
    if (node->listening >= 0) close(node->listening);
  }
  {
    const Lock lock(mutex_);
    for (const std::unique_ptr<Node>& node : nodes_) {
      for (const int each : node->sockets) shutdown(each, SHUT_RDWR);
    }
  }
  for (std::thread& each : threads_) each.join();
  if (tls_ != nullptr) SSL_CTX_free(tls_);
}

std::string YugabyteDouble::url(const std::string& parameters, const std::string& scheme) const {
  return url_of({0}, parameters, scheme);
}

std::string YugabyteDouble::url_of(const std::vector<std::size_t>& nodes,
                                   const std::string& parameters, const std::string& scheme) const {
  std::string hosts;
  for (const std::size_t each : nodes)
    hosts += (hosts.empty() ? "" : ",") + host(each) + ":" + std::to_string(port_);
  return scheme + "://postgres:" + wire::percent_encoded(behind_.server().password()) + "@" +
         hosts + "/" + behind_.name() + (parameters.empty() ? "" : "?" + parameters);
}

std::string YugabyteDouble::host(std::size_t node) const { return nodes_.at(node)->place.host; }

void YugabyteDouble::at_row(const std::string& text, std::size_t row, Fault fault) {
  at_row(text, row, [fault = std::move(fault)] { return fault; });
}

void YugabyteDouble::at_row(const std::string& text, std::size_t row,
                            std::function<Fault()> decide) {
  const Lock lock(mutex_);
  hooks_.push_back({++hooks_made_, text, row, std::move(decide)});
}

void YugabyteDouble::forget_faults() {
  const Lock lock(mutex_);
  hooks_.clear();
}

void YugabyteDouble::slow(const std::string& text, std::chrono::milliseconds by) {
  const Lock lock(mutex_);
  slow_[text] = by;
}

std::optional<YugabyteDouble::Hook> YugabyteDouble::hook_for(const std::string& statement) const {
  const Lock lock(mutex_);
  for (const Hook& each : hooks_) {
    if (statement.find(each.text) != std::string::npos) return each;
  }
  return std::nullopt;
}

/// None: another session was first.
std::optional<YugabyteDouble::Fault> YugabyteDouble::take(const Hook& hook) {
  {
    const Lock lock(mutex_);
    if (std::erase_if(hooks_, [&](const Hook& each) { return each.number == hook.number; }) == 0)
      return std::nullopt;
  }
  return hook.decide();
}

void YugabyteDouble::ask(const std::string& statement, std::size_t node) {
  std::chrono::milliseconds wait{0};
  {
    const Lock lock(mutex_);
    asked_.push_back({statement, node});
    for (const auto& [text, by] : slow_) {
      if (statement.find(text) != std::string::npos) wait = std::max(wait, by);
    }
  }
  std::this_thread::sleep_for(wait);
}

std::vector<YugabyteDouble::Asked> YugabyteDouble::statements(const std::string& text) const {
  const Lock lock(mutex_);
  std::vector<Asked> found;
  for (const Asked& each : asked_) {
    if (each.text.find(text) != std::string::npos) found.push_back(each);
  }
  return found;
}

std::size_t YugabyteDouble::connections(std::size_t node) const {
  const Lock lock(mutex_);
  return nodes_.at(node)->made;
}

std::size_t YugabyteDouble::most_at_once() const {
  const Lock lock(mutex_);
  return most_;
}

std::uint64_t YugabyteDouble::hybrid_time() {
  const Lock lock(keeping_);
  // The statement takes the snapshot before it reads the clock.
  const PostgresSession::Row row = keeper_
                                       .query(
                                           "SELECT pg_export_snapshot(), (extract(epoch FROM "
                                           "clock_timestamp()) * 1000000)::bigint")
                                       .at(0);
  const std::string snapshot = row[0].value();
  last_time_ = std::max<std::uint64_t>(last_time_ + 1, std::stoull(row[1].value()));
  snapshots_[last_time_] = snapshot;
  return last_time_ << kLogicalBits;
}

std::optional<std::string> YugabyteDouble::snapshot_of(const std::string& read_time) {
  std::uint64_t time = 0;
  std::from_chars(read_time.data(), read_time.data() + read_time.size(), time);
  if (read_time.ends_with(" ht")) time >>= kLogicalBits;
  const Lock lock(keeping_);
  const auto found = snapshots_.find(time);
  return found == snapshots_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<PostgresSession::Row> YugabyteDouble::noted_ddl() {
  const Lock lock(keeping_);
  return keeper_.query("SELECT id, name FROM pg_catalog.yb_double_ddl");
}

void YugabyteDouble::expire_read_times() {
  const Lock lock(keeping_);
  keeper_.exec("COMMIT; BEGIN ISOLATION LEVEL READ COMMITTED");
  snapshots_.clear();
}

}  // namespace sluice::testing
