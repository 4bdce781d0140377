// SPDX-License-Identifier: Apache-2.0
#include "fivetran/python.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <regex>
#include <sstream>
#include <thread>
#include <vector>

#include "fivetran/process.h"
#include "sluice/error.h"

namespace sluice::fivetran {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& file) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

/// As package indexes compare names: small letters, runs of - _ . are one -.
std::string normal(const std::string& text) {
  std::string name;
  for (const char each : text) {
    const bool joint = each == '-' || each == '_' || each == '.';
    if (joint && !name.empty() && name.back() == '-') continue;
    name += joint ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(each)));
  }
  return name;
}

/// Appends the file, and those that it includes, to `all`.
void check_file(const fs::path& file, int depth, std::string& all) {
  all += content(file);
  static const std::regex include(R"(^\s*(-r|--requirement|-c|--constraint)[\s=]*(\S+))");
  std::ifstream lines(file);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (const std::size_t comment = line.find('#');
        comment == 0 || (comment != std::string::npos && line[comment - 1] == ' '))
      line.erase(comment);
    const std::string place = file.string() + ":" + std::to_string(number) + ": ";
    const std::string name = normal(line);
    const std::size_t at = name.find("fivetran-connector-sdk");
    if (at != std::string::npos) {
      const std::string behind =
          name.substr(at + std::string_view("fivetran-connector-sdk").size());
      if (behind.starts_with("-core")) {
        throw Error(Fault::config,
                    place +
                        "fivetran-connector-sdk-core has a licence that does not "
                        "let Sluice run it",
                    std::string("take the line out: connectors run with ") + kPythonSdk);
      }
      // "-3.0.0-py3-none-any.whl" is a file's name.
      const bool newer_file =
          behind.size() > 1 && behind[0] == '-' && behind[1] >= '3' && behind[1] <= '9';
      std::string version = line;
      version.erase(std::remove(version.begin(), version.end(), ' '), version.end());
      static const std::regex asks(R"((==|===|>=|~=|>)v?([0-9]+))");
      bool newer_version = false;
      for (std::sregex_iterator each(version.begin(), version.end(), asks), end; each != end;
           ++each)
        newer_version = newer_version || std::stoul((*each)[2].str().substr(0, 6)) >= 3;
      if (newer_file || newer_version) {
        throw Error(Fault::config,
                    place +
                        "version 3 and later of fivetran-connector-sdk bring a package with a "
                        "licence that does not let Sluice run it",
                    std::string("take the line out: connectors run with ") + kPythonSdk);
      }
    }
    std::smatch found;
    if (std::regex_search(line, found, include) && depth < 8)
      check_file(file.parent_path() / found[2].str(), depth + 1, all);
  }
}

/// Its requirements.txt, with those that it includes; "": none.
std::string requirements_of(const fs::path& folder) {
  std::string all;
  check_file(folder / "requirements.txt", 0, all);
  return all;
}

fs::path cache_folder() {
  const auto given = [](const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
  };
  if (const std::string cache = given("SLUICE_CACHE"); !cache.empty()) return cache;
  if (const std::string cache = given("XDG_CACHE_HOME"); !cache.empty())
    return fs::path(cache) / "sluice";
  if (const std::string home = given("HOME"); !home.empty())
    return fs::path(home) / ".cache" / "sluice";
  // A service has none.
  std::vector<char> room(1 << 14);
  passwd entry{}, *found = nullptr;
  if (getpwuid_r(geteuid(), &entry, room.data(), room.size(), &found) == 0 && found != nullptr)
    return fs::path(entry.pw_dir) / ".cache" / "sluice";
  throw Error(Fault::config, "there is no home folder for virtual environments",
              "set SLUICE_CACHE to a folder that may be written to");
}

std::string found_on_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::stringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string file = folder + "/" + program;
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  throw Error(Fault::config, "there is no " + program + " in PATH, which runs connector.py",
              "install Python 3.10 or later");
}

