// SPDX-License-Identifier: Apache-2.0
#include "engine/close_run.h"

#include "engine/outcome.h"

namespace sluice {

void close_run(RunLog& history, Destination& destination, const Told& told, RunResult& result,
               const std::function<int()>& exit_code) {
  if (const auto failed = told.failure(); failed && !result.error) {
    result.error =
        Error(failed->fault(), std::string("what watches the run failed: ") + failed->what(),
              "the tables are as their receipts say; `sluice runs` shows them");
  }
  const auto try_to = [&](const char* what, auto&& work) {
    try {
      work();
    } catch (const std::exception& caught) {
      if (!result.error) result.error = as_error(caught).at(what);
    }
  };
  const auto text = [&] { return result.error ? result.error->what() : std::string(); };
  try_to("writing the history", [&] { history.end(result, exit_code(), text()); });
  // The history first: it belongs into the read copy.
  const std::string logged = text();
  try_to("ending the run", [&] { destination.finish(); });
  if (text() == logged) return;
  try_to("writing the history", [&] { history.correct(result.id, exit_code(), text()); });
}

}  // namespace sluice
