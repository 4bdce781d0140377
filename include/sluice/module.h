// SPDX-License-Identifier: Apache-2.0
// How a connector is found in what it was built into. SLUICE_CONNECTOR(Class), once, at the end of
// one source file, in no namespace. A shared object of that runs as `sluice sync connector:FILE.so
// DESTINATION`; a program of that and `int main(int argc, char** argv) { return
// sluice::sdk::run(argc, argv); }`, linked with libsluice.so (target sluice::library), as `PROGRAM
// DESTINATION`.
#pragma once

#include <cstdint>
#include <memory>

#include "sluice/connector.h"
#include "sluice/version.h"

namespace sluice::sdk {

/// One more with each release that changes connector.h, error.h, form.h, value.h or this in a way
/// that what was built with the one before does not survive (a member of a struct, a virtual
/// function, their order). A test compares them with what they were when this was last looked at.
inline constexpr std::uint32_t kAbi = 1;

/// How strings and containers are laid out, on which both sides have to agree.
#if defined(_LIBCPP_VERSION)
inline constexpr const char* kStandardLibrary = "libc++";
#elif defined(_GLIBCXX_DEBUG)
inline constexpr const char* kStandardLibrary = "libstdc++ with _GLIBCXX_DEBUG";
#elif !_GLIBCXX_USE_CXX11_ABI
inline constexpr const char* kStandardLibrary = "libstdc++ with _GLIBCXX_USE_CXX11_ABI=0";
#else
inline constexpr const char* kStandardLibrary = "libstdc++";
#endif

struct Module {
  std::uint32_t abi = kAbi;  ///< the first member in all versions
  const char* standard_library = kStandardLibrary;
  const char* version = kVersionText;  ///< of the headers
  Connector* (*make)() = nullptr;      ///< the caller deletes it
};

/// Runs what the arguments ask for with this connector, as `PROGRAM --help` lists it; returns the
/// exit code of `sluice sync`. Once per process, before it has made a thread.
__attribute__((visibility("default"))) int run(int argc, char** argv, Connector& connector);

}  // namespace sluice::sdk

extern "C" __attribute__((visibility("default"))) const sluice::sdk::Module* sluice_connector();

namespace sluice::sdk {
inline int run(int argc, char** argv) {
  return run(argc, argv, *std::unique_ptr<Connector>(sluice_connector()->make()));
}
}  // namespace sluice::sdk

#define SLUICE_CONNECTOR(Class)                                                                   \
  extern "C" const sluice::sdk::Module* sluice_connector() {                                      \
    static const sluice::sdk::Module module{                                                      \
        .make = []() -> sluice::sdk::Connector* { return std::make_unique<Class>().release(); }}; \
    return &module;                                                                               \
  }