struct Ran {
  int code;
  std::string printed;
};

Ran run(const std::vector<std::string>& arguments, const fs::path& folder,
        const std::stop_token& stop) {
  std::string printed;
  std::optional<int> code;
  {
    Process process(arguments, folder, {{"PYTHONPATH", ""}},
                    [&](const Line& line) { printed += line.text + "\n"; });
    while (!process.ended_within(std::chrono::milliseconds(100))) {
      if (stop.stop_requested())
        throw Error(Fault::cancelled, "stopped while a virtual environment was made");
    }
    code = process.exit_code();
  }
  while (printed.ends_with('\n')) printed.pop_back();
  return {code.value_or(-1), printed};
}

/// Numbers that tell requirements apart, not secrets (FNV-1a).
std::string fingerprint(const std::string& text) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char each : text) hash = (hash ^ static_cast<unsigned char>(each)) * 0x100000001B3;
  std::stringstream digits;
  digits << std::hex << hash;
  return digits.str();
}

/// Held by who makes the environment.
class Lock {
 public:
  Lock(const fs::path& file, const std::stop_token& stop)
      : file_(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    while (file_ >= 0 && flock(file_, LOCK_EX | LOCK_NB) != 0) {
      if (stop.stop_requested()) throw Error(Fault::cancelled, "stopped");
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() { close(file_); }

 private:
  int file_;
};

}  // namespace

void check_requirements(const fs::path& folder) { requirements_of(folder); }

fs::path python_for(const fs::path& given, const std::function<void(const std::string&)>& note,
                    const std::stop_token& stop) {
  const fs::path folder = fs::absolute(given);  // pip runs there
  const fs::path requirements = folder / "requirements.txt";
  const std::string python = found_on_path("python3");
  const Ran version =
      run({python, "-c",
           "import sys; print('%d.%d' % sys.version_info[:2], sys.version_info >= (3, 10))"},
          fs::temp_directory_path(), stop);
  if (version.code != 0 || !version.printed.ends_with("True")) {
    throw Error(
        Fault::config,
        python + " is not Python 3.10 or later, which Fivetran's SDK needs: " + version.printed,
        "install a later one, first in PATH");
  }
  const std::string wanted = requirements_of(folder);
  const fs::path made =
      fs::absolute(cache_folder()) / "python" /
      fingerprint(std::string(kPythonSdk) + "\n" + version.printed + "\n" + python + "\n" + wanted);
  const fs::path program = made / "bin" / "python";
  const fs::path ready = made / ".ready";
  if (fs::exists(ready)) return program;
  fs::create_directories(made.parent_path());
  const Lock lock(made.string() + ".lock", stop);
  if (fs::exists(ready)) return program;
  note("making a virtual environment with " + std::string(kPythonSdk) +
       (wanted.empty() ? "" : " and " + requirements.string()) + " in " + made.string() + ", once");
  fs::remove_all(made);
  const auto must = [&](const std::vector<std::string>& arguments, const std::string& what) {
    const Ran ran = run(arguments, folder, stop);
    if (ran.code == 0) return;
    throw Error(Fault::config, what + " failed: " + ran.printed,
                "correct requirements.txt, or give a Python that has what the connector imports");
  };
  must({python, "-m", "venv", made.string()}, "python3 -m venv");
  // No version satisfies this, so that nothing brings the package in.
  std::ofstream(made / "constraints.txt") << "fivetran-connector-sdk-core<0\n";
  std::vector<std::string> pip{program.string(),
                               "-m",
                               "pip",
                               "install",
                               "--quiet",
                               "--no-input",
                               "--disable-pip-version-check",
                               "--constraint",
                               (made / "constraints.txt").string(),
                               kPythonSdk};
  if (!wanted.empty()) {
    pip.emplace_back("--requirement");
    pip.push_back(requirements.string());
  }
  must(pip, "pip install");
  std::ofstream(ready) << wanted;
  return program;
}

}  // namespace sluice::fivetran
