// SPDX-License-Identifier: Apache-2.0
#include "support/yugabyte_session.h"

#include <poll.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace sluice::testing {

using pgwire::Message;

namespace {

/// "15.12-YB-2025.1.0.0-b0" is 150012.
std::string number_of(const std::string& version) {
  const int major = std::stoi(version);
  const int minor = std::stoi(version.substr(version.find('.') + 1));
  return std::to_string(major * 10000 + minor);
}

}  // namespace

YugabyteSession::YugabyteSession(YugabyteDouble& cluster, std::size_t node, pgwire::Channel& client,
                                 pgwire::Channel& behind)
    : cluster_(cluster), node_(node), client_(client), behind_(behind) {}

void YugabyteSession::run(pgwire::Startup startup) {
  own_database_ = startup.parameter("database") == cluster_.behind_.name();
  if (own_database_) {
    const YugabyteDialect& dialect = cluster_.dialect_;
    std::string options = dialect.options(startup.parameter("options"));
    options += " -c yb_double.node=" + std::to_string(node_) +
               " -c yb_double.server_version=" + cluster_.options_.version +
               " -c yb_double.server_version_num=" + number_of(cluster_.options_.version);
    travels_ = options.find("yb_double.yb_read_time", 0) != options.rfind("yb_double.yb_read_time");
    std::erase_if(startup.parameters, [](const auto& each) { return each.first == "options"; });
    for (auto& [name, value] : startup.parameters) {
      travels_ = travels_ || name == "yb_read_time";
      if (dialect.has(name)) name = std::string(kOwnSetting) + name;
    }
    startup.parameters.emplace_back("options", options);
  }
  if (!log_in(startup)) return;
  while (true) {
    Message message = next_message();
    if (message.type == 'X') return;
    if (message.type == 'Q') {
      query(message);
    } else {
      take_in(std::move(message));
    }
    client_.flush();
  }
}

bool YugabyteSession::log_in(const pgwire::Startup& startup) {
  behind_.write(startup.built());
  behind_.flush();
  while (true) {
    const Message message = behind_.read();
    if (message.type == 'Z' && own_database_) sign();
    pass_on(message);
    if (message.type == 'Z' || message.type == 'E') {
      client_.flush();
      return message.type == 'Z';
    }
    if (message.type != 'R') continue;
    // https://www.postgresql.org/docs/current/protocol-flow.html: which ones want an answer.
    const std::uint32_t how = pgwire::int32_at(message.body, 0);
    if (how != 0 && how != 12) {
      client_.flush();
      behind_.write(client_.read());
      behind_.flush();
    }
  }
}

/// Says which node it is at, to the others of that node (yugabyte_catalog.sql).
void YugabyteSession::sign() {
  aside("SELECT pg_catalog.pg_advisory_lock_shared(7962, " + std::to_string(node_) + ")");
}

/// Something asked besides, while the server waits; the client sees nothing of it.
YugabyteSession::Answer YugabyteSession::aside(const std::string& sql) {
  behind_.write(Message{'Q', sql + '\0'});
  behind_.flush();
  Answer answer;
  while (true) {
    const Message message = behind_.read();
    if (message.type == 'D') answer.rows.push_back(pgwire::values_of(message));
    if (message.type == 'E') {
      const pgwire::Fields fields = pgwire::fields_of(message);
      answer.error = pgwire::field(fields, 'M');
      if (pgwire::field(fields, 'V') == "FATAL") {
        pass_on(message);
        client_.flush();
      }
    }
    if (message.type == 'S' || message.type == 'A') pass_on(message);
    if (message.type != 'Z') continue;
    status_ = message.body[0];
    return answer;
  }
}

