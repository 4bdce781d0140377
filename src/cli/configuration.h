// SPDX-License-Identifier: Apache-2.0
// What a connector is told by whoever set it up: `configuration:` of sluice.yaml, or a file.
#pragma once

#include <string>

#include "sluice/form.h"
#include "wire/secrets.h"

namespace sluice::cli {

/// As it was written; a file is read when a connector is opened, not before.
struct ConfigurationFrom {
  sdk::Configuration values;
  std::string file;   ///< of a JSON object; empty: `values` are all
  std::string where;  ///< for errors: "sluice.yaml:4:5", "--configuration"
};

/// The values: texts, and numbers and booleans as text. Throws Fault::config.
sdk::Configuration fetch_configuration(const ConfigurationFrom& from);

/// The values as `form` wants them, its defaults where they are missing. Throws Fault::config that
/// names the field: unknown, missing, or not one of its choices. A form without fields takes all.
sdk::Configuration checked(sdk::Configuration values, const sdk::Form& form,
                           const ConfigurationFrom& from);

/// The values that nobody may see: fields of kind password, hidden or upload, and those whose names
/// say so.
wire::Secrets secrets_of(const sdk::Configuration& values, const sdk::Form& form);
/// All others, but for those that are as the form has them: they tell one source from another.
sdk::Configuration settings_of(const sdk::Configuration& values, const sdk::Form& form);

}  // namespace sluice::cli
