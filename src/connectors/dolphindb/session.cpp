// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/session.h"

#include <array>
#include <charconv>
#include <string_view>

#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

constexpr std::size_t kMostLine = 65'536;
constexpr std::uint64_t kMostAnswer = std::uint64_t{256} << 20;  // of a catalog
constexpr std::size_t kMostColumns = 100'000;

[[noreturn]] void not_an_answer(const std::string& what) {
  throw Error(Fault::data, "what answers does not speak DolphinDB's protocol: " + what,
              "does the URL name the port of a DolphinDB node, and tls= as the server has it?");
}

struct Text {
  std::string_view part;
  Fault fault;
  const char* hint;
};

// There are no numbers of errors. Those that pass by themselves are tried again, with waits that
// grow: the official client asks hundreds of times a second.
constexpr std::array kTexts{
    Text{"user name or password is incorrect", Fault::authentication,
         "several wrong tries in a minute may lock the user for ten"},
    Text{"Login is required", Fault::authentication, "name a user in the URL"},
    Text{"<NoPrivilege>", Fault::permission, "an administrator can grant TABLE_READ or DB_READ"},
    Text{"Not granted", Fault::permission, "an administrator can grant TABLE_READ or DB_READ"},
    Text{"No access to", Fault::permission, "an administrator can grant TABLE_READ or DB_READ"},
    Text{"<NotLeader>", Fault::conflict, ""},
    Text{"<ChunkInTransaction>", Fault::conflict, ""},
    Text{"<DataNodeNotAvail>", Fault::connection, ""},
    Text{"<DataNodeNotReady>", Fault::connection, ""},
    Text{"<ControllerNotReady>", Fault::connection, ""},
    Text{"<ControllerNotAvail>", Fault::connection, ""},
    Text{"isn't initialized yet", Fault::connection, ""},
    Text{"DFS is not enabled", Fault::connection, ""},
    Text{"Maximum connections", Fault::connection,
         "--parallel takes fewer connections; the server's limit is maxConnections"},
    Text{"openChunks operation failed", Fault::conflict, ""},
    Text{"ut of memory", Fault::connection,
         "the result is built in the server's memory before it is sent: a smaller window: or a "
         "where: reads less at once"},
};

}  // namespace

Error error_of(const std::string& text, const std::string& shown) {
  const std::string said = shown + " says: " + text;
  for (const Text& each : kTexts) {
    if (text.find(each.part) != std::string::npos) return {each.fault, said, each.hint};
  }
  return {Fault::schema, said};
}

/// Whatever cuts an answer off in the middle leaves nothing that the session could go on with.
template <class Work>
auto Session::guarded(const Work& work) {
  try {
    return work();
  } catch (const Error& error) {
    if (error.fault() == Fault::connection || error.fault() == Fault::data ||
        error.fault() == Fault::cancelled)
      broken_ = true;
    if (error.fault() == Fault::connection) lost_ = true;
    throw;
  } catch (...) {
    broken_ = true;
    throw;
  }
}

Session::Session(std::shared_ptr<const Login> login, const Endpoint& node, Stop stop)
    : login_(std::move(login)), node_(node), stream_(*login_, node_, std::move(stop)) {
  const Object connected = guarded([&] {
    begin("connect\n", {}, "2", 0);
    return answer();
  });
  if (!granted(connected)) not_an_answer("it refuses to connect");
  log_in();
}

void Session::begin(const std::string& body, const std::string& objects, const char* parallelism,
                    std::uint64_t fetch_size) {
  const bool rows = fetch_size > 0;
  const std::string options = std::string(rows && login_->compress ? "64" : "0") + "_1_4_" +
                              parallelism + (rows ? "__" + std::to_string(fetch_size) : "");
  stream_.write("API " + id_ + " " + std::to_string(body.size()) + " / " + options + "\n" + body +
                objects);
}

