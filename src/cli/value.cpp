// SPDX-License-Identifier: Apache-2.0
#include "cli/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string_view>

#include "cli/text.h"
#include "connectors/registry.h"
#include "duck/duck.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 6> kTimes{
    {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}}};
constexpr std::uint64_t kK = 1000, kKi = 1024;
constexpr std::array<Unit, 14> kSizes{{{"", 1},
                                       {"b", 1},
                                       {"kb", kK},
                                       {"mb", kK* kK},
                                       {"gb", kK* kK* kK},
                                       {"tb", kK* kK* kK* kK},
                                       {"k", kKi},
                                       {"m", kKi* kKi},
                                       {"g", kKi* kKi* kKi},
                                       {"t", kKi* kKi* kKi* kKi},
                                       {"kib", kKi},
                                       {"mib", kKi* kKi},
                                       {"gib", kKi* kKi* kKi},
                                       {"tib", kKi* kKi* kKi* kKi}}};

/// Reads one "12.5unit" off the front of `text`.
template <std::size_t N>
std::optional<std::uint64_t> take_amount(std::string_view& text, const std::array<Unit, N>& units) {
  double amount = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), amount, std::chars_format::fixed);
  if (error != std::errc() || amount < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  std::size_t letters = 0;
  while (letters < text.size() && ((text[letters] | 0x20) >= 'a' && (text[letters] | 0x20) <= 'z'))
    ++letters;
  const std::string unit = duck::folded(text.substr(0, letters));
  text.remove_prefix(letters);
  for (const Unit& each : units) {
    if (each.name != unit) continue;
    const double product = amount * static_cast<double>(each.factor);
    if (product > 9e15) return std::nullopt;
    return static_cast<std::uint64_t>(std::llround(product));
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_seconds(std::string_view text) {
  std::uint64_t total = 0;
  do {
    const auto part = take_amount(text, kTimes);
    if (!part) return std::nullopt;
    total += *part;
  } while (!text.empty());
  return total;
}

}  // namespace

Value::Value(const YAML::Node& node, std::string file, std::string folder)
    : node_(node), file_(std::move(file)), folder_(std::move(folder)) {}

Value Value::of_flag(const std::string& flag, const std::string& text) {
  Value value(YAML::Node(text), flag, "");
  value.flag_ = true;
  return value;
}

Value Value::within(const YAML::Node& node) const { return {node, file_, folder_}; }

std::string Value::where() const {
  if (flag_) return file_;
  const YAML::Mark mark = node_.Mark();
  if (mark.is_null()) return file_;
  return fmt::format("{}:{}:{}", file_, mark.line + 1, mark.column + 1);
}

void Value::fail(const std::string& problem, const std::string& hint) const {
  throw Error(Fault::config, where() + ": " + problem, hint);
}

std::string Value::text() const {
  if (node_.IsNull()) return {};
  if (!node_.IsScalar()) fail("one value is expected here, not a list or a map");
  const std::string& raw = node_.Scalar();
  if (flag_) return raw;
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw.compare(i, 3, "$${") == 0) {
      out += "${";
      i += 2;
    } else if (raw.compare(i, 2, "${") == 0) {
      const std::size_t end = raw.find('}', i);
      if (end == std::string::npos) fail("\"${\" without its \"}\"", "write $${ for a literal ${");
      const std::string name = raw.substr(i + 2, end - i - 2);
      const char* found = std::getenv(name.c_str());
      if (found == nullptr) {
        fail("the environment variable " + name + " is not set",
             "export " + name + "=.. before running sluice");
      }
      out += found;
      i = end;
    } else {
      out += raw[i];
    }
  }
  return out;
}

bool Value::boolean() const { return one_of<bool>({{"true", true}, {"false", false}}); }

std::uint64_t Value::number() const {
  const std::string word = text();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (word.empty() || error != std::errc() || end != word.data() + word.size()) {
    fail("\"" + word + "\" is not a whole number");
  }
  return number;
}

std::chrono::seconds Value::duration() const {
  const std::string word = text();
  const auto seconds = parse_seconds(word);
  if (!seconds) fail("\"" + word + "\" is not a duration", "write it like 90s, 10m, 1h30m or 2d");
  return std::chrono::seconds(*seconds);
}

std::uint64_t Value::bytes() const {
  const std::string word = text();
  std::string_view rest = word;
  const auto amount = take_amount(rest, kSizes);
  if (!amount || !rest.empty())
    fail("\"" + word + "\" is not a size", "write it like 256MB or 1GiB");
  return *amount;
}

Cadence Value::cadence() const {
  const std::string word = text();
  if (word == "always") return {};
  if (word == "never") return {Cadence::Kind::never, {}};
  const auto seconds = parse_seconds(word);
  if (!seconds)
    fail("\"" + word + "\" says not how often", "write always, never, or a duration like 24h");
  return {Cadence::Kind::interval, std::chrono::seconds(*seconds)};
}

std::string Value::path() const {
  const std::string written = text();
  if (written.empty()) fail("a path is expected here");
  return path_from(folder_, written);
}

std::vector<std::string> Value::list() const {
  std::vector<std::string> words;
  if (is_list()) {
    for (const auto& each : node_) words.push_back(within(each).text());
    return words;
  }
  std::string rest = text();
  if (!flag_) return rest.empty() ? words : std::vector<std::string>{rest};
  if (rest.empty()) return words;
  for (std::size_t comma = rest.find(','); comma != std::string::npos; comma = rest.find(',')) {
    words.push_back(rest.substr(0, comma));
    rest.erase(0, comma + 1);
  }
  words.push_back(rest);
  return words;
}

std::vector<std::pair<Value, Value>> Value::map() const {
  if (is_null()) return {};
  if (!is_map()) fail("keys with values are expected here");
  std::vector<std::pair<Value, Value>> entries;
  for (const auto& each : node_) {
    const Value key = within(each.first);
    for (const auto& [before, unused] : entries) {
      if (before.text() == key.text())
        key.fail("\"" + key.text() + "\" is said twice, first at " + before.where());
    }
    entries.emplace_back(key, within(each.second));
  }
  return entries;
}

void Value::refuse_word(const std::string& word, const std::vector<std::string>& names) const {
  const std::string meant = did_you_mean(word, names);
  fail("\"" + word + "\" is not one of " + alternatives(names), meant);
}

}  // namespace sluice::cli
