// SPDX-License-Identifier: Apache-2.0
#include "support/singlestore_double.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>
#include <regex>
#include <stdexcept>
#include <utility>

#include "support/mysql_wire.h"

namespace sluice::testing {
namespace {

constexpr const char* kVersion = "5.7.32";
constexpr const char* kComment =
    "SingleStoreDB source distribution (compatible; MySQL Enterprise & MySQL Commercial)";
constexpr const char* kMemsqlVersion = "8.9.12";
constexpr auto kIgnoreCase = std::regex::icase;

struct Refusal {
  const char* pattern;
  unsigned number;
  const char* state;
  const char* text;
};

/// What MySQL or MariaDB has and SingleStore has not.
const std::array<Refusal, 7> kRefusals{{
    {"WITH\\s+CONSISTENT\\s+SNAPSHOT", 1064, "42000",
     "You have an error in your SQL syntax near 'WITH CONSISTENT SNAPSHOT'"},
    {"^\\s*(LOCK\\s+TABLES|FLUSH\\s+TABLES\\s+WITH|SHOW\\s+(MASTER|BINARY))", 1064, "42000",
     "You have an error in your SQL syntax"},
    {"EXPLAIN\\s+FORMAT", 1064, "42000", "You have an error in your SQL syntax near 'FORMAT'"},
    {"innodb_trx|performance_schema|check_constraints", 1109, "42S02",
     "Unknown table in information_schema"},
    {"SET\\b.*\\b(max_statement_time|max_execution_time|information_schema_stats_expiry|sql_big_"
     "selects|enable_extended_types_metadata)",
     1193, "HY000", "Unknown system variable"},
    {"@@(server_uuid|log_bin|global\\.server_id)", 1193, "HY000", "Unknown system variable"},
    {"^\\s*(PREPARE|EXECUTE)\\b", 1235, "42000", "Feature is not supported by SingleStore"},
}};

std::string literal(const std::string& text) {
  std::string out = "'";
  for (const char each : text) out += each == '\'' ? "''" : std::string(1, each);
  return out + "'";
}

std::string replaced(const std::string& text, const std::string& pattern, const std::string& by) {
  return std::regex_replace(text, std::regex(pattern, kIgnoreCase), by);
}

/// [1.5, -2] as SingleStore's binary form of a vector(2, F32).
std::string as_floats(std::string_view json) {
  std::string bytes, text(json);
  for (char& each : text) each = each == '[' || each == ']' || each == ',' ? ' ' : each;
  std::istringstream numbers(text);
  for (float number = 0; numbers >> number;) {
    const auto bits = std::bit_cast<std::uint32_t>(number);
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(bits >> (8 * i) & 0xFFU);
  }
  return bytes;
}

int connected_to(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  throw std::runtime_error("nobody answers at " + path);
}

}  // namespace

/// One client, and its session of the server behind.
class DoubleSession {
 public:
  DoubleSession(SingleStoreDouble& server, wire::Socket& client)
      : server_(server),
        client_(client),
        behind_(connected_to(server.behind_.server().folder() / "mysql.sock")) {}
  ~DoubleSession() { forget_results(); }
  DoubleSession(const DoubleSession&) = delete;
  DoubleSession& operator=(const DoubleSession&) = delete;

  void run() {
    id_ = wire::log_in(behind_);
    std::uint8_t next = 0;
    const wire::Client asked = wire::greet(client_, kVersion, id_, server_.password(), next);
    if (!asked.admitted || asked.user != "root") {
      answer(wire::error(next, 1045, "28000", "Access denied for user '" + asked.user + "'"));
      return;
    }
    if (!asked.database.empty()) {
      const wire::Packet chosen = command('\x02' + asked.database);
      if (chosen.is_error()) return answer({next, chosen.bytes});
      database_ = asked.database;
    }
    json_ = server_.options_.vectors_as_json;
    answer(wire::ok(next));
    while (serve_one()) {
    }
  }