std::uint64_t Session::head() {
  const auto line = [this] {
    std::string text = stream_.text('\n', kMostLine);
    if (text.ends_with('\r')) text.pop_back();
    return text;
  };
  std::string first = line();
  while (first == "MSG") {  // of progress
    stream_.text('\0', kMostLine * 16);
    first = line();
  }
  const std::size_t space = first.find(' '), second = first.find(' ', space + 1);
  if (space == std::string::npos || second == std::string::npos ||
      first.find(' ', second + 1) != std::string::npos)
    not_an_answer("the head of an answer has three parts");
  const std::string count_text = first.substr(space + 1, second - space - 1);
  const std::string endian = first.substr(second + 1);
  std::uint64_t count = 0;
  const auto [end, problem] =
      std::from_chars(count_text.data(), count_text.data() + count_text.size(), count);
  if (problem != std::errc() || end != count_text.data() + count_text.size())
    not_an_answer("the head of an answer counts no objects");
  if (endian != "1") not_an_answer("its numbers are big-endian, which no known server's are");
  id_ = first.substr(0, space);
  if (id_.empty() || id_.find_first_not_of("-0123456789") != std::string::npos)
    not_an_answer("the head of an answer names no session");
  const std::string status = line();
  if (status == "OK") return count;
  throw error_of(login_->secrets.hidden(status), node_.text());
}

Object Session::answer() {
  const std::uint64_t objects = head();
  if (objects == 0) return {};
  return read_object(stream_, kMostAnswer);
}

Object Session::request(const std::string& body, const std::string& objects) {
  return guarded([&] {
    if (blocks_left_ > 0) {
      broken_ = true;
      throw Error(Fault::internal, "a request before all rows of the last one were read");
    }
    begin(body, objects, "64", 0);
    return answer();
  });
}

Object Session::call(const std::string& function, const std::vector<Object>& arguments) {
  std::string objects;
  for (const Object& each : arguments) objects += bytes_of(each);
  return request("function\n" + function + "\n" + std::to_string(arguments.size()) + "\n1",
                 objects);
}

Object Session::run(const std::string& script) { return request("script\n" + script); }

void Session::bind(const Variables& variables) {
  std::string names, objects;
  for (const auto& [name, value] : variables) {
    names += (names.empty() ? "" : ",") + name;
    objects += bytes_of(value);
  }
  request("variable\n" + names + "\n" + std::to_string(variables.size()) + "\n1", objects);
}

void Session::select(const std::string& script, std::uint64_t fetch_size) {
  guarded([&] {
    begin("script\n" + script, {}, "64", fetch_size);
    const std::uint64_t objects = head();
    blocks_left_ = 0;
    one_table_ = false;
    if (objects == 0)
      throw Error(Fault::data, "a query for rows was answered with nothing, not even no rows");
    const auto [type, form] = read_flag(stream_);
    if (form == Form::table) {  // as servers may where there is nothing to cut
      blocks_left_ = 1;
      one_table_ = true;
      return;
    }
    if (form != Form::vector || type != static_cast<int>(Type::any))
      throw Error(Fault::data, "a query for rows was answered with something else than rows");
    const auto rows = stream_.number<std::int32_t>(), columns = stream_.number<std::int32_t>();
    if (rows < 0 || columns < 0) throw Error(Fault::data, "an answer of fewer than no blocks");
    blocks_left_ = static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(columns);
  });
}

bool Session::next_block(Block& block, std::uint64_t most) {
  if (blocks_left_ == 0) return false;
  guarded([&] {
    if (!std::exchange(one_table_, false) && read_flag(stream_).second != Form::table)
      throw Error(Fault::data, "a block of rows is no table");
    const auto rows = stream_.number<std::int32_t>(), columns = stream_.number<std::int32_t>();
    if (rows < 0 || columns < 1 || static_cast<std::size_t>(columns) > kMostColumns)
      throw Error(Fault::data, "a block of " + std::to_string(rows) + " rows and " +
                                   std::to_string(columns) + " columns");
    block.rows = static_cast<std::uint64_t>(rows);
    stream_.text('\0', kMostLine);
    block.names.clear();
    for (std::int32_t i = 0; i < columns; ++i) block.names.push_back(stream_.text('\0', kMostLine));
    block.columns.resize(static_cast<std::size_t>(columns));
    SymbolBases bases;
    std::uint64_t left = most;
    for (Cells& each : block.columns) {
      const auto [type, form] = read_flag(stream_);
      if (form != Form::vector) throw Error(Fault::data, "a column of a block is no vector");
      read_vector(stream_, type, bases, left, each);
      std::uint64_t held = each.bytes();
      if (each.symbols != nullptr) {
        for (const std::string& symbol : *each.symbols) held += symbol.size() + sizeof(std::string);
      }
      left -= std::min(left, held);
      if (each.rows != block.rows)
        throw Error(Fault::data, "a block of " + std::to_string(block.rows) +
                                     " rows with a column of " + std::to_string(each.rows));
    }
  });
  --blocks_left_;
  return true;
}

}  // namespace sluice::dolphindb
