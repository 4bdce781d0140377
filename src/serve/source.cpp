// SPDX-License-Identifier: Apache-2.0
#include "serve/source.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/attempts.h"
#include "fivetran/scrub.h"
#include "serve/log.h"
#include "serve/server.h"
#include "serve/update.h"

namespace sluice::serve {
namespace {

namespace proto = fivetran_sdk::v2;
using Settings = google::protobuf::Map<std::string, std::string>;
constexpr const char* kSourceOrigin = "sdk_connector";
constexpr const char *kConnects = "connects", *kReads = "reads";

void describe_field(const sdk::Field& field, proto::FormField& to) {
  to.set_name(field.name);
  to.set_label(field.label);
  to.set_required(field.required);
  if (!field.description.empty()) to.set_description(field.description);
  if (!field.placeholder.empty()) to.set_placeholder(field.placeholder);
  if (field.default_value) to.set_default_value(*field.default_value);
  to.set_text_field(field.kind == sdk::Field::Kind::password ? proto::PASSWORD : proto::PLAIN_TEXT);
}

}  // namespace

/// What every call has: its configuration, what of it is secret, and a thread that looks whether
/// anybody still waits for it.
class SourceService::Call {
 public:
  Call(SourceService& service, grpc::ServerContext& context, const Settings& configuration,
       std::string name)
      : service_(service),
        context_(context),
        name_(std::move(name)),
        configuration_(configuration.begin(), configuration.end()),
        watchdog_([this](const std::stop_token& done) { watch(done); }) {
    fivetran::add_secrets(secrets_, configuration_, service.form_);
  }

  Wanted open() {
    Wanted wanted = service_.open_(configuration_, [this] { return stop != StopLevel::none; });
    for (const std::string& each : wanted.warnings) log(LogLevel::warning, each);
    return wanted;
  }

  void log(LogLevel level, const std::string& text) const {
    log_line(kSourceOrigin, level, name_ + ": " + hidden(text));
  }
  std::string hidden(const std::string& text) const { return secrets_.hidden(text); }

  /// The error's text where somebody has to act; else a status.
  template <typename Work>
  grpc::Status answer(const Work& work, const std::function<void(const std::string&)>& act) {
    try {
      work();
      log(LogLevel::info, "done");
      return grpc::Status::OK;
    } catch (const Error& error) {
      const std::string text = hidden(status_text(error));
      log(LogLevel::severe, text);
      if (act && (error.fault() == Fault::authentication || error.fault() == Fault::permission)) {
        act(text);
        return grpc::Status::OK;
      }
      return {status_code(error), text};
    } catch (const std::exception&) {
      log(LogLevel::severe, "a bug of sluice");
      return {grpc::StatusCode::INTERNAL, "a bug of sluice, please report it"};
    }
  }

  std::atomic<StopLevel> stop{StopLevel::none};

 private:
  void watch(const std::stop_token& done) {
    std::mutex mutex;
    std::condition_variable_any ended;  // by `done`, at once
    std::unique_lock lock(mutex);
    while (!done.stop_requested()) {
      ended.wait_for(lock, done, std::chrono::milliseconds(50), [] { return false; });
      if (service_.interrupted_ || context_.IsCancelled()) stop = StopLevel::now;
      Relation::watch_all();
    }
  }

  SourceService& service_;
  grpc::ServerContext& context_;
  const std::string name_;
  const sdk::Configuration configuration_;
  wire::Secrets secrets_;
  const std::jthread watchdog_;
};

grpc::Status SourceService::ConfigurationForm(grpc::ServerContext*,
                                              const proto::ConfigurationFormRequest*,
                                              proto::ConfigurationFormResponse* response) {
  response->set_schema_selection_supported(true);
  response->set_table_selection_supported(true);
  for (const sdk::Field& each : form_.fields) describe_field(each, *response->add_fields());
  for (const auto& [name, label] : {std::pair(kConnects, "The source answers, and lets us in"),
                                    std::pair(kReads, "Its tables can be read")}) {
    proto::ConfigurationTest& test = *response->add_tests();
    test.set_name(name);
    test.set_label(label);
  }
  return grpc::Status::OK;
}

grpc::Status SourceService::Test(grpc::ServerContext* context, const proto::TestRequest* request,
                                 proto::TestResponse* response) {
  Call call(*this, *context, request->configuration(), "Test " + request->name());
  const grpc::Status status = call.answer(
      [&] {
        if (request->name() != kConnects && request->name() != kReads)
          throw Error(Fault::config, "there is no such test", "the form lists those that are");
        Wanted wanted = call.open();
        wanted.source->identity();
        for (const Finding& each : wanted.source->findings()) {
          if (!each.good) call.log(LogLevel::warning, each.what + "; " + each.hint);
        }
        if (request->name() == kConnects) return;
        const Candidates found = candidates(wanted);
        if (!found.skipped.empty()) {
          const Skipped& first = found.skipped.front();
          throw Error(Fault::permission, first.name.text() + ": " + first.why, first.hint);
        }
        duck::Connection connection = wanted.database->connect();
        for (const Table& each : found.tables) shape(wanted, each, nullptr, connection);
        const auto snapshot = wanted.source->snapshot(found.tables);
        for (const auto& each : snapshot->tables()) {
          if (const auto* error = std::get_if<Error>(&each)) throw *error;
        }
      },
      [&](const std::string& text) { response->set_failure(text); });
  // A test that fails is an answer.
  if (status.ok()) {
    if (!response->has_failure()) response->set_success(true);
  } else if (status.error_code() != grpc::StatusCode::CANCELLED) {
    response->set_failure(status.error_message());
  }
  return grpc::Status::OK;
}

grpc::Status SourceService::Schema(grpc::ServerContext* context,
                                   const proto::SchemaRequest* request,
                                   proto::SchemaResponse* response) {
  Call call(*this, *context, request->configuration(), "Schema");
  return call.answer(
      [&] {
        Wanted wanted = call.open();
        const Candidates found = candidates(wanted);
        for (const Skipped& each : found.skipped)
          call.log(LogLevel::warning, each.name.text() + ": " + each.why + "; " + each.hint);
        duck::Connection connection = wanted.database->connect();
        std::map<std::string, proto::Schema*> schemas;
        auto& all = *response->mutable_with_schema();
        for (const Table& each : found.tables) {
          proto::Schema*& to = schemas[each.name.schema];
          if (to == nullptr) to = all.add_schemas();
          to->set_name(each.name.schema);
          *to->add_tables() = described(shape(wanted, each, nullptr, connection));
        }
      },
      {});
}

grpc::Status SourceService::Update(grpc::ServerContext* context,
                                   const proto::UpdateRequest* request,
                                   grpc::ServerWriter<proto::UpdateResponse>* writer) {
  Call call(*this, *context, request->configuration(), "Update");
  Sender sender(*writer);
  return call.answer(
      [&] {
        Wanted wanted = call.open();
        for (const std::string& each : wanted.warnings) sender.warning(call.hidden(each));
        send_update(
            wanted, *request, sender, call.stop,
            [&](const std::string& text) { call.log(LogLevel::info, text); },
            [&](const std::string& text) { return call.hidden(text); });
      },
      [&](const std::string& text) { sender.task(text); });
}

}  // namespace sluice::serve