 private:
  /// One that is answered by one packet.
  wire::Packet command(const std::string& bytes) {
    behind_.write({0, bytes});
    behind_.flush();
    return behind_.read();
  }

  void answer(const wire::Packet& packet) {
    client_.write(packet);
    client_.flush();
  }
  void refuse(unsigned number, const std::string& state, const std::string& text) {
    answer(wire::error(1, number, state, text));
  }

  bool serve_one() {
    const wire::Packet asked = client_.read();
    switch (asked.first()) {
      case 1:  // COM_QUIT
        return false;
      case 2:  // COM_INIT_DB
        database_ = asked.bytes.substr(1);
        answer(command(asked.bytes));
        return true;
      case 3:
        return query(asked.bytes.substr(1));
      case 14:  // COM_PING
        answer(command(asked.bytes));
        return true;
      case 22:  // COM_STMT_PREPARE
        ++server_.prepared_;
        refuse(1235, "42000",
               "Feature 'Audit logging with binary protocol' is not supported by SingleStore.");
        return true;
      default:
        refuse(1047, "08S01", "Unknown command");
        return true;
    }
  }

  bool query(const std::string& asked) {
    {
      const std::lock_guard lock(server_.mutex_);
      server_.statements_.push_back(asked);
    }
    for (const Refusal& each : kRefusals) {
      if (!std::regex_search(asked, std::regex(each.pattern, kIgnoreCase))) continue;
      refuse(each.number, each.state, each.text);
      return true;
    }
    if (std::regex_search(asked,
                          std::regex("^SET\\b.*(" + server_.options_.unknown + ")", kIgnoreCase))) {
      refuse(1193, "HY000", "Unknown system variable");
      return true;
    }
    std::smatch part;
    static const std::regex format(R"(vector_type_project_format\s*=\s*'?(JSON|BINARY)'?)",
                                   kIgnoreCase),
        create(R"(^\s*CREATE\s+(MATERIALIZED\s+)?RESULT\s+TABLE\s+`?(\w+)`?\s+AS\s+)", kIgnoreCase),
        drop(R"(^\s*DROP\s+RESULT\s+TABLE\s+`?(\w+)`?\s*$)", kIgnoreCase),
        from_result(R"(::`?(\w+)`?)"),
        partitions(R"(^\s*SHOW\s+PARTITIONS\s+ON\s+`?(\w+)`?\s*$)", kIgnoreCase);
    if (std::regex_search(asked, part, format)) {
      json_ = part[1].str() == "JSON" || part[1].str() == "json";
      answer(wire::ok(1));
      return true;
    }
    if (std::regex_search(asked, part, create))
      return create_result(part[2], part.suffix(), part[1].matched);
    if (std::regex_match(asked, part, drop)) return drop_result(part[1]);
    if (std::regex_match(asked, part, partitions)) {
      return relay(asked,
                   "SELECT ordinal AS Ordinal, host AS Host, port AS Port, role AS Role, 0 AS "
                   "Locked FROM " +
                       server_.meta("distributed_partitions") +
                       " WHERE database_name = " + literal(part[1]));
    }
    if (std::regex_search(asked, part, from_result)) return read_result(asked, part[1]);
    return relay(asked, translated(asked));
  }

  std::string translated(std::string sql) const {
    for (const char* name : {"tables", "columns", "statistics", "distributed_databases",
                             "distributed_partitions", "table_statistics"})
      sql =
          replaced(sql, std::string("\\binformation_schema\\.") + name + "\\b", server_.meta(name));
    sql = replaced(sql, "@@memsql_version\\b", literal(kMemsqlVersion));
    sql = replaced(sql, "@@version_comment\\b", literal(kComment));
    return replaced(sql, "@@version\\b", literal(kVersion));
  }

  /// A session of our own beside this one's, for what the client must not see.
  MysqlSession aside() const {
    MysqlSession session(
        server_.behind_.server().socket_url(database_.empty() ? "mysql" : database_));
    session.exec("SET sql_mode = '', time_zone = '+00:00'");
    return session;
  }

