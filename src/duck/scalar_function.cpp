// SPDX-License-Identifier: Apache-2.0
#include "duck/scalar_function.h"

#include <exception>
#include <memory>

namespace sluice::duck {
namespace {

/// A function pointer cannot travel as void*, its address can.
struct Extra {
  ScalarWork work;
};

void call(duckdb_function_info info, duckdb_data_chunk arguments, duckdb_vector result) noexcept {
  try {
    static_cast<const Extra*>(duckdb_scalar_function_get_extra_info(info))->work(arguments, result);
  } catch (const std::exception& error) {
    duckdb_scalar_function_set_error(info, error.what());
  }
}

}  // namespace

void register_scalar_function(Connection& connection, const std::string& name, duckdb_type type,
                              ScalarWork work) {
  duckdb_scalar_function function = duckdb_create_scalar_function();
  const std::unique_ptr<_duckdb_scalar_function, void (*)(duckdb_scalar_function)> owner(
      function, [](duckdb_scalar_function each) { duckdb_destroy_scalar_function(&each); });
  const LogicalType any(duckdb_create_logical_type(DUCKDB_TYPE_ANY));
  const LogicalType returned(duckdb_create_logical_type(type));
  duckdb_scalar_function_set_name(function, name.c_str());
  duckdb_scalar_function_set_varargs(function, any.get());
  duckdb_scalar_function_set_return_type(function, returned.get());
  duckdb_scalar_function_set_special_handling(function);
  duckdb_scalar_function_set_extra_info(function, new Extra{work},
                                        [](void* extra) { delete static_cast<Extra*>(extra); });
  duckdb_scalar_function_set_function(function, &call);
  if (duckdb_register_scalar_function(connection.handle(), function) == DuckDBSuccess) return;
  // Asked only now: the list of functions takes 20 ms.
  const auto known =
      connection.query("SELECT count(*) FROM duckdb_functions() WHERE function_name = ?", {name});
  if (known.integer(0, 0) == 0)
    throw Error(Fault::internal, "DuckDB does not register the function " + name);
}

}  // namespace sluice::duck
