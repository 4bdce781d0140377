// SPDX-License-Identifier: Apache-2.0
// A value that a user wrote, and where: in a file or behind a flag. Every complaint about it names
// the place.
#pragma once

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sluice/sync.h"

namespace sluice::cli {

class Value {
 public:
  /// `folder` is what relative paths are relative to.
  Value(const YAML::Node& node, std::string file, std::string folder);
  /// The text behind a flag, said as "--memory"; lists are separated by commas.
  static Value of_flag(const std::string& flag, const std::string& text);

  std::string where() const;  ///< "sluice.yaml:12:5" or "--memory"
  [[noreturn]] void fail(const std::string& problem, const std::string& hint = {}) const;

  bool is_map() const { return node_.IsMap(); }
  bool is_list() const { return node_.IsSequence(); }
  bool is_null() const { return node_.IsNull(); }

  /// Scalars, with ${VARIABLE} replaced ("$${" is a "${"). An unset variable is an error that names
  /// it.
  std::string text() const;
  bool boolean() const;
  std::uint64_t number() const;
  std::chrono::seconds duration() const;  ///< "90s", "10m", "1h30m", "2d", or seconds
  std::uint64_t bytes() const;            ///< "256MB" (powers of 1000), "1GiB" (of 1024), or bytes
  Cadence cadence() const;                ///< "always", "never" or a duration
  std::string path() const;               ///< relative to the file it is written in

  /// One word or several. A word alone is a list of one.
  std::vector<std::string> list() const;
  /// Keys with values, in the order written; a key said twice is an error.
  std::vector<std::pair<Value, Value>> map() const;

  template <typename T>
  T one_of(std::initializer_list<std::pair<const char*, T>> words) const {
    const std::string word = text();
    std::vector<std::string> names;
    for (const auto& [name, value] : words) {
      if (word == name) return value;
      names.emplace_back(name);
    }
    refuse_word(word, names);
  }

 private:
  [[noreturn]] void refuse_word(const std::string& word,
                                const std::vector<std::string>& names) const;
  Value within(const YAML::Node& node) const;

  YAML::Node node_;
  std::string file_;  ///< or the flag
  std::string folder_;
  bool flag_ = false;
};

}  // namespace sluice::cli
