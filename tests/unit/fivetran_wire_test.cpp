// SPDX-License-Identifier: Apache-2.0
// Below the host: bytes that are no messages, and what waits while nobody takes it.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "fivetran/ports.h"
#include "fivetran/process.h"
#include "fivetran/proto/source.pb.h"
#include "fivetran/pulled.h"
#include "fivetran/records.h"
#include "fivetran/scrub.h"
#include "sluice/error.h"

namespace sluice::fivetran {
namespace {

namespace proto = fivetran_sdk::v2;

/// Reads every byte of what it is given.
class Sink final : public sdk::Operations, public sdk::Table, public sdk::Row, public sdk::Log {
 public:
  sdk::Table& table(std::string_view name, std::string_view schema) override {
    add(name);
    add(schema);
    return *this;
  }
  void declare(const sdk::TableSchema&) override {}
  void checkpoint(std::string_view) override {}
  sdk::Log& log() override { return *this; }
  void write(sdk::Level, std::string_view) override {}
  std::size_t column(std::string_view name) override {
    add(name);
    return 0;
  }
  sdk::Row& upsert() override { return *this; }
  sdk::Row& update() override { return *this; }
  sdk::Row& remove() override { return *this; }
  void truncate() override {}
  void truncate_at_end() override {}
  sdk::Row& set(std::size_t, const sdk::Value& value) override {
    ++cells;
    if (const auto* text = std::get_if<std::string_view>(&value)) add(*text);
    if (const auto* bytes = std::get_if<sdk::Bytes>(&value)) add(bytes->bytes);
    return *this;
  }
  std::uint64_t cells = 0, sum = 0;

