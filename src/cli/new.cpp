// SPDX-License-Identifier: Apache-2.0
// `sluice new connector`: a project to start from.
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/commands.h"
#include "cli/render.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

struct Template {
  const char* name;
  const char* text;
};

constexpr Template kTemplates[] = {
#include "templates.inc"
};

/// A name that CMake, a file and C++ take.
void check_name(const std::string& name) {
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  bool good = !name.empty() && letter(name.front()) && name.size() <= 64 && name != "test";
  for (const char c : name) good = good && (letter(c) || (c >= '0' && c <= '9') || c == '_');
  if (good) return;
  throw Error(Fault::config, "new connector: \"" + name + "\" cannot be a connector's name",
              "lower-case letters, digits and _, a letter first: shop_orders");
}

std::string filled(std::string text, const std::string& name) {
  constexpr std::string_view kPlace = "@NAME@";
  for (std::size_t at = 0; (at = text.find(kPlace, at)) != std::string::npos; at += name.size())
    text.replace(at, kPlace.size(), name);
  return text;
}

}  // namespace

int new_connector(const NewRequest& request) {
  namespace fs = std::filesystem;
  check_name(request.name);
  const fs::path folder = request.folder.empty() ? request.name : request.folder;
  for (const Template& each : kTemplates) {
    if (fs::exists(folder / each.name))
      throw Error(Fault::config, (folder / each.name).string() + " is there already",
                  "name another folder: sluice new connector " + request.name + " FOLDER");
  }
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) throw Error(Fault::config, folder.string() + ": " + failed.message());
  for (const Template& each : kTemplates) {
    const fs::path path = folder / each.name;
    std::ofstream stream(path);
    stream << filled(each.text, request.name);
    if (!stream.flush())
      throw Error(Fault::config, "cannot write " + path.string() + ": " + std::strerror(errno));
    if (path.extension() == ".sh") ::chmod(path.c_str(), 0755);
  }
  print("wrote the connector " + request.name + " to " + folder.string() +
        "\nnext: its README.md says how it is built, tested and run\n");
  return 0;
}

}  // namespace sluice::cli
