// SPDX-License-Identifier: Apache-2.0
// CSV and JSON lines files of a folder, as one table: files that are new or changed are read, the
// rows of those that are gone are deleted. README.md says what it relies on.
#include <sluice/module.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "records.h"

namespace {

using sluice::Error;
using sluice::Fault;
using Json = nlohmann::json;
namespace fs = std::filesystem;
namespace sdk = sluice::sdk;

/// What tells one content of a file from another, and how many rows that is here.
struct Seen {
  std::uintmax_t size = 0;
  std::int64_t modified = 0;
  std::uint64_t rows = 0;
  bool same_file(const Seen& other) const {
    return size == other.size && modified == other.modified;
  }
};
using Files = std::map<std::string, Seen>;

Files parse_state(const std::string& state) {
  Files files;
  const Json known = Json::parse(state).value("files", Json::object());
  for (const auto& [name, seen] : known.items())
    files[name] = {seen.at("size"), seen.at("modified"), seen.at("rows")};
  return files;
}

std::string state_of(const Files& files) {
  Json all = Json::object();
  for (const auto& [name, seen] : files)
    all[name] = {{"size", seen.size}, {"modified", seen.modified}, {"rows", seen.rows}};
  return Json{{"files", all}}.dump();
}

Seen look(const fs::path& file) {
  return {fs::file_size(file), fs::last_write_time(file).time_since_epoch().count(), 0};
}

/// The files of the folder that there is a reader for.
Files list(const fs::path& folder) {
  if (!fs::is_directory(folder))
    throw Error(Fault::config, "folder: there is no folder " + folder.string(),
                "correct it, or make it");
  Files files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string ending = entry.path().extension().string();
    if (entry.is_regular_file() && (ending == ".csv" || ending == ".jsonl"))
      files[entry.path().filename().string()] = look(entry.path());
  }
  return files;
}

class FileSource final : public sdk::Connector {
 public:
  sdk::Form configuration_form() override {
    sdk::Field folder, table;
    folder.name = "folder";
    folder.label = "Folder";
    folder.description = "The folder with the *.csv and *.jsonl files.";
    folder.required = true;
    table.name = "table";
    table.label = "Table";
    table.default_value = "records";
    return {{folder, table}, {{"list", "The folder can be listed"}}};
  }

  std::optional<std::string> test(const std::string& /*name*/,
                                  const sdk::Configuration& configuration) override {
    list(configuration.at("folder"));  // an error is the answer
    return std::nullopt;
  }

  std::vector<sdk::TableSchema> schema(const sdk::Configuration& configuration) override {
    using sdk::Type;
    return {{configuration.at("table"),
             {"_file", "_row"},
             {{"_file", {Type::string}}, {"_row", {Type::int64}}},
             {}}};
  }

  // The state names a file only once all of its rows are written: a sync that ended before that
  // reads the file again, and the rows have the same keys.
  void update(const sdk::Configuration& configuration, const std::string& state,
              sdk::Operations& operations) override {
    const fs::path folder = configuration.at("folder");
    sdk::Table& table = operations.table(configuration.at("table"));
    Files known = parse_state(state);
    const Files present = list(folder);
    for (const auto& [name, file] : present) {
      const auto before = known.find(name);
      if (before != known.end() && before->second.same_file(file)) continue;
      const std::uint64_t rows_before = before == known.end() ? 0 : before->second.rows;
      Seen read = file;
      read.rows = read_file(folder / name, name, table);
      // A file that is written to meanwhile: it differs from what is remembered, and is read anew.
      operations.log().info(name + ": " + std::to_string(read.rows) + " rows");
      remove(table, name, read.rows, rows_before);
      known[name] = read;
      operations.checkpoint(state_of(known));
    }
    for (auto gone = known.begin(); gone != known.end();) {
      if (present.contains(gone->first)) {
        ++gone;
        continue;
      }
      operations.log().info(gone->first + " is gone");
      remove(table, gone->first, 0, gone->second.rows);
      gone = known.erase(gone);
      operations.checkpoint(state_of(known));
    }
  }

 private:
  static std::uint64_t read_file(const fs::path& file, const std::string& name, sdk::Table& table) {
    std::int64_t row = 0;
    const auto begin = [&]() -> sdk::Row& { return table.upsert().set(0, name).set(1, ++row); };
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw Error(Fault::config, "cannot read " + file.string());
    if (file.extension() == ".csv") {
      examples::read_csv(stream, name, table, begin);
    } else {
      examples::read_json_lines(stream, name, table, begin);
    }
    if (stream.bad()) throw Error(Fault::connection, file.string() + ": reading it failed");
    return static_cast<std::uint64_t>(row);
  }

  static void remove(sdk::Table& table, const std::string& name, std::uint64_t from,
                     std::uint64_t to) {
    for (std::uint64_t row = from + 1; row <= to; ++row)
      table.remove().set(0, name).set(1, static_cast<std::int64_t>(row));
  }
};

}  // namespace

SLUICE_CONNECTOR(FileSource)
