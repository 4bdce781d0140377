// SPDX-License-Identifier: Apache-2.0
#include "http.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "sluice/error.h"

namespace examples {
namespace {

using sluice::Error;
using sluice::Fault;

constexpr int kTries = 5;
constexpr long kSecondsToConnect = 10, kSecondsOfSilence = 60;
constexpr std::chrono::milliseconds kFirstWait{200};
constexpr curl_off_t kLongestWait = 60;

std::size_t append(char* bytes, std::size_t size, std::size_t count, void* text) {
  static_cast<std::string*>(text)->append(bytes, size * count);
  return size * count;
}

}  // namespace

struct Http::Answer {
  CURLcode result = CURLE_OK;
  long status = 0;
  std::string body;
  curl_off_t retry_after = 0;  ///< seconds; 0: it does not say
};

Http::Http(std::string base, std::string token, Told told, std::function<bool()> stopped)
    : base_(std::move(base)),
      token_(std::move(token)),
      told_(std::move(told)),
      stopped_(std::move(stopped)) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  curl_ = curl_easy_init();
  if (curl_ == nullptr) throw Error(Fault::internal, "libcurl cannot be used");
}

Http::~Http() { curl_easy_cleanup(curl_); }

Http::Answer Http::once(const std::string& url) {
  Answer answer;
  curl_easy_reset(curl_);
  curl_slist* list = curl_slist_append(nullptr, "Accept: application/json");
  if (!token_.empty()) list = curl_slist_append(list, ("Authorization: Bearer " + token_).c_str());
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, curl_slist_free_all);
  curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl_, CURLOPT_CONNECTTIMEOUT, kSecondsToConnect);
  curl_easy_setopt(curl_, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl_, CURLOPT_LOW_SPEED_TIME, kSecondsOfSilence);
  answer.result = curl_easy_perform(curl_);
  curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &answer.status);
  curl_easy_getinfo(curl_, CURLINFO_RETRY_AFTER, &answer.retry_after);
  return answer;
}

nlohmann::json Http::get(const std::string& path) {
  const std::string url = base_ + path;
  std::chrono::milliseconds wait = kFirstWait;
  for (int tried = 1;; ++tried) {
    const Answer answer = once(url);
    const bool came = answer.result == CURLE_OK;
    const std::string why =
        came ? "HTTP status " + std::to_string(answer.status) : curl_easy_strerror(answer.result);
    if (came && answer.status == 200) {
      auto json = nlohmann::json::parse(answer.body, nullptr, false);
      if (json.is_discarded()) throw Error(Fault::data, url + ": the answer is no JSON");
      return json;
    }
    if (came && (answer.status == 401 || answer.status == 403))
      throw Error(Fault::authentication, url + ": " + why, "is the token right, and still valid?");
    if (came && answer.status != 429 && answer.status < 500)
      throw Error(Fault::data, url + ": " + why, "is base_url right?");
    if (tried == kTries)
      throw Error(Fault::connection, url + ": " + why + ", " + std::to_string(kTries) + " times",
                  "the next sync goes on from the last page that was written");
    told_(why + ", asking again");
    const auto until =
        std::chrono::steady_clock::now() +
        (answer.retry_after > 0 ? std::chrono::seconds(std::min(answer.retry_after, kLongestWait))
                                : wait);
    while (std::chrono::steady_clock::now() < until) {
      if (stopped_()) throw Error(Fault::cancelled, "stopped");
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    wait *= 2;
  }
}

std::string Http::encoded(const std::string& text) const {
  const std::unique_ptr<char, void (*)(void*)> escaped(
      curl_easy_escape(curl_, text.c_str(), static_cast<int>(text.size())), curl_free);
  return escaped.get();
}

}  // namespace examples
