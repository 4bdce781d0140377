// SPDX-License-Identifier: Apache-2.0
#include "cli/flags.h"

#include <algorithm>

#include "cli/text.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

const char* group_title(Group group) {
  switch (group) {
    case Group::source:
      return "Reading";
    case Group::selection:
      return "Which tables";
    case Group::destination:
      return "Writing";
    case Group::process:
      break;
  }
  return "This process";
}

CLI::Option* dressed(CLI::Option* option, const std::string& name, const std::string& placeholder) {
  option->envname(variable_name(name));
  if (!placeholder.empty()) option->type_name(placeholder);
  return option;
}

CLI::Option* add_values(CLI::App& command, const std::string& name, std::vector<std::string>& value,
                        const std::string& placeholder, const std::string& help) {
  CLI::Option* option = command.add_option("--" + name, value, help);
  // One argument per flag: what follows may be SOURCE.
  option->expected(1)->allow_extra_args(false)->multi_option_policy(
      CLI::MultiOptionPolicy::TakeAll);
  return dressed(option, name, placeholder);
}

/// The command that was named, or the whole program.
const CLI::App& meant(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* at = &app;
  for (const std::string& word : arguments) {
    const auto subcommands = at->get_subcommands([](const CLI::App*) { return true; });
    const auto found =
        std::ranges::find(subcommands, word, [](const CLI::App* each) { return each->get_name(); });
    if (found != subcommands.end()) at = *found;
  }
  return *at;
}

std::vector<std::string> flags_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

}  // namespace

void add_connection_flags(CLI::App& command, Flags& flags, std::initializer_list<Group> groups) {
  for (const Group group : groups) {
    for (const ConnectionWord& word : connection_words()) {
      if (word.group != group || !word.flag) continue;
      add_values(command, flag_name(word.key), flags.connection[word.key], word.placeholder,
                 word.help)
          ->group(group_title(group));
    }
  }
}

void add_table_flags(CLI::App& command, Flags& flags) {
  for (const TableWord& word : table_words()) {
    if (std::string(word.key) == "types") {
      add_values(command, "type", flags.types, "TABLE.COLUMN=TYPE",
                 "land a column as this DuckDB type")
          ->group("How tables are copied");
      continue;
    }
    const std::string placeholder = std::string(word.key) == "where"
                                        ? "TABLE=PREDICATE"
                                        : std::string("[TABLE=]") + word.placeholder;
    add_values(command, flag_name(word.key), flags.table[word.key], placeholder, word.help)
        ->group("How tables are copied");
  }
}

void add_verify_flag(CLI::App& command, Flags& flags) {
  dressed(command.add_flag("--verify{after-run}", flags.connection["verify"],
                           "end by comparing what the run brought up to date (4: it differs); "
                           "--verify=never does not"),
          "verify", "");
}

void add_choice(CLI::App& command, Choice& choice) {
  command
      .add_option("words", choice.words,
                  "SOURCE DESTINATION, or names of connections in sluice.yaml")
      ->type_name("SOURCE DESTINATION | NAME..");
  add_config(command, choice);
  add_text(command, "name", choice.name, "NAME",
           "what SOURCE DESTINATION is called: its state is kept by this name");
}

void add_config(CLI::App& command, Choice& choice) {
  add_text(command, "config", choice.config, "FILE", "the configuration [sluice.yaml]");
}

void add_text(CLI::App& command, const std::string& name, std::string& value,
              const std::string& placeholder, const std::string& help) {
  dressed(command.add_option("--" + name, value, help), name, placeholder);
}

void add_list(CLI::App& command, const std::string& name, std::vector<std::string>& value,
              const std::string& placeholder, const std::string& help) {
  add_values(command, name, value, placeholder, help)->delimiter(',');
}

void add_switch(CLI::App& command, const std::string& name, bool& value, const std::string& help) {
  dressed(command.add_flag("--" + name, value, help), name, "");
}

void add_output(CLI::App& command, Output& output, Quiet quiet) {
  if (quiet == Quiet::yes) add_switch(command, "quiet", output.quiet, "print only failures");
  if (quiet != Quiet::no) {
    add_text(command, "log-level", output.log_level, "WORD",
             "debug, info, warn or error, on standard error");
  }
  add_switch(command, "json", output.json, "one JSON object per line on standard output");
}

void refuse(const CLI::App& app, const std::vector<std::string>& arguments,
            const CLI::ParseError& error) {
  const CLI::App& command = meant(app, arguments);
  std::string path;
  for (const CLI::App* each = &command; each != nullptr && each != &app; each = each->get_parent())
    path = each->get_name() + " " + path;
  const std::string help = "`sluice " + path + "--help` lists the flags";
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const auto known = flags_of(command);
    for (const std::string& word : arguments) {
      const std::string flag = word.substr(0, word.find('='));
      if (!flag.starts_with("-") || std::ranges::find(known, flag) != known.end()) continue;
      const std::string close = did_you_mean(flag, known);
      throw Error(Fault::config, "unknown flag " + flag, close.empty() ? help : close);
    }
  }
  throw Error(Fault::config, error.what(), help);
}

}  // namespace sluice::cli
