// SPDX-License-Identifier: Apache-2.0
// What a user can set, once: each word is a key of sluice.yaml, a flag and a SLUICE_ variable.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cli/configuration.h"
#include "cli/value.h"
#include "sluice/connector.h"
#include "sluice/secret.h"
#include "sluice/sync.h"

namespace sluice::cli {

/// Where the source's password comes from; it is fetched when a run connects, not before.
struct PasswordFrom {
  enum class Kind { nowhere, text, file, command } kind = Kind::nowhere;
  Secret value;       ///< the password itself, a path, or a shell command
  std::string where;  ///< for errors
};

/// One connection: a source, a destination, and everything said about the way between.
struct Connection {
  std::string source, destination;
  PasswordFrom password;
  ConfigurationFrom configuration;  ///< of a connector
  sdk::Connector* own = nullptr;    ///< the program's own connector, instead of `source`
  SyncOptions sync;
  std::uint64_t memory = std::uint64_t{1} << 30;  ///< what the process should stay below
  std::string temp;            ///< where DuckDB spills; empty: beside the destination
  std::uint64_t max_rate = 0;  ///< bytes a second; 0: no limit
  std::chrono::seconds wait{0};
  std::string read_copy;
  std::string storage;  ///< DuckDB storage version of a new file; empty: the destination's default
};

enum class Group { source, selection, destination, process };

struct ConnectionWord {
  const char* key;
  Group group;
  const char* placeholder;
  const char* help;
  void (*set)(Connection&, const Value&);
  bool flag = true;      ///< a flag as well as a key
  bool variable = true;  ///< a SLUICE_ variable
};
/// All but `defaults`, `table_options` and `extends`, whose values have a structure.
std::span<const ConnectionWord> connection_words();

/// A checked value on its way into the options of the tables it is meant for. May be called by any
/// thread.
using TableSetting = std::function<void(TableOptions&)>;

struct TableWord {
  const char* key;
  const char* placeholder;
  const char* help;
  TableSetting (*read)(const Value&);
};
std::span<const TableWord> table_words();
/// Reads one option. Unknown words are an error with the word that was meant.
TableSetting read_table_word(const Value& key, const Value& value);

/// `[GLOB=]VALUE` behind a flag, for the tables that GLOB fits, else for all. Checked at once;
/// beats sluice.yaml.
void add_table_flag(SyncOptions& options, const TableWord& word, const std::string& text);
/// `TABLE.COLUMN=TYPE`.
void add_type_flag(SyncOptions& options, const std::string& text);

/// The password, fetched now; empty if none was said. Throws Fault::config when the file or command
/// fails.
Secret fetch_password(const PasswordFrom& from);

}  // namespace sluice::cli