 private:
  void add(std::string_view text) {
    for (const char each : text) sum += static_cast<unsigned char>(each);
  }
};

std::string a_batch() {
  proto::Records records;
  for (int i = 0; i < 3; ++i) {
    proto::Record& record = *records.add_records();
    record.set_schema_name("s");
    record.set_table_name("t" + std::to_string(i));
    record.set_type(i == 2 ? proto::DELETE : proto::UPDATE);
    auto& data = *record.mutable_data();
    data["n"].set_long_value(i - 1);
    data["f"].set_double_value(0.5);
    data["at"].mutable_utc_datetime()->set_seconds(1'700'000'000);
    data["text"].set_text("some text");
    data["raw"].set_binary("\1\2");
    (*record.mutable_row_data())["p"] = std::string("\1") + "17";
  }
  return records.SerializeAsString();
}

TEST(FivetranWire, DamagedBatchesAreRefusedOrRead) {
  const std::string good = a_batch();
  Sink whole;
  Records(whole, {}).take_batch(good);
  EXPECT_EQ(whole.cells, 18U);
  std::mt19937 dice(20261123);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    // Of its exact size, so that a sanitizer sees a step beyond it.
    std::string bad = good.substr(0, round % 4 == 0 ? dice() % good.size() : good.size());
    for (unsigned i = 0; i < 1 + dice() % 3 && !bad.empty(); ++i)
      bad[dice() % bad.size()] = static_cast<char>(dice());
    const std::unique_ptr<char[]> exact(new char[bad.size()]);
    std::copy(bad.begin(), bad.end(), exact.get());
    Sink sink;
    try {
      Records(sink, {}).take_batch({exact.get(), bad.size()});
    } catch (const Error& error) {
      EXPECT_TRUE(error.fault() == Fault::data || error.fault() == Fault::misfit) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 5'000);
  EXPECT_LT(refused, 20'000);
}

/// A field that should be a varint, as one byte of bytes.
std::string as_bytes(char number) { return {static_cast<char>(number << 3 | 2), 1, 1}; }

std::string part(char number, const std::string& bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
}

TEST(FivetranWire, ANumberOfAnotherKindIsRefused) {
  Sink sink;
  Records records(sink, {});
  const auto record = [&](const std::string& type, const std::string& value) {
    records.take(part(2, "t") + type + part(4, part(1, "c") + part(2, value)));
  };
  const std::string update{3 << 3, 1};
  record(update, std::string{4 << 3, 7});
  EXPECT_EQ(sink.cells, 1U);
  EXPECT_THROW(record(as_bytes(3), std::string{4 << 3, 7}), Error);
  // is_null, boolean, short, int, long.
  for (char number = 1; number <= 5; ++number)
    EXPECT_THROW(record(update, as_bytes(number)), Error) << int{number};
  EXPECT_THROW(records.truncate(part(2, "t") + as_bytes(3)), Error);
}

const auto kGoOn = [] { return false; };

TEST(FivetranPulled, GoesOnWhileNobodyTakes) {
  Pulled pulled(10'000);
  std::thread reader([&] {
    for (int i = 0; i < 1'000; ++i) pulled.add(std::to_string(i) + std::string(500, 'x'));
    pulled.end();
  });
  // Half a megabyte, of which a fiftieth fits: it comes in, though nobody takes any.
  reader.join();
  EXPECT_GT(pulled.spilled(), 900U);
  for (int i = 0; i < 1'000; ++i) {
    const auto message = pulled.take(kGoOn);
    ASSERT_TRUE(message);
    ASSERT_EQ(*message, std::to_string(i) + std::string(500, 'x'));
  }
  EXPECT_FALSE(pulled.take(kGoOn));
}

TEST(FivetranPulled, ItsFileIsInTheFolderForTemporaryFiles) {
  const char* const set = std::getenv("TMPDIR");
  const std::string before = set == nullptr ? "" : set;
  const auto spill = [](const char* folder) {
    setenv("TMPDIR", folder, 1);
    Pulled pulled(1);
    pulled.add("fills the memory");
    pulled.add("goes to the file");
  };
  EXPECT_THROW(spill("/proc"), Error);
  spill("/dev/shm");
  set == nullptr ? unsetenv("TMPDIR") : setenv("TMPDIR", before.c_str(), 1);
}

TEST(FivetranPulled, WaitsForWhoeverTakes) {
  Pulled pulled(1'000'000);
  std::thread reader([&] {
    for (int i = 0; i < 3'000; ++i) pulled.add(std::string(1'000, 'x') + std::to_string(i));
    pulled.end();
  });
  int next = 0;
  while (const auto message = pulled.take(kGoOn))
    ASSERT_EQ(message->substr(1'000), std::to_string(next++));
  reader.join();
  EXPECT_EQ(next, 3'000);
}

TEST(FivetranPulled, StoppedAndClosed) {
  Pulled pulled(1);
  EXPECT_THROW(pulled.take([] { return true; }), Error);
  pulled.add("x");
  pulled.close();
  EXPECT_THROW(pulled.add("y"), Error);
}

// Python's SDK lets others listen at its port: what they answer would be taken for the connector's.
TEST(FivetranPorts, AnotherListenerAtThePortIsSeen) {
  const int port = free_port();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto listen_too = [&] {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    EXPECT_EQ(setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes), 0);
    EXPECT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener, 1), 0);
    return listener;
  };
  const int own = listen_too();
  EXPECT_TRUE(listens_alone(port, getpgrp()));
  EXPECT_FALSE(listens_alone(port, 1)) << "it is a process of another group that listens";
  std::atomic<bool> up = false;
  Process other({"/usr/bin/env", "python3", "-c",
                 "import socket, sys, time\n"
                 "s = socket.socket()\n"
                 "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)\n"
                 "s.bind(('127.0.0.1', int(sys.argv[1])))\n"
                 "s.listen()\n"
                 "print('up', flush=True)\n"
                 "time.sleep(600)\n",
                 std::to_string(port)},
                "/", {}, [&](const Line& line) { up = line.text == "up"; });
  while (!up && other.running()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_FALSE(listens_alone(port, getpgrp()));
  EXPECT_FALSE(listens_alone(port, other.group()));
  close(own);
  EXPECT_TRUE(listens_alone(port, other.group()));
  EXPECT_FALSE(listens_alone(free_port(), getpgrp())) << "nobody listens there";
}

TEST(FivetranLines, EveryFormOfLog) {
  const auto read = [](const char* line) {
    const Line got = read_line(line);
    return std::to_string(static_cast<int>(got.level)) + got.text;
  };
  EXPECT_EQ(read(R"({"level":"SEVERE","message":"a","message-origin":"sdk_connector"})"), "3a");
  EXPECT_EQ(read(R"({"level":"WARNING","message":"b","message_origin":"library"})"), "2b");
  EXPECT_EQ(read(R"({"level":"INFO","message":"c","message_origin":"library"})"), "0c");
  EXPECT_EQ(read(R"({"level":"INFO","message":"d","message_origin":"connector_sdk"})"), "1d");
  EXPECT_EQ(read(R"({"level":"FINE","message":"e"})"), "0e");
  EXPECT_EQ(read(R"({"level":"NEW","message":"f"})"), "1f");
  EXPECT_EQ(read("plain"), "1plain");
  EXPECT_EQ(read("{not json"), "1{not json");
  EXPECT_EQ(read(R"({"message":7})"), R"(1{"message":7})");
}

TEST(FivetranScrub, SecretsByNameFormAndLooks) {
  wire::Secrets secrets;
  sdk::Form form;
  form.fields.emplace_back().name = "pin";
  form.fields.back().kind = sdk::Field::Kind::password;
  add_secrets(secrets,
              {{"pin", "4711"},
               {"db_Password", "pa\"ss"},
               {"other", "AbCdEf0123456789xyz"},
               {"url", "postgresql://me:inside@host/db"},
               {"account", R"({"private_key": "line one", "project": "shop"})"},
               {"table", "customers"},
               {"primary_key", "id"},
               {"port", "5432"}},
              form);
  EXPECT_EQ(secrets.hidden("4711 pa\"ss pa\\\"ss AbCdEf0123456789xyz me:inside@host line one"),
            "*** *** *** *** me:***@host ***");
  EXPECT_EQ(secrets.hidden("customers id 5432 shop"), "customers id 5432 shop");
  // Output is read line by line.
  add_secrets(secrets, {{"private_key", "-----BEGIN KEY-----\nMIIEvQIBADAN\r\nshort\n"}}, form);
  EXPECT_EQ(secrets.hidden("MIIEvQIBADAN, short"), "***, short");
}

}  // namespace
}  // namespace sluice::fivetran
