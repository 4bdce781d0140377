// SPDX-License-Identifier: Apache-2.0
// What a folder with a connector.py needs to run: Python, and Fivetran's SDK for it.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

namespace sluice::fivetran {

/// The SDK that connectors are run with: under MIT, the last before 3.0, which brings a package
/// with a licence that does not let us run it.
inline constexpr const char* kPythonSdk = "fivetran-connector-sdk==2.13.1";

/// Throws Fault::config where the requirements.txt in `folder`, or one that it includes, asks for
/// fivetran-connector-sdk-core, or for version 3 or later of the SDK. No such file: nothing to say.
void check_requirements(const std::filesystem::path& folder);

/// The Python of a virtual environment that has the SDK and what the folder's requirements.txt asks
/// for, beside the caches of this user ($SLUICE_CACHE, else $XDG_CACHE_HOME/sluice, else
/// ~/.cache/sluice). Made by the first call for these requirements, with pip: `note` is told so.
/// Two processes make one after the other. Throws Fault::config, with what pip said.
std::filesystem::path python_for(const std::filesystem::path& folder,
                                 const std::function<void(const std::string&)>& note,
                                 const std::stop_token& stop);

}  // namespace sluice::fivetran
