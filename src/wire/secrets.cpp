// SPDX-License-Identifier: Apache-2.0
#include "wire/secrets.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "wire/percent.h"

namespace sluice::wire {
namespace {

// Shorter ones would turn every message into stars; a driver's own texts never hold a password.
constexpr std::size_t kShortestHidden = 3;
// Of a secret of several lines, such as a key in PEM's form: output is read line by line.
constexpr std::size_t kShortestLine = 8;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  if (text.find('\n') == std::string::npos) return lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.pop_back();
    if (line.size() >= kShortestLine) lines.push_back(std::move(line));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

void Secrets::add(const std::string& secret) {
  std::vector<std::string> forms = lines_of(secret);
  forms.insert(forms.end(), {secret, percent_encoded(secret)});
  for (const std::string& each : forms) {
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
