// SPDX-License-Identifier: Apache-2.0
#include "fivetran/host.h"

#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "fivetran/channel.h"
#include "fivetran/messages.h"
#include "fivetran/ports.h"
#include "fivetran/process.h"
#include "fivetran/pulled.h"
#include "fivetran/python.h"
#include "fivetran/records.h"
#include "fivetran/scrub.h"
#include "fivetran/wire.h"
#include "sluice/error.h"

namespace sluice::fivetran {
namespace {

namespace fs = std::filesystem;

/// What it prints, less the secrets that are known by then.
class Scrubbed {
 public:
  explicit Scrubbed(sdk::Log* log) : log_(log) {}
  void add(const sdk::Configuration& configuration, const sdk::Form& form) {
    const std::scoped_lock lock(mutex_);
    add_secrets(secrets_, configuration, form);
  }
  std::string text(const std::string& text) const {
    const std::scoped_lock lock(mutex_);
    return secrets_.hidden(text);
  }
  void write(sdk::Level level, const std::string& line) const {
    const std::scoped_lock lock(mutex_);
    if (log_ != nullptr) log_->write(level, secrets_.hidden(line));
  }
  /// Returns what it was.
  sdk::Log* exchange(sdk::Log* log) {
    const std::scoped_lock lock(mutex_);
    return std::exchange(log_, log);
  }

 private:
  sdk::Log* log_;
  mutable std::mutex mutex_;
  wire::Secrets secrets_;
};

/// Python's SDK sends {"message": .., "trace": ..} where others send the text.
std::string message_of(const std::string& text) {
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_object() || !document.contains("message") || !document["message"].is_string())
    return text;
  std::string message = document["message"].get<std::string>();
  if (document.contains("trace") && document["trace"].is_string())
    message += "\n" + document["trace"].get<std::string>();
  return message;
}

class Hosted final : public sdk::Connector {
 public:
  Hosted(std::string name, const std::string& address, std::shared_ptr<Scrubbed> scrubbed,
         std::unique_ptr<Process> process, const HostOptions& options)
      : name_(std::move(name)),
        scrubbed_(std::move(scrubbed)),
        process_(std::move(process)),
        options_(options),
        channel_(open_channel(address, options.keepalive)),
        stub_(proto::SourceConnector::NewStub(channel_)) {}

  /// Waits until it answers.
  void ready() {
    const auto until = std::chrono::steady_clock::now() + options_.start;
    while (!channel_->WaitForConnected(std::chrono::system_clock::now() +
                                       std::chrono::milliseconds(200))) {
      if (options_.stop.stop_requested()) throw Error(Fault::cancelled, "stopped");
      if (process_ && !process_->running()) throw ended("before it answered");
      if (std::chrono::steady_clock::now() > until) {
        throw Error(
            Fault::connection,
            name_ + " has not answered for " + std::to_string(options_.start.count()) + " s",
            "see that it is a fivetran_sdk.v2.SourceConnector, and listens there");
      }
    }
    call("ConfigurationForm", [&](grpc::ClientContext* context) {
      return stub_->ConfigurationForm(context, {}, &form_message_);
    });
    form_ = form_of(form_message_);
  }

  sdk::Form configuration_form() override { return form_; }

  std::optional<std::string> test(const std::string& name,
                                  const sdk::Configuration& configuration) override {
    scrubbed_->add(configuration, form_);
    proto::TestRequest request;
    request.set_name(name);
    request.mutable_configuration()->insert(configuration.begin(), configuration.end());
    proto::TestResponse response;
    call("Test",
         [&](grpc::ClientContext* context) { return stub_->Test(context, request, &response); });
    if (response.success()) return std::nullopt;
    if (response.response_case() == proto::TestResponse::RESPONSE_NOT_SET)
      throw Error(Fault::data, name_ + ": an answer without a result to test " + name);
    return scrubbed_->text(response.has_failure() ? response.failure() : "the test has failed");
  }

  std::vector<sdk::TableSchema> schema(const sdk::Configuration& configuration) override {
    scrubbed_->add(configuration, form_);
    proto::SchemaRequest request;
    request.mutable_configuration()->insert(configuration.begin(), configuration.end());
    schema_message_ = {};
    call("Schema", [&](grpc::ClientContext* context) {
      return stub_->Schema(context, request, &schema_message_);
    });
    return schema_ = named([&] { return schema_of(schema_message_); });
  }

  void update(const sdk::Configuration& configuration, const std::string& state,
              sdk::Operations& operations) override {
    if (updated_) {
      throw Error(Fault::internal, name_ +
                                       " was asked for a second update, which Python's SDK "
                                       "does not serve: open it again");
    }
    updated_ = true;
    scrubbed_->add(configuration, form_);
    proto::UpdateRequest request;
    request.mutable_configuration()->insert(configuration.begin(), configuration.end());
    request.set_state_json(state.empty() ? "{}" : state);
    if (auto all = all_of(schema_message_)) *request.mutable_selection() = std::move(*all);
    struct Lent {
      Scrubbed& to;
      sdk::Log* before;
      ~Lent() { to.exchange(before); }
    } const lent{*scrubbed_, scrubbed_->exchange(&operations.log())};
    named([&] { stream(request, operations); });
  }