  bool create_result(const std::string& name, const std::string& select, bool materialized) {
    if (!server_.options_.result_tables || server_.refuses_) {
      refuse(1712, "HY000", "Not enough memory available to complete the current request.");
      return true;
    }
    const std::string behind = server_.meta("result_" + std::to_string(++server_.made_));
    try {
      MysqlSession session = aside();
      session.exec("CREATE TABLE " + behind + " (_p int INVISIBLE DEFAULT 0) AS SELECT * FROM (" +
                   translated(select) + ") q");
      const std::string first = session.value(
          "SELECT column_name FROM information_schema.columns WHERE column_name <> '_p' AND "
          "concat('`', table_schema, '`.`', table_name, '`') = " +
          literal(behind) + " ORDER BY ordinal_position LIMIT 1");
      session.exec("UPDATE " + behind + " SET _p = (coalesce(crc32(`" + first + "`), 0) + " +
                   std::to_string(server_.dealt_) + ") % " +
                   std::to_string(std::max<std::size_t>(1, server_.options_.partitions)));
    } catch (const std::runtime_error& error) {
      refuse(1064, "42000", error.what());
      return true;
    }
    {
      const std::lock_guard lock(server_.mutex_);
      server_.results_[name] = {id_, behind, materialized, server_.options_.late, {}};
    }
    answer(wire::ok(1));
    return true;
  }

  bool read_result(const std::string& asked, const std::string& name) {
    static const std::regex partition(R"(partition_id\(\)\s*=\s*(\d+))", kIgnoreCase);
    std::smatch part;
    const bool one = std::regex_search(asked, part, partition);
    std::string behind;
    {
      const std::lock_guard lock(server_.mutex_);
      const auto found = server_.results_.find(name);
      if (found != server_.results_.end() && found->second.late-- <= 0 &&
          (found->second.materialized || (one && found->second.read.insert(part[1]).second)))
        behind = found->second.behind;
    }
    if (behind.empty()) {
      refuse(2318, "HY000", "Result table " + name + " does not exist");
      return true;
    }
    return relay(asked,
                 replaced(replaced(asked, "::`?\\w+`?", behind), "partition_id\\(\\)", "_p"));
  }

  bool drop_result(const std::string& name) {
    std::string behind;
    {
      const std::lock_guard lock(server_.mutex_);
      const auto found = server_.results_.find(name);
      if (found != server_.results_.end()) {
        behind = found->second.behind;
        server_.results_.erase(found);
      }
    }
    if (behind.empty()) {
      refuse(2318, "HY000", "Result table " + name + " does not exist");
    } else {
      aside().exec("DROP TABLE " + behind);
      answer(wire::ok(1));
    }
    return true;
  }

  /// They are only taken off the list: the server behind goes on with who reads them.
  void forget_results() {
    const std::lock_guard lock(server_.mutex_);
    std::erase_if(server_.results_,
                  [this](const auto& each) { return each.second.session == id_; });
  }

  /// Passes the server's answer on, packet by packet. False: the connection is cut.
  bool relay(const std::string& asked, const std::string& sql) {
    std::optional<SingleStoreDouble::Hook> hook = server_.take_hook(asked);
    behind_.write({0, '\x03' + sql});
    behind_.flush();
    const wire::Packet head = behind_.read();
    client_.write(head);
    if (head.first() == 0 || head.is_error()) {
      client_.flush();
      return true;
    }
    std::vector<wire::Field> fields;
    for (std::uint64_t i = 0; i <= wire::read_count(head); ++i) {
      const wire::Packet packet = behind_.read();
      if (!packet.is_end()) fields.push_back(wire::read_field(packet));
      client_.write(packet);
    }
    const wire::Replace replace = replacing(fields);
    for (std::size_t row = 0;; ++row) {
      const wire::Packet packet = behind_.read();
      if (hook && row == hook->row) {
        client_.flush();
        const auto then = std::exchange(hook, std::nullopt)->then;
        if (!then()) return false;
      }
      const bool last = packet.is_end() || packet.is_error();
      client_.write(last || !replace ? packet : wire::with_values(packet, replace));
      if (!last) continue;
      client_.flush();
      return true;
    }
  }

