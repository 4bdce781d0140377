// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sluice/secret.h"

namespace sluice::wire {

/// Texts that must not be seen, in each spelling that a message might hold them in.
class Secrets {
 public:
  void add(const std::string& secret);
  /// `text` with each of them replaced by ***. All that a driver or a server says goes through here
  /// before anybody sees it.
  std::string hidden(const std::string& text) const;

 private:
  std::vector<Secret> all_;  // long ones first: one may be a part of another
};

}  // namespace sluice::wire