 private:
  /// Runs `work`; what of it is the connector's doing is said to be, without secrets.
  template <class Work>
  auto named(Work&& work) const -> decltype(work()) {
    try {
      return work();
    } catch (const Error& error) {
      if (error.fault() != Fault::data || std::string_view(error.what()).starts_with(name_)) throw;
      throw Error(error.fault(), scrubbed_->text(name_ + ": " + error.what()), error.hint());
    }
  }

  Error failure(const grpc::Status& status, const std::string& call) const {
    const Error error = failure_of(status, name_ + ": " + call);
    return {error.fault(), scrubbed_->text(error.what()), error.hint()};
  }

  Error ended(const std::string& when) const {
    const std::string words = scrubbed_->text(process_->last_words());
    return {Fault::connection,
            name_ + " ended with " + process_->end() + " " + when + (words.empty() ? "" : ":\n") +
                words,
            words.empty() ? "it has printed nothing that says why" : ""};
  }

  template <class Call>
  void call(const std::string& what, Call&& made) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + options_.call);
    const std::stop_callback stopped(options_.stop, [&] { context.TryCancel(); });
    const grpc::Status status = made(&context);
    check(status, what);
  }

  void check(const grpc::Status& status, const std::string& what) {
    if (status.ok()) return;
    if (options_.stop.stop_requested()) throw Error(Fault::cancelled, "stopped");
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE && process_ &&
        process_->ended_within(std::chrono::seconds(2)))
      throw ended("during the call " + what);
    throw failure(status, what);
  }

  void stream(const proto::UpdateRequest& request, sdk::Operations& operations);
  void take(const std::string& message, Records& records, sdk::Operations& operations);

  const std::string name_;
  const std::shared_ptr<Scrubbed> scrubbed_;
  const std::unique_ptr<Process> process_;
  const HostOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<proto::SourceConnector::Stub> stub_;
  proto::ConfigurationFormResponse form_message_;
  sdk::Form form_;
  proto::SchemaResponse schema_message_;
  std::vector<sdk::TableSchema> schema_;
  bool updated_ = false;
  std::uint64_t covered_ = 0;  ///< records before the last checkpoint
};

void Hosted::stream(const proto::UpdateRequest& request, sdk::Operations& operations) {
  UpdateStream call(channel_, request);
  Pulled pulled;
  std::exception_ptr failed;
  // Reads on while a checkpoint is committed: a connector waits two minutes for it, no longer.
  std::thread reader([&] {
    try {
      for (std::string message; call.next(message);) pulled.add(std::move(message));
    } catch (...) {
      failed = std::current_exception();
    }
    pulled.end();
  });
  struct Join {
    UpdateStream& call;
    Pulled& pulled;
    std::thread& reader;
    ~Join() {
      if (!reader.joinable()) return;
      call.cancel();
      pulled.close();
      reader.join();
    }
  } const join{call, pulled, reader};

  Records records(operations, schema_);
  const auto stopped = [&] { return operations.stopped() || options_.stop.stop_requested(); };
  while (const auto message = pulled.take(stopped)) take(*message, records, operations);
  reader.join();
  if (failed) std::rethrow_exception(failed);
  check(call.status(), "Update");
  if (pulled.spilled() > 0) {
    scrubbed_->write(sdk::Level::debug,
                     name_ + ": " + std::to_string(pulled.spilled()) +
                         " messages waited in a temporary file while others were committed");
  }
  if (records.taken() > covered_) {
    scrubbed_->write(
        sdk::Level::warning,
        name_ + ": the stream has ended without a checkpoint behind its last " +
            std::to_string(records.taken() - covered_) +
            " records. They are kept, but this may be a sync that broke off: Python's SDK ends so, "
            "too, where the connector calls sys.exit()");
  }
}

