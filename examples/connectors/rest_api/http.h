// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace examples {

/// GET, of JSON, with a bearer token. One thread.
class Http {
 public:
  using Told = std::function<void(const std::string& line)>;
  /// `told` hears of each try that failed and is made again; waiting for that ends, by throwing
  /// Fault::cancelled, when `stopped` says so.
  Http(std::string base, std::string token, Told told, std::function<bool()> stopped);
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;
  ~Http();

  /// The document at `path` behind the base. A server that is away, answers 429 or 5xx, or half a
  /// document, is asked again, up to five times with growing waits, or after what it says in
  /// Retry-After. Throws sluice::Error: authentication for 401 and 403, data for another 4xx or
  /// what is no JSON, connection where the tries were in vain.
  nlohmann::json get(const std::string& path);
  /// As a part of a URL's query.
  std::string encoded(const std::string& text) const;

 private:
  struct Answer;
  Answer once(const std::string& url);

  const std::string base_, token_;
  const Told told_;
  const std::function<bool()> stopped_;
  void* curl_;
};

}  // namespace examples
