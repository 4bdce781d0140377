// SPDX-License-Identifier: Apache-2.0
// A table that the user did not choose: it takes everything and keeps nothing.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "feed/buffer.h"

namespace sluice::feed {

class LeftOut final : public sdk::Table, public sdk::Row {
 public:
  LeftOut(Session& session, TableName table) : session_(session), table_(std::move(table)) {}

  std::size_t column(std::string_view name) override {
    return positions_.emplace(duck::folded(name), positions_.size()).first->second;
  }
  Row& upsert() override { return drop(); }
  Row& update() override { return drop(); }
  Row& remove() override { return drop(); }
  void truncate() override { drop(); }
  void truncate_at_end() override { drop(); }
  Row& set(std::size_t /*column*/, const sdk::Value& /*value*/) override { return *this; }

  const TableName& table() const noexcept { return table_; }
  bool dropped() const noexcept { return dropped_; }  ///< whether there was an operation

 private:
  Row& drop() {
    session_.guarded([&] { session_.next(); });
    dropped_ = true;
    return *this;
  }

  Session& session_;
  const TableName table_;
  std::unordered_map<std::string, std::size_t> positions_;
  bool dropped_ = false;
};

}  // namespace sluice::feed
