// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/option_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sluice/error.h"

namespace sluice::mysql {
namespace {

namespace fs = std::filesystem;

constexpr int kMostIncluded = 10;  // files within files

std::string trimmed(const std::string& text) {
  constexpr const char* kBlank = " \t\r\n\f\v";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// Quotes around a value go, and so does a comment behind one without quotes; \n \t \r \b \s \" \'
/// and \\ stand for what they mean.
std::string value_of(std::string text) {
  const bool quoted = !text.empty() && (text[0] == '"' || text[0] == '\'');
  const std::size_t comment = quoted ? text.find(" #", text.find(text[0], 1)) : std::string::npos;
  if (comment != std::string::npos && text.back() != text[0])
    text = trimmed(text.substr(0, comment));
  if (quoted && text.size() > 1 && text.back() == text[0]) {
    text = text.substr(1, text.size() - 2);
  } else if (!quoted) {
    text = trimmed(text.substr(0, text.find(" #")));
  }
  std::string value;
  for (std::size_t i = 0; i < text.size(); ++i) {
    constexpr const char* kNames = "ntrbs\"'\\";
    constexpr const char* kMeant = "\n\t\r\b \"'\\";
    const char* name = nullptr;
    if (text[i] == '\\' && i + 1 < text.size())
      name = std::char_traits<char>::find(kNames, 8, text[i + 1]);
    value += name == nullptr ? text[i] : kMeant[name - kNames];
    if (name != nullptr) ++i;
  }
  return value;
}

class FileReader {
 public:
  FileReader(std::span<const std::string> groups, Options& options)
      : groups_(groups), options_(options) {}

  void read(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return;
    if ((status.st_mode & S_IWOTH) != 0) return;
    std::ifstream file(path);
    if (!file) throw Error(Fault::config, "cannot read the option file " + path);
    if (++depth_ > kMostIncluded)
      throw Error(Fault::config, path + ": option files that include each other");
    bool wanted = false;
    int number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      read_line(trimmed(line), wanted, path + ":" + std::to_string(number));
    }
    --depth_;
  }

 private:
  void read_line(const std::string& line, bool& wanted, const std::string& where) {
    if (line.empty() || line[0] == '#' || line[0] == ';') return;
    if (line[0] == '!') return include(line, where);
    if (line[0] == '[') {
      if (line.back() != ']') throw Error(Fault::config, where + ": a group without its ]");
      wanted =
          std::ranges::find(groups_, trimmed(line.substr(1, line.size() - 2))) != groups_.end();
      return;
    }
    if (!wanted) return;
    const std::size_t equals = std::min(line.find('='), line.size());
    std::string name = trimmed(line.substr(0, equals));
    std::ranges::replace(name, '_', '-');
    if (name.starts_with("loose-")) name.erase(0, 6);
    options_[name] = equals == line.size() ? "" : value_of(trimmed(line.substr(equals + 1)));
  }

  void include(const std::string& line, const std::string& where) {
    if (line.starts_with("!includedir ")) {
      std::vector<std::string> files;
      std::error_code ignored;
      for (const auto& each : fs::directory_iterator(trimmed(line.substr(12)), ignored)) {
        if (each.path().extension() == ".cnf") files.push_back(each.path().string());
      }
      std::ranges::sort(files);
      for (const std::string& each : files) read(each);
    } else if (line.starts_with("!include ")) {
      read(trimmed(line.substr(9)));
    } else {
      throw Error(Fault::config, where + ": not !include FILE nor !includedir FOLDER");
    }
  }

  std::span<const std::string> groups_;
  Options& options_;
  int depth_ = 0;
};

}  // namespace

void read_option_file(const std::string& path, std::span<const std::string> groups,
                      Options& options) {
  FileReader(groups, options).read(path);
}

std::vector<std::string> usual_option_files() {
  std::vector<std::string> files{"/etc/my.cnf", "/etc/mysql/my.cnf"};
  if (const char* home = std::getenv("HOME")) files.push_back(std::string(home) + "/.my.cnf");
  return files;
}

}  // namespace sluice::mysql
