// SPDX-License-Identifier: Apache-2.0
// A program that is one connector: `sluice sync` and `sluice check` with it as the source.
#include <filesystem>

#include "cli/flags.h"
#include "cli/json.h"
#include "cli/log.h"
#include "cli/render.h"
#include "cli/start.h"
#include "cli/text.h"
#include "sluice/module.h"

namespace sluice::cli {
namespace {

const char* kind_word(sdk::Field::Kind kind) {
  static constexpr const char* kWords[] = {"text",     "password", "hidden",
                                           "dropdown", "toggle",   "upload"};
  return kWords[static_cast<std::size_t>(kind)];
}

Json form_json(const sdk::Form& form) {
  Json fields = Json::array(), tests = Json::array();
  for (const sdk::Field& field : form.fields) {
    Json choices = Json::array();
    for (const auto& each : field.choices) choices.push_back(each.value);
    fields.push_back({{"name", field.name},
                      {"label", field.label},
                      {"kind", kind_word(field.kind)},
                      {"required", field.required},
                      {"description", field.description},
                      {"default", field.default_value ? Json(*field.default_value) : Json(nullptr)},
                      {"choices", choices}});
  }
  for (const sdk::ConnectionTest& test : form.tests)
    tests.push_back({{"name", test.name}, {"label", test.label}});
  return {{"fields", fields}, {"tests", tests}};
}

int run_connector(const std::string& name, sdk::Connector& connector,
                  const std::vector<std::string>& arguments) {
  SyncRequest request;
  std::string destination;
  bool test = false, form = false;
  CLI::App app("Syncs what the connector " + name +
                   " reads into a DuckDB file or MotherDuck, where its state is kept, too.",
               name);
  app.add_option("destination", destination, "duckdb:FILE or md:DATABASE")
      ->type_name("DESTINATION");
  add_text(app, "name", request.choice.name, "NAME", "the connection that the state is kept under");
  add_switch(app, "accept-source", request.accept_source,
             "go on from the state, though the configuration has changed");
  add_switch(app, "test", test, "run the connector's tests, and write nothing");
  add_switch(app, "form", form, "print what the configuration may hold, as JSON");
  add_output(app, request.output, Quiet::yes);
  add_connection_flags(app, request.choice.flags,
                       {Group::selection, Group::source, Group::destination, Group::process});
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    print(app.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    refuse(app, arguments, error);
  }
  if (form) {
    print(json_line(form_json(connector.configuration_form())));
    return 0;
  }
  if (destination.empty())
    throw Error(Fault::config, "the destination is missing",
                name + " duckdb:warehouse.duckdb; `" + name + " --help` lists the flags");
  request.choice.words = {"connector:" + name, destination};
  request.choice.own = &connector;
  set_up_log(request.output);
  if (test) return check({request.choice, request.output});
  return sync(request);
}

}  // namespace
}  // namespace sluice::cli

int sluice::sdk::run(int argc, char** argv, Connector& connector) {
  const std::string name =
      argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "connector";
  return cli::start(argc, argv, [&](const std::vector<std::string>& arguments) {
    return cli::run_connector(name, connector, arguments);
  });
}
