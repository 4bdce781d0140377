// SPDX-License-Identifier: Apache-2.0
// The connectors that Fivetran publishes and that this build has as sources of its own.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "wire/configuration.h"

namespace sluice {

struct PublishedConnector {
  const char* name;   ///< as `sluice debug --connector` takes it: "motherduck"
  const char* title;  ///< "MotherDuck"
  std::vector<std::string> required, optional;  ///< fields of its configuration.json
  /// Text that is in its connector.py, and in no other's.
  const char* mark;
  /// Throws as wire::ConfigurationFile.
  wire::Configured (*read)(const std::string& text, const std::string& file);
};
std::span<const PublishedConnector> published_connectors();

}  // namespace sluice
