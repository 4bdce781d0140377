// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <utility>

#include "connectors/duckdb/connector.h"
#include "connectors/duckdb/file.h"
#include "connectors/duckdb/motherduck.h"
#include "connectors/duckdb/read_copy.h"

namespace sluice::duckdb_file {
namespace {

namespace fs = std::filesystem;

/// The file that a copy to `path` replaces: through links, also where they lead to nothing yet, so
/// that a link stays a link.
fs::path through_links(fs::path path) {
  std::error_code ignored;
  for (int i = 0; i < 40 && fs::is_symlink(path, ignored); ++i) {
    path = (path.parent_path() / fs::read_symlink(path, ignored)).lexically_normal();
  }
  return path;
}

Error copy_of_itself(const std::string& name) {
  return {Fault::config, "read_copy: " + name + " is the destination itself",
          "name another file: readers open that one while sluice writes this one"};
}

std::optional<fs::path> copy_path(const DestinationOptions& options) {
  if (options.read_copy.empty()) return std::nullopt;
  const fs::path path = through_links(absolute_path(options.read_copy));
  const fs::path destination = through_links(absolute_path(options.path));
  if (path == destination || same_file(path, destination)) throw copy_of_itself(options.read_copy);
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    throw Error(Fault::config, "read_copy: " + options.read_copy + " is a folder",
                "name a file in it");
  }
  if (!fs::is_directory(path.parent_path(), ignored)) {
    throw Error(Fault::config, "read_copy: there is no folder " + path.parent_path().string(),
                "mkdir -p '" + path.parent_path().string() + "'");
  }
  return path;
}

class FileDestination : public Destination {
 public:
  FileDestination(duck::Database& database, const DestinationOptions& options)
      : read_copy_(copy_path(options)),
        file_(database, options.path, Access::write, options.patience, options.storage) {
    if (read_copy_) remove_partial_copy(*read_copy_);
  }

  const std::string& catalog() const override { return file_.catalog(); }
  std::string name() const override { return file_.name(); }

  void finish() override {
    file_.connect().query("CHECKPOINT " + duck::quoted(file_.catalog()));
    if (!read_copy_) return;
    // Looked at again: two folders can turn out to be one only now that the file exists.
    if (same_file(*read_copy_, file_.path())) throw copy_of_itself(read_copy_->string());
    std::error_code ignored;
    const auto pending = fs::file_size(file_.path().string() + ".wal", ignored);
    if (!ignored && pending > 0) {
      throw Error(
          Fault::internal,
          "read_copy: " + file_.name() + " still has a write-ahead log after its checkpoint",
          "the copy of the last run stays; see whether something else of this process writes to "
          "the file");
    }
    replace_with_copy(file_.descriptor(), *read_copy_);
  }

 private:
  std::optional<fs::path> read_copy_;
  AttachedFile file_;
};

/// One that finish() has nothing to do for: it is only looked into, or keeps itself in order.
class CatalogDestination : public Destination {
 public:
  explicit CatalogDestination(std::unique_ptr<const AttachedDatabase> attached)
      : attached_(std::move(attached)) {}

  const std::string& catalog() const override { return attached_->catalog(); }
  std::string name() const override { return attached_->name(); }
  bool shared() const override { return !attached_->writers().empty(); }
  void finish() override {}

 private:
  std::unique_ptr<const AttachedDatabase> attached_;
};

std::string own_name(const std::string& path) {
  const std::string stem = fs::path(path).stem().string();
  return stem.empty() ? "file" : stem;
}

}  // namespace

std::unique_ptr<Destination> look(duck::Database& database, SourceOptions options) {
  return std::make_unique<CatalogDestination>(std::make_unique<AttachedFile>(
      database, options.path, Access::read, options.patience, "", own_name(options.path)));
}

std::unique_ptr<Destination> destination(duck::Database& database, DestinationOptions options) {
  return std::make_unique<FileDestination>(database, options);
}

}  // namespace sluice::duckdb_file

namespace sluice::motherduck {

using duckdb_file::CatalogDestination;

// Checkpoints are the service's own.
std::unique_ptr<Destination> destination(duck::Database& database, const Options& options) {
  return std::make_unique<CatalogDestination>(
      std::make_unique<AttachedMotherduck>(database, options, true));
}

std::unique_ptr<Destination> look(duck::Database& database, const Options& options) {
  return std::make_unique<CatalogDestination>(
      std::make_unique<AttachedMotherduck>(database, options, false));
}

}  // namespace sluice::motherduck
