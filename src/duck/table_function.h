// SPDX-License-Identifier: Apache-2.0
// A relation that C++ code produces, readable in SQL by several of DuckDB's threads at once:
// `NAME(id)`.
#pragma once

#include <duckdb.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "duck/duck.h"

namespace sluice::duck {

/// What one thread of one scan holds. Made, used and destroyed on that thread.
class ScanThread {
 public:
  virtual ~ScanThread() = default;
  /// Fills `chunk` with 1 to duckdb_vector_size() rows; no rows means this thread is done. May
  /// throw.
  virtual void fill(duckdb_data_chunk chunk) = 0;
};

/// One relation, scanned by one statement at a time, and once in it. The columns are fixed; DuckDB
/// says which of them a query needs.
class Scan {
 public:
  struct Column {
    std::string name;
    LogicalType type;
  };
  virtual ~Scan() = default;
  virtual const std::vector<Column>& columns() const = 0;
  virtual std::uint64_t estimated_rows() const = 0;
  virtual std::size_t max_threads() const = 0;
  /// A scan begins. Those that can be scanned only once need not know.
  virtual void begin() {}
  /// Called on the thread that will use it. `projection`: positions in columns(), in the order of
  /// the chunk's vectors; kNoColumn where DuckDB wants only the number of rows (that vector's
  /// content is never read).
  static constexpr std::size_t kNoColumn = static_cast<std::size_t>(-1);
  virtual std::unique_ptr<ScanThread> open(std::span<const std::size_t> projection) = 0;
  /// An exception that left open() or fill(); DuckDB reports its text, callers may want the object.
  virtual void failed(std::exception_ptr error) noexcept = 0;
};

/// Registers `name` as a table function of one parameter, the id of a scan, for as long as the
/// database lives. Does nothing where the database has it.
void register_scan_function(Connection& connection, const std::string& name);

/// Makes `scan` readable as `name(id())` while this object lives.
class ScanHandle {
 public:
  explicit ScanHandle(std::shared_ptr<Scan> scan);
  ScanHandle(const ScanHandle&) = delete;
  ScanHandle& operator=(const ScanHandle&) = delete;
  ~ScanHandle();
  std::uint64_t id() const noexcept { return id_; }

 private:
  std::uint64_t id_;
};

}  // namespace sluice::duck
