// SPDX-License-Identifier: Apache-2.0
#include "duck/table_function.h"

#include <mutex>
#include <unordered_map>

namespace sluice::duck {
namespace {

/// Scans by id. SQL text can carry a number but no pointer, hence one table for the process.
struct Registry {
  std::mutex mutex;
  std::uint64_t last = 0;
  std::unordered_map<std::uint64_t, std::shared_ptr<Scan>> scans;
};

Registry& registry() {
  static Registry instance;
  return instance;
}

struct Bound {
  std::shared_ptr<Scan> scan;
};

struct Global {
  std::vector<std::size_t> projection;
};

struct Local {
  std::unique_ptr<ScanThread> thread;
};

template <typename T>
void destroy(void* object) {
  delete static_cast<T*>(object);
}

/// No exception may leave a callback: keeps it for the scan's owner and gives DuckDB the text.
template <typename Work, typename SetError>
void guarded(Scan* scan, Work&& work, SetError&& set_error) noexcept {
  try {
    work();
  } catch (const std::exception& error) {
    set_error(error.what());
    if (scan != nullptr) scan->failed(std::current_exception());
  }
}

void bind(duckdb_bind_info info) {
  guarded(
      nullptr,
      [&] {
        duckdb_value parameter = duckdb_bind_get_parameter(info, 0);
        const auto id = duckdb_get_uint64(parameter);
        duckdb_destroy_value(&parameter);
        auto bound = std::make_unique<Bound>();
        {
          const std::scoped_lock lock(registry().mutex);
          const auto found = registry().scans.find(id);
          if (found == registry().scans.end()) throw Error(Fault::internal, "no scan has this id");
          bound->scan = found->second;
        }
        for (const Scan::Column& column : bound->scan->columns()) {
          duckdb_bind_add_result_column(info, column.name.c_str(), column.type.get());
        }
        duckdb_bind_set_cardinality(info, bound->scan->estimated_rows(), false);
        duckdb_bind_set_bind_data(info, bound.release(), destroy<Bound>);
      },
      [&](const char* text) { duckdb_bind_set_error(info, text); });
}

Scan& scan_of(void* bind_data) { return *static_cast<Bound*>(bind_data)->scan; }

void init(duckdb_init_info info) {
  Scan& scan = scan_of(duckdb_init_get_bind_data(info));
  guarded(
      &scan,
      [&] {
        auto global = std::make_unique<Global>();
        const idx_t width = duckdb_init_get_column_count(info);
        for (idx_t i = 0; i < width; ++i) {
          const idx_t column = duckdb_init_get_column_index(info, i);
          global->projection.push_back(column < scan.columns().size() ? column : Scan::kNoColumn);
        }
        scan.begin();
        duckdb_init_set_max_threads(info, scan.max_threads());
        duckdb_init_set_init_data(info, global.release(), destroy<Global>);
      },
      [&](const char* text) { duckdb_init_set_error(info, text); });
}

void local_init(duckdb_init_info info) {
  // The thread's own state is opened by its first call of run(): here the projection is not known.
  duckdb_init_set_init_data(info, new Local, destroy<Local>);
}

void run(duckdb_function_info info, duckdb_data_chunk chunk) {
  Scan& scan = scan_of(duckdb_function_get_bind_data(info));
  guarded(
      &scan,
      [&] {
        auto& local = *static_cast<Local*>(duckdb_function_get_local_init_data(info));
        if (local.thread == nullptr) {
          const auto& global = *static_cast<Global*>(duckdb_function_get_init_data(info));
          local.thread = scan.open(global.projection);
        }
        local.thread->fill(chunk);
      },
      [&](const char* text) { duckdb_function_set_error(info, text); });
}

}  // namespace

void register_scan_function(Connection& connection, const std::string& name) {
  if (duckdb_vector_size() != 2048) {
    throw Error(Fault::internal,
                "this libduckdb has vectors of " + std::to_string(duckdb_vector_size()) +
                    " rows, sluice was built for 2048",
                "use the libduckdb.so that came with sluice");
  }
  duckdb_table_function function = duckdb_create_table_function();
  const std::unique_ptr<_duckdb_table_function, void (*)(duckdb_table_function)> owner(
      function, [](duckdb_table_function each) { duckdb_destroy_table_function(&each); });
  duckdb_table_function_set_name(function, name.c_str());
  const LogicalType id(duckdb_create_logical_type(DUCKDB_TYPE_UBIGINT));
  duckdb_table_function_add_parameter(function, id.get());
  duckdb_table_function_supports_projection_pushdown(function, true);
  duckdb_table_function_set_bind(function, bind);
  duckdb_table_function_set_init(function, init);
  duckdb_table_function_set_local_init(function, local_init);
  duckdb_table_function_set_function(function, run);
  if (duckdb_register_table_function(connection.handle(), function) == DuckDBSuccess) return;
  // Asked only now: the list of functions takes 20 ms.
  const auto known =
      connection.query("SELECT count(*) FROM duckdb_functions() WHERE function_name = ?", {name});
  if (known.integer(0, 0) == 0) {
    throw Error(Fault::internal, "DuckDB does not register the table function " + name);
  }
}

ScanHandle::ScanHandle(std::shared_ptr<Scan> scan) {
  const std::scoped_lock lock(registry().mutex);
  id_ = ++registry().last;
  registry().scans.emplace(id_, std::move(scan));
}

ScanHandle::~ScanHandle() {
  const std::scoped_lock lock(registry().mutex);
  registry().scans.erase(id_);
}

}  // namespace sluice::duck
