// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/yugabyte_url.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>
#include <string_view>

#include "sluice/error.h"
#include "wire/percent.h"

namespace sluice::postgres {
namespace {

constexpr std::string_view kScheme = "yugabytedb://";
constexpr const char* kPort = "5433";

std::vector<std::string> list_of(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

/// "cloud.region.zone:2,cloud.region.*:1", by the numbers; without one it is 1.
std::vector<std::string> places(const std::string& keys) {
  std::vector<std::pair<std::int64_t, std::string>> numbered;
  for (const std::string& each : list_of(keys, ',')) {
    const std::size_t colon = each.rfind(':');
    const auto number = colon == std::string::npos ? 1 : whole_number(each.substr(colon + 1));
    if (each.substr(0, colon).empty() || !number) return {};
    numbered.emplace_back(*number, each.substr(0, colon));
  }
  std::ranges::stable_sort(numbered, {}, &std::pair<std::int64_t, std::string>::first);
  std::vector<std::string> nearest;
  for (auto& each : numbered) nearest.push_back(std::move(each.second));
  return nearest;
}

struct Parameter {
  std::string name, value;
};

/// Whether the parameter was for us.
bool take(YugabyteUrl& read, const Parameter& given, const std::string& shown) {
  const auto refuse = [&](const char* hint) {
    return Error(
        Fault::config,
        shown + ": " + given.name + " cannot be " + (given.value.empty() ? "empty" : given.value),
        hint);
  };
  const auto& [name, value] = given;
  if (is_one_of(name, {"yb_servers_refresh_interval", "failed_host_reconnect_delay_secs",
                       "fallback_to_topology_keys_only"}))
    return true;
  if (name == "load_balance") {
    if (!is_one_of(value, {"true", "false", "any", "only-primary", "prefer-primary"}))
      throw refuse("it is true or false; read replicas serve with yb_read_from_followers=true");
    read.balance.on = value != "false";
    return true;
  }
  if (name == "topology_keys") {
    read.balance.nearest = places(value);
    if (read.balance.nearest.empty())
      throw refuse("it is like cloud.region.zone:1,cloud.region.*:2, the nearest with 1");
    return true;
  }
  if (!name.starts_with("yb_")) return false;
  if (name == "yb_read_time") throw refuse("each run reads as of its own moment, and sets it");
  if (name == "yb_read_from_followers") {
    const bool on = is_one_of(value, {"true", "on", "1", "yes"});
    if (!on && !is_one_of(value, {"false", "off", "0", "no"})) throw refuse("it is true or false");
    if (on && !read.behind) read.behind = std::chrono::seconds(30);
    read.balance.replicas = on;
  }
  if (name == "yb_follower_read_staleness_ms") {
    const auto number = whole_number(value);
    if (!number) throw refuse("it is a number of milliseconds");
    read.behind = std::chrono::milliseconds(*number);
  }
  read.settings.emplace_back(name, value);
  return true;
}

}  // namespace

bool is_yugabyte_url(const std::string& url) { return url.starts_with(kScheme); }

YugabyteUrl read_yugabyte_url(const std::string& url, const std::string& shown) {
  YugabyteUrl read;
  // A '?' of a password that nobody encoded is not the last one, or parameters follow it as well.
  const std::size_t question = std::min(url.rfind('?'), url.size());
  std::string rest;
  for (const std::string& each : list_of(url.substr(std::min(question + 1, url.size())), '&')) {
    const std::size_t equals = std::min(each.find('='), each.size());
    const Parameter given{wire::percent_decoded(each.substr(0, equals)),
                          wire::percent_decoded(each.substr(std::min(equals + 1, each.size())))};
    if (!take(read, given, shown)) rest += (rest.empty() ? "?" : "&") + each;
  }
  if (!read.balance.replicas) read.behind.reset();
  read.url = "postgresql://" + url.substr(kScheme.size(), question - kScheme.size()) + rest;
  return read;
}

std::string yugabyte_ports(const std::string& hosts, const std::string& ports) {
  const std::vector<std::string> said = list_of(ports, ',');
  // One port is for all hosts.
  if (said.size() == 1 && !said[0].empty() && ports.back() != ',') return ports;
  const std::size_t count = std::max<std::size_t>(1, list_of(hosts, ',').size());
  std::string all;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string own = i < said.size() ? said[i] : "";
    all += (i == 0 ? "" : ",") + (own.empty() ? kPort : own);
  }
  return all;
}

}  // namespace sluice::postgres