/// The client's; meanwhile what the server says by itself, as that it shuts down.
Message YugabyteSession::next_message() {
  while (!client_.buffered()) {
    std::array<pollfd, 2> waiting{{{client_.fd(), POLLIN, 0}, {behind_.fd(), POLLIN, 0}}};
    if (!behind_.buffered() && poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (behind_.buffered() || waiting[1].revents != 0) {
      pass_on(behind_.read());
      client_.flush();
    } else if (waiting[0].revents != 0) {
      break;
    }
  }
  return client_.read();
}

std::vector<RewrittenStatement> YugabyteSession::rewrite(const std::string& asked) {
  cluster_.ask(asked, node_);
  std::vector<RewrittenStatement> parts =
      rewritten(asked, cluster_.dialect_, [this] { return cluster_.hybrid_time(); });
  travels_ =
      travels_ || (cluster_.options_.read_time && asked.find("yb_read_time") != std::string::npos);
  for (const RewrittenStatement& each : parts) {
    signs_again_ = signs_again_ || each.says("discard") || each.says("pg_advisory_unlock_all");
  }
  return parts;
}

void YugabyteSession::query(const Message& message) {
  std::size_t at = 0;
  const std::string asked = pgwire::text_at(message.body, at);
  if (!own_database_) return one_query(asked, asked, {}, true);
  const std::vector<RewrittenStatement> parts = rewrite(asked);
  if (!travels_ || parts.size() <= 1) {
    std::string sql;
    std::vector<const RewrittenStatement*> all;
    for (const RewrittenStatement& each : parts) {
      sql += each.text + (parts.size() > 1 ? ";" : "");
      all.push_back(&each);
    }
    return one_query(asked, sql, all, true);
  }
  // One by one, as each may change the time that the next reads as of.
  for (std::size_t i = 0; i < parts.size(); ++i) {
    one_query(asked, parts[i].text, {&parts[i]}, i + 1 == parts.size());
    if (failed_ && i + 1 < parts.size()) return ready();
  }
}

/// `last`: else the client is not told that the server is ready.
void YugabyteSession::one_query(const std::string& asked, const std::string& sql,
                                const std::vector<const RewrittenStatement*>& parts, bool last) {
  refusal_.reset();
  failed_ = false;
  for (const RewrittenStatement* each : parts) {
    if (each->refusal) refusal_ = each->refusal;
    notices_ = each->travels;
    if (const std::optional<Fault> fault = travel(*each)) {
      fail_with(*fault);
      come_back();
      if (last) ready();
      return;
    }
  }
  behind_.write(Message{'Q', sql + '\0'});
  behind_.flush();
  relay({{'Q', asked}}, true);
  if (last) ready();
}

/// Of the extended protocol: kept until its batch ends.
void YugabyteSession::take_in(Message message) {
  const char type = message.type;
  if (type == 'S' || type == 'H') return send_batch(type);
  if (skipping_) return;
  std::size_t at = 0;
  std::string asked;
  if (type == 'P') {
    if (own_database_) parse(message);
  } else if (type == 'B') {
    const std::string portal = pgwire::text_at(message.body, at);
    portals_[portal] = pgwire::text_at(message.body, at);
    if (own_database_) batch_parts_.push_back(prepared_[portals_[portal]].statement);
  } else if (type == 'E') {
    asked = prepared_[portals_[pgwire::text_at(message.body, at)]].asked;
  } else if (type == 'F') {
    behind_.write(message);
    behind_.flush();
    relay({{'Q', {}}}, true);
    return ready();
  } else if (type != 'D' && type != 'C') {
    return;  // the end of a COPY that has failed
  }
  batch_owed_.push_back({type, asked});
  batch_.push_back(std::move(message));
}

void YugabyteSession::parse(Message& message) {
  std::size_t at = 0;
  const std::string name = pgwire::text_at(message.body, at);
  const std::string asked = pgwire::text_at(message.body, at);
  Prepared& made = prepared_[name];
  made = {asked, {}};
  std::string sql;
  const std::vector<RewrittenStatement> parts = rewrite(asked);
  for (const RewrittenStatement& each : parts) sql += (sql.empty() ? "" : ";") + each.text;
  if (!parts.empty()) made.statement = parts.front();
  if (parts.size() == 1) batch_parts_.push_back(parts.front());
  message.body = name + '\0' + sql + '\0' + message.body.substr(at);
}

void YugabyteSession::send_batch(char end) {
  std::vector<Message> batch = std::exchange(batch_, {});
  std::deque<Owed> owed = std::exchange(batch_owed_, {});
  const std::vector<RewrittenStatement> parts = std::exchange(batch_parts_, {});
  refusal_.reset();
  for (const RewrittenStatement& each : parts) {
    if (skipping_) break;
    if (each.refusal) refusal_ = each.refusal;
    notices_ = notices_ || each.travels;
    if (const std::optional<Fault> fault = travel(each)) {
      fail_with(*fault);
      batch.clear();
      owed.clear();
      skipping_ = true;
    }
  }
  for (const Message& each : batch) behind_.write(each);
  behind_.write(Message{end, {}});
  behind_.flush();
  if (end == 'H') return relay(std::move(owed), false);
  skipping_ = false;
  owed.push_back({'S', {}});
  relay(std::move(owed), true);
  ready();
}

/// `then_sync`: the server has taken the batch's Sync for a part of the COPY; the client sends one
/// more.
void YugabyteSession::pump_copy_in(bool then_sync) {
  client_.flush();
  while (true) {
    const Message message = client_.read();
    if (message.type == 'X') throw std::runtime_error("the client left");
    behind_.write(message);
    if (message.type == 'c' || message.type == 'f') break;
  }
  if (then_sync) behind_.write(client_.read());
  behind_.flush();
}

void YugabyteSession::relay(std::deque<Owed> owed, bool to_ready) {
  row_ = 0;
  hook_.reset();
  hooked_.clear();
  while (to_ready || !owed.empty()) {
    const Message message = behind_.read();
    if (message.type == 'Z') {
      status_ = message.body[0];
      if (std::exchange(swallowing_, false) && status_ == 'T') aside("SELECT yb_double_fail()");
      return come_back();
    }
    if (!relay_one(message, owed)) return;
  }
  if (swallowing_) skipping_ = true;
}

/// False: nothing more comes before the client's Sync.
bool YugabyteSession::relay_one(const Message& message, std::deque<Owed>& owed) {
  const char type = message.type;
  const bool simple = !owed.empty() && owed.front().kind == 'Q';
  const std::string asked = owed.empty() ? std::string() : owed.front().asked;
  if (type == 'D' || type == 'd') {
    row(message, asked);
    return true;
  }
  if (type == 'C' && std::exchange(notices_, false)) {
    client_.write(pgwire::with_fields(
        'N', {{'S', "NOTICE"},
              {'V', "NOTICE"},
              {'C', "00000"},
              {'M',
               "yb_read_time should only be set for read-only queries. Write-DML or DDL "
               "queries are not allowed when yb_read_time is set."}}));
  }
  if (!swallowing_ || type == 'S' || type == 'A') pass_on(message);
  if (type == 'T' || type == 'H') row_ = 0;
  if (type == 'G') pump_copy_in(!simple && !owed.empty() && owed.back().kind == 'S');
  if (type == 'E') {
    notices_ = false;
    failed_ = true;
    if (simple || (!owed.empty() && owed.back().kind == 'S')) return true;
    skipping_ = true;
    return false;
  }
  if (simple || owed.empty()) return true;
  const char kind = owed.front().kind;
  const bool answered = (kind == 'P' && type == '1') || (kind == 'B' && type == '2') ||
                        (kind == 'C' && type == '3') ||
                        (kind == 'D' && (type == 'T' || type == 'n')) ||
                        (kind == 'E' && (type == 'C' || type == 'I' || type == 's'));
  if (answered) {
    owed.pop_front();
    row_ = 0;
  }
  return true;
}

void YugabyteSession::row(const Message& message, const std::string& asked) {
  if (swallowing_) return;
  if (hooked_ != asked || row_ == 0) {
    hooked_ = asked;
    hook_ = cluster_.hook_for(asked);
  }
  if (hook_ && row_ == hook_->row) {
    if (const std::optional<Fault> fault = cluster_.take(*hook_)) {
      if (fault->cut || fault->state == "57P01") {
        if (!fault->cut) client_.write(pgwire::error("FATAL", fault->state, fault->text));
        client_.flush();
        throw std::runtime_error("cut, as told");
      }
      if (!fault->state.empty()) {
        client_.write(pgwire::error("ERROR", fault->state, fault->text));
        client_.flush();
        swallowing_ = failed_ = true;
        return;
      }
    }
    hook_.reset();
  }
  ++row_;
  client_.write(message);
}

void YugabyteSession::pass_on(const Message& message) { client_.write(told(message)); }

/// Where a transaction is open, it really is aborted.
void YugabyteSession::fail_with(const Fault& fault) {
  if (status_ == 'T') aside("SELECT yb_double_fail()");
  failed_ = true;
  client_.write(pgwire::error("ERROR", fault.state, fault.text));
}

void YugabyteSession::ready() {
  client_.write(Message{'Z', std::string(1, status_)});
  client_.flush();
}

}  // namespace sluice::testing