void Hosted::take(const std::string& message, Records& records, sdk::Operations& operations) {
  using Case = proto::UpdateResponse;
  Fields fields(message);
  Field field;
  if (!fields.next(field)) throw Error(Fault::data, "a message without an operation");
  if (field.kind != Field::Kind::bytes) throw Error(Fault::data, "an operation that is no message");
  if (Field second; fields.next(second)) throw Error(Fault::data, "a message with two operations");
  const auto text = [&](auto part) {
    if (!part.ParseFromArray(field.bytes.data(), static_cast<int>(field.bytes.size())))
      throw Error(Fault::data, "an operation that is not in protobuf's format");
    return part;
  };
  switch (field.number) {
    case Case::kRecordFieldNumber:
      records.take(field.bytes);
      break;
    case Case::kRecordsFieldNumber:
      records.take_batch(field.bytes);
      break;
    case Case::kTruncateFieldNumber:
      records.truncate(field.bytes);
      break;
    case Case::kCheckpointFieldNumber:
      operations.checkpoint(text(proto::Checkpoint()).state_json());
      covered_ = records.taken();
      break;
    case Case::kSchemaChangeFieldNumber:
      for (const sdk::TableSchema& each : schema_of(text(proto::SchemaChange()))) {
        operations.declare(each);
        records.declare(each);
      }
      break;
    case Case::kWarningFieldNumber:
      scrubbed_->write(sdk::Level::warning,
                       name_ + ": " + message_of(text(proto::Warning()).message()));
      break;
    case Case::kTaskFieldNumber:
      throw Error(Fault::schema,
                  scrubbed_->text(name_ + ": " + message_of(text(proto::Task()).message())),
                  "the connector asks for something to be done before it can go on");
    case Case::kUnstructuredRecordFieldNumber:
      throw Error(Fault::data, "it uploads a file, which Sluice has no place for",
                  "let the connector send the file's content in a BINARY column");
    default:
      throw Error(Fault::data, "an operation of number " + std::to_string(field.number) +
                                   ", which this version of Sluice does not know");
  }
}

}  // namespace

std::unique_ptr<sdk::Connector> host_address(const std::string& address,
                                             const HostOptions& options) {
  auto hosted = std::make_unique<Hosted>("grpc://" + address, address,
                                         std::make_shared<Scrubbed>(options.log), nullptr, options);
  hosted->ready();
  return hosted;
}

std::unique_ptr<sdk::Connector> host_folder(const fs::path& given, const HostOptions& options) {
  const fs::path folder = fs::absolute(given);
  const fs::path program = given / "connector.py";
  if (!fs::exists(program)) {
    throw Error(Fault::config, given.string() + " holds no connector.py",
                "name the folder of a connector made with Fivetran's SDK for Python");
  }
  const auto scrubbed = std::make_shared<Scrubbed>(options.log);
  check_requirements(folder);
  const std::string python =
      options.python.empty()
          ? python_for(
                folder, [&](const std::string& line) { scrubbed->write(sdk::Level::info, line); },
                options.stop)
                .string()
          : options.python;
  const int port = free_port();
  // Ends, with all that it has started, when this process does, which the end of its input says.
  const std::string launch =
      "import os, signal, sys, threading\n"
      "def watch():\n"
      "    while os.read(0, 1): pass\n"
      "    os.killpg(0, signal.SIGKILL)\n"
      "threading.Thread(target=watch, daemon=True).start()\n"
      "from importlib import metadata\n"
      "def version(name):\n"
      "    try: return metadata.version(name)\n"
      "    except metadata.PackageNotFoundError: return ''\n"
      "sdk = version('fivetran-connector-sdk')\n"
      "if version('fivetran-connector-sdk-core') or sdk and int(sdk.split('.')[0]) > 2:\n"
      "    sys.exit('this Python has fivetran-connector-sdk ' + sdk + ', whose licence from 3.0 on "
      "'\n"
      "             'does not let Sluice run it: install 2.13.1')\n"
      "sys.path.insert(0, os.getcwd())\n"
      "from connector import connector\n"
      "connector.run(port=int(sys.argv[1]))\n";
  std::map<std::string, std::string> environment{
      {"FIVETRAN_CONNECTION_ID", "test_connection_id"},
      {"FIVETRAN_CONNECTION_NAME", "test_connection_name"},
      {"FIVETRAN_GROUP_ID", "test_group_id"},
      {"FIVETRAN_DEPLOYMENT_MODEL", "local_debug"},
      {"PYTHONUNBUFFERED", "1"}};
  if (options.python.empty()) environment["PYTHONPATH"] = "";  // it would go before the environment
  auto process = std::make_unique<Process>(
      std::vector<std::string>{python, "-c", launch, std::to_string(port)}, folder, environment,
      [scrubbed](const Line& line) { scrubbed->write(line.level, line.text); });
  const pid_t group = process->group();
  HostOptions watched = options;  // as a process: Python may be busy for longer than a ping waits
  watched.keepalive = std::chrono::hours(24 * 20);
  auto hosted = std::make_unique<Hosted>(program.string(), "127.0.0.1:" + std::to_string(port),
                                         scrubbed, std::move(process), watched);
  hosted->ready();
  if (!listens_alone(port, group)) {
    throw Error(Fault::connection,
                program.string() + ": another process listens at its port " + std::to_string(port),
                "end connectors that were left behind, and try again");
  }
  return hosted;
}

std::unique_ptr<sdk::Connector> host(const std::string& target, const HostOptions& options) {
  constexpr std::string_view kScheme = "grpc://";
  if (target.starts_with(kScheme)) return host_address(target.substr(kScheme.size()), options);
  if (fs::exists(fs::path(target) / "connector.py")) return host_folder(target, options);
  return nullptr;
}

}  // namespace sluice::fivetran
