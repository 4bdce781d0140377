// SPDX-License-Identifier: Apache-2.0
#include "wire/secrets.h"

#include <algorithm>

#include "wire/percent.h"

namespace sluice::wire {
namespace {

// Shorter ones would turn every message into stars; a driver's own texts never hold a password.
constexpr std::size_t kShortestHidden = 3;

}  // namespace

void Secrets::add(const std::string& secret) {
  for (const std::string& each : {secret, percent_encoded(secret)}) {
    if (each.size() >= kShortestHidden) all_.emplace_back(each);
  }
  std::sort(all_.begin(), all_.end(),
            [](const Secret& a, const Secret& b) { return a.reveal().size() > b.reveal().size(); });
}

std::string Secrets::hidden(const std::string& text) const {
  std::string out = text;
  for (const Secret& secret : all_) {
    for (std::size_t at = out.find(secret.reveal()); at != std::string::npos;
         at = out.find(secret.reveal(), at + 3)) {
      out.replace(at, secret.reveal().size(), "***");
    }
  }
  return out;
}

}  // namespace sluice::wire
