// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cli/flags.h"
#include "cli/text.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string words_of(const CLI::App& command) {
  std::string words;
  for (const CLI::App* each : commands_of(command)) words += each->get_name() + " ";
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) words += "--" + name + " ";
  }
  if (!words.empty()) words.pop_back();
  return words;
}

/// Both shells complete a word list; zsh reads bash's function by bashcompinit.
std::string bash(const CLI::App& app) {
  std::string script = "_sluice() {\n  local words\n  case \"${COMP_WORDS[1]}\" in\n";
  for (const CLI::App* each : commands_of(app)) {
    script += "    " + each->get_name() + ") words=\"" + words_of(*each) + "\" ;;\n";
  }
  script += "  esac\n  [ \"$COMP_CWORD\" -le 1 ] && words=\"" + words_of(app) + "\"\n" +
            "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n" +
            "complete -o default -F _sluice sluice\n";
  return script;
}

std::string escaped(std::string text) {
  for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 2)
    text.insert(at, 1, '\\');
  return text;
}

std::string fish(const CLI::App& app) {
  std::string script;
  for (const CLI::App* each : commands_of(app)) {
    const std::string name = each->get_name();
    script += "complete -c sluice -n __fish_use_subcommand -f -a " + name + " -d '" +
              escaped(each->get_description()) + "'\n";
    const std::string when = "complete -c sluice -n '__fish_seen_subcommand_from " + name + "' ";
    for (const CLI::App* inner : commands_of(*each)) {
      script +=
          when + "-f -a " + inner->get_name() + " -d '" + escaped(inner->get_description()) + "'\n";
    }
    for (const CLI::Option* option : each->get_options()) {
      for (const std::string& flag : option->get_lnames()) {
        script += when + "-l " + flag + " -d '" + escaped(option->get_description()) + "'\n";
      }
    }
  }
  return script;
}

}  // namespace

std::string completions(const CLI::App& app, const std::string& shell) {
  if (shell == "bash") return bash(app);
  if (shell == "zsh") return "autoload -U +X bashcompinit && bashcompinit\n" + bash(app);
  if (shell == "fish") return fish(app);
  const std::vector<std::string> known{"bash", "zsh", "fish"};
  const std::string close = did_you_mean(shell, known);
  throw Error(Fault::config, "completions: no script for \"" + shell + "\"",
              close.empty() ? "there is one for " + alternatives(known) : close);
}

}  // namespace sluice::cli
