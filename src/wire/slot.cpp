// SPDX-License-Identifier: Apache-2.0
#include "wire/slot.h"

#include <algorithm>

#include "sluice/batch.h"
#include "sluice/error.h"

namespace sluice::wire {

void Slot::bind(duckdb_vector to, std::size_t& heap) {
  vector = to;
  heap_bytes = &heap;
  size = 0;
  capacity = 0;
  data = duckdb_vector_get_data(vector);
  validity = duckdb_vector_get_validity(vector);
  if (shape == Shape::list) {
    children[0].bind(duckdb_list_vector_get_child(vector), heap);
  } else if (shape == Shape::structure) {
    for (std::size_t i = 0; i < children.size(); ++i) {
      children[i].bind(duckdb_struct_vector_get_child(vector, i), heap);
    }
  }
}

void Slot::finish() {
  if (shape == Shape::list &&
      duckdb_list_vector_set_size(vector, children[0].size) != DuckDBSuccess) {
    throw Error(Fault::internal, "DuckDB cannot hold the lists of a batch");
  }
  for (Slot& child : children) child.finish();
}

void Slot::start_validity() {
  duckdb_vector_ensure_validity_writable(vector);
  validity = duckdb_vector_get_validity(vector);
}

// DuckDB looks into the children of a NULL row in places, so they must hold something readable.
void Slot::null_inside(std::uint64_t row) {
  if (shape == Shape::list) {
    values<duckdb_list_entry>()[row] = {children[0].size, 0};
    return;
  }
  for (Slot& child : children) child.set_null(row);
}

void Slot::reserve(std::uint64_t more) {
  Slot& child = children[0];
  const std::uint64_t needed = child.size + more;
  if (needed <= child.capacity) return;
  const std::uint64_t room = std::max({needed, child.capacity * 2, std::uint64_t{Batch::kMaxRows}});
  if (duckdb_list_vector_reserve(vector, room) != DuckDBSuccess) {
    throw Error(Fault::internal,
                "DuckDB has no room for a list of " + std::to_string(needed) + " elements");
  }
  child.capacity = room;
  child.refresh();
}

// Growing moves the rows of a list's child, and of the structs that the child consists of.
void Slot::refresh() {
  data = duckdb_vector_get_data(vector);
  validity = duckdb_vector_get_validity(vector);
  if (shape != Shape::structure) return;
  for (Slot& child : children) child.refresh();
}

}  // namespace sluice::wire
