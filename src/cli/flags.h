// SPDX-License-Identifier: Apache-2.0
// Flags that several commands share. Each has a SLUICE_ variable; a flag beats its variable, both
// beat sluice.yaml.
#pragma once

#include <CLI/CLI.hpp>
#include <initializer_list>
#include <string>
#include <vector>

#include "cli/commands.h"

namespace sluice::cli {

/// The words of the configuration that belong to these groups. `flags` outlives the parsing.
void add_connection_flags(CLI::App& command, Flags& flags, std::initializer_list<Group> groups);
void add_table_flags(CLI::App& command, Flags& flags);
/// `--verify` is `verify: after-run`; `--verify=never` takes that back.
void add_verify_flag(CLI::App& command, Flags& flags);
/// SOURCE DESTINATION or NAME.., --config, --name.
void add_choice(CLI::App& command, Choice& choice);
void add_config(CLI::App& command, Choice& choice);

void add_text(CLI::App& command, const std::string& name, std::string& value,
              const std::string& placeholder, const std::string& help);
void add_list(CLI::App& command, const std::string& name, std::vector<std::string>& value,
              const std::string& placeholder, const std::string& help);
void add_switch(CLI::App& command, const std::string& name, bool& value, const std::string& help);

/// log: only --log-level.
enum class Quiet { no, log, yes };
void add_output(CLI::App& command, Output& output, Quiet quiet = Quiet::no);

/// Throws Fault::config: what was not understood, and what was meant.
[[noreturn]] void refuse(const CLI::App& app, const std::vector<std::string>& arguments,
                         const CLI::ParseError& error);

/// A script that completes commands and flags, for `bash`, `zsh` or `fish`.
std::string completions(const CLI::App& app, const std::string& shell);

}  // namespace sluice::cli
