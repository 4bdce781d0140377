// SPDX-License-Identifier: Apache-2.0
#include "serve/sender.h"

#include "serve/rows.h"
#include "sluice/error.h"

namespace sluice::serve {
namespace {

namespace proto = fivetran_sdk::v2;

/// As Fivetran's own SDK sends them: the first is a limit of the protocol.
constexpr std::size_t kMostRecords = 100, kEnoughBytes = 100'000;

}  // namespace

void Sender::added() {
  if (++count_ == kMostRecords || records_.size() >= kEnoughBytes) flush();
}

void Sender::flush() {
  if (count_ == 0) return;
  // The bytes of a message Records: in the place of that field, and never taken apart.
  proto::UpdateResponse response;
  std::string& bytes =
      *response.GetReflection()->MutableUnknownFields(&response)->AddLengthDelimited(
          proto::UpdateResponse::kRecordsFieldNumber);
  bytes.swap(records_);
  count_ = 0;
  send(response);
  bytes.swap(records_);
  // What one large value took is given back.
  if (records_.capacity() > 16 * kEnoughBytes) records_ = {};
  records_.clear();
}

void Sender::send(const proto::UpdateResponse& response) {
  if (!writer_.Write(response))
    throw Error(Fault::cancelled, "the client has ended the sync, or the server is to end");
}

void Sender::truncate(const TableName& table) {
  std::string record = RowEncoder::header(table);
  record += {3 << 3, static_cast<char>(proto::TRUNCATE)};
  RowEncoder::put(records_, 1, record);
  ++count_;
  flush();
}

void Sender::schema_change(const proto::Table& table, const std::string& schema) {
  flush();
  proto::UpdateResponse response;
  proto::Schema& to = *response.mutable_schema_change()->mutable_with_schema()->add_schemas();
  to.set_name(schema);
  *to.add_tables() = table;
  send(response);
}

void Sender::checkpoint(const std::string& state) {
  flush();
  proto::UpdateResponse response;
  response.mutable_checkpoint()->set_state_json(state);
  send(response);
}

void Sender::warning(const std::string& text) {
  flush();
  proto::UpdateResponse response;
  response.mutable_warning()->set_message(text);
  send(response);
}

void Sender::task(const std::string& text) {
  flush();
  proto::UpdateResponse response;
  response.mutable_task()->set_message(text);
  send(response);
}

}  // namespace sluice::serve