  /// How SingleStore sends values that MariaDB sends otherwise; empty: there are none.
  wire::Replace replacing(const std::vector<wire::Field>& fields) const {
    enum class How { same, bits, floats };
    std::vector<How> how;
    bool any = false;
    const std::lock_guard lock(server_.mutex_);
    for (const wire::Field& each : fields) {
      const bool vector = server_.vectors_.contains(each.table + "." + each.name);
      how.push_back(each.type == 16 ? How::bits : vector && !json_ ? How::floats : How::same);
      any = any || how.back() != How::same;
    }
    if (!any) return {};
    return [how](std::size_t column, std::string_view value) -> std::optional<std::string> {
      if (how[column] == How::floats) return as_floats(value);
      if (how[column] == How::bits && value.size() < 8)
        return std::string(8 - value.size(), '\0') + std::string(value);
      return std::nullopt;
    };
  }

  SingleStoreDouble& server_;
  wire::Socket& client_;
  wire::Socket behind_;
  std::uint32_t id_ = 0;
  std::string database_;
  bool json_ = true;
};

SingleStoreDouble::SingleStoreDouble(MysqlDatabase& behind)
    : SingleStoreDouble(behind, Options{}) {}

SingleStoreDouble::SingleStoreDouble(MysqlDatabase& behind, Options options)
    : behind_(behind), options_(options), meta_(behind.name() + "_meta") {
  make_metadata();
  listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listening_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listening_, 64) != 0 ||
      getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no port to listen at");
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { accept(); });
}

SingleStoreDouble::~SingleStoreDouble() {
  shutdown(listening_, SHUT_RDWR);
  accepting_.join();
  close(listening_);
  {
    const std::lock_guard lock(mutex_);
    for (const int each : sockets_) shutdown(each, SHUT_RDWR);
  }
  for (std::thread& each : threads_) each.join();
  try {
    behind_.exec("DROP DATABASE `" + meta_ + "`");
  } catch (const std::exception&) {
    // A test that stopped the server behind: its folder goes with the program.
  }
}

std::string SingleStoreDouble::url(const std::string& scheme) const {
  return scheme + "://root:" + password() + "@127.0.0.1:" + std::to_string(port_) + "/" +
         behind_.name();
}

void SingleStoreDouble::at_row(const std::string& text, std::size_t row,
                               std::function<bool()> then) {
  const std::lock_guard lock(mutex_);
  hooks_.push_back({text, row, std::move(then)});
}

std::optional<SingleStoreDouble::Hook> SingleStoreDouble::take_hook(const std::string& statement) {
  const std::lock_guard lock(mutex_);
  for (auto each = hooks_.begin(); each != hooks_.end(); ++each) {
    if (statement.find(each->text) == std::string::npos) continue;
    Hook hook = std::move(*each);
    hooks_.erase(each);
    return hook;
  }
  return std::nullopt;
}

std::vector<std::string> SingleStoreDouble::statements(const std::string& text) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> found;
  for (const std::string& each : statements_) {
    if (each.find(text) != std::string::npos) found.push_back(each);
  }
  return found;
}

std::size_t SingleStoreDouble::result_tables() const {
  const std::lock_guard lock(mutex_);
  return results_.size();
}

void SingleStoreDouble::lose_result_tables() {
  const std::lock_guard lock(mutex_);
  results_.clear();
}

void SingleStoreDouble::accept() {
  while (true) {
    const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const std::lock_guard lock(mutex_);
    sockets_.insert(fd);
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void SingleStoreDouble::serve(int fd) {
  const int number = fd;
  wire::Socket client(fd);
  try {
    DoubleSession(*this, client).run();
  } catch (const std::exception&) {
    // The client is gone, or the server behind.
  }
  const std::lock_guard lock(mutex_);
  sockets_.erase(number);
}

}  // namespace sluice::testing
