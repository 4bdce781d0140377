// SPDX-License-Identifier: Apache-2.0
#include "connectors/open_connector.h"

#include <dlfcn.h>

#include <filesystem>

#include "connectors/registry.h"
#include "fivetran/host.h"
#include "sluice/module.h"

namespace sluice {
namespace {

constexpr std::string_view kScheme = "connector:";

std::string behind_scheme(const std::string& url) { return url.substr(kScheme.size()); }

Error unusable(const std::string& file, const std::string& what, const std::string& hint) {
  return {Fault::config, "connector " + file + ": " + what, hint};
}

std::string loading_hint(const std::string& why) {
  if (why.find("undefined symbol") != std::string::npos)
    return "link it with the library that has the symbol; -Wl,--no-undefined tells as it is linked";
  if (why.find("cannot open shared object") != std::string::npos)
    return "install the library that it needs, or add its folder to LD_LIBRARY_PATH";
  return "it has to be a shared object for this machine: add_library(NAME MODULE ..) in CMake";
}

const sdk::Module& load(const std::string& file) {
  if (!std::filesystem::exists(file)) {
    throw unusable(file, "there is no such file",
                   "build it, or correct the path: in sluice.yaml it begins at that file's folder, "
                   "on the command line at the present one");
  }
  void* const object = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) {
    const std::string why = ::dlerror();
    throw unusable(file, "it cannot be loaded: " + why, loading_hint(why));
  }
  using Entry = const sdk::Module* (*)();
  const auto entry = reinterpret_cast<Entry>(::dlsym(object, "sluice_connector"));
  if (entry == nullptr) {
    throw unusable(file, "no connector is in it: it has no symbol sluice_connector",
                   "write SLUICE_CONNECTOR(YourClass) at the end of one of its source files, with "
                   "#include <sluice/module.h>");
  }
  const sdk::Module& module = *entry();
  const std::string again =
      std::string("build it again, with the headers of this sluice, which is ") + kVersionText;
  if (module.abi != sdk::kAbi) {
    throw unusable(file,
                   "it was built for version " + std::to_string(module.abi) +
                       " of the interface between connectors and sluice, this is version " +
                       std::to_string(sdk::kAbi),
                   again);
  }
  if (std::string_view(module.standard_library) != sdk::kStandardLibrary) {
    throw unusable(file,
                   std::string("it was built with ") + module.standard_library + ", sluice with " +
                       sdk::kStandardLibrary,
                   again + ", and that standard library");
  }
  return module;
}

}  // namespace

bool is_connector(const std::string& url) { return url.starts_with(kScheme); }

std::unique_ptr<sdk::Connector> open_connector(const std::string& url, sdk::Log* log,
                                               const std::stop_token& stop) {
  fivetran::HostOptions options;
  options.log = log;
  options.stop = stop;
  if (behind_scheme(url).starts_with("grpc://")) return fivetran::host(behind_scheme(url), options);
  const std::string path = path_from("", behind_scheme(url));
  if (path.empty()) {
    throw Error(Fault::config, "connector: names nothing",
                "write connector:FILE.so, connector:FOLDER with a connector.py in it, or "
                "connector:grpc://HOST:PORT");
  }
  if (std::filesystem::is_directory(path)) return fivetran::host_folder(path, options);
  const std::string file = std::filesystem::absolute(path).lexically_normal().string();
  std::unique_ptr<sdk::Connector> connector(load(file).make());
  return connector;
}

std::string connector_identity(const std::string& url) {
  if (url.find("://") != std::string::npos) return url;
  if (std::filesystem::is_directory(path_from("", behind_scheme(url)))) {
    const auto folder = std::filesystem::absolute(path_from("", behind_scheme(url)));
    const auto whole = folder.lexically_normal();
    return std::string(kScheme) +
           (whole.has_filename() ? whole : whole.parent_path()).filename().string();
  }
  std::string name = std::filesystem::path(behind_scheme(url)).stem().string();
  if (name.starts_with("lib")) name.erase(0, 3);
  return std::string(kScheme) + name;
}

}  // namespace sluice
