// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/nested.h"

#include <array>
#include <utility>

namespace sluice::postgres {
namespace {

constexpr int kMostDimensions = 6;  // PostgreSQL's MAXDIM

constexpr Reason kDepth = "another number of dimensions";
constexpr Reason kLowerBound = "a lower bound other than 1";

struct Dimensions {
  int count = 0;
  std::array<std::uint64_t, kMostDimensions> lengths{};
  std::uint64_t elements = 1;
};

Reason decode_field(Slot& slot, Cursor& cursor, std::uint64_t row) {
  std::uint32_t size = 0;
  if (!cursor.length(size)) {
    slot.set_null(row);
    return nullptr;
  }
  const Byte* bytes = cursor.take(size);
  slot.set_valid(row);
  return slot.decode(slot, bytes, size, row);
}

Reason read_dimensions(Cursor& cursor, int depth, Dimensions& dimensions) {
  dimensions.count = cursor.int32();
  cursor.take(8);  // whether there are NULLs; the element's oid, which may be that of a domain
  if (dimensions.count < 0 || dimensions.count > kMostDimensions) {
    broken("an array of " + std::to_string(dimensions.count) + " dimensions");
  }
  if (dimensions.count == 0) return nullptr;
  bool from_one = true;
  for (int i = 0; i < dimensions.count; ++i) {
    const std::int32_t length = cursor.int32();
    from_one &= cursor.int32() == 1;
    if (length <= 0) broken("an array's length");
    dimensions.lengths[static_cast<std::size_t>(i)] = static_cast<std::uint64_t>(length);
    dimensions.elements *= static_cast<std::uint64_t>(length);
    // Every element has a length word at least, so this also keeps the product from overflowing.
    if (dimensions.elements > cursor.left() / 4) broken("an array with too few elements");
  }
  if (dimensions.count != depth) return kDepth;
  return from_one ? nullptr : kLowerBound;
}

Reason decode_array(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  Cursor cursor(bytes, size);
  Dimensions dimensions;
  if (const Reason reason = read_dimensions(cursor, slot.depth, dimensions)) return reason;
  if (dimensions.count == 0) {
    if (!cursor.done()) broken("an empty array with elements");
    slot.values<duckdb_list_entry>()[row] = {slot.children[0].size, 0};
    return nullptr;
  }
  *slot.heap_bytes += size;

  std::array<std::uint64_t, kMostDimensions> sizes{};
  Slot* level = &slot;
  std::uint64_t first = row;
  std::uint64_t lists = 1;
  for (std::size_t i = 0; i < static_cast<std::size_t>(dimensions.count); ++i) {
    const std::uint64_t length = dimensions.lengths[i];
    Slot& child = level->children[0];
    level->reserve(lists * length);
    sizes[i] = child.size;
    for (std::uint64_t list = 0; list < lists; ++list) {
      level->values<duckdb_list_entry>()[first + list] = {child.size + list * length, length};
      if (i > 0) level->set_valid(first + list);
    }
    first = child.size;
    lists *= length;
    child.size += lists;
    level = &child;
  }

  Reason reason = nullptr;
  for (std::uint64_t i = 0; i < dimensions.elements && reason == nullptr; ++i) {
    reason = decode_field(*level, cursor, first + i);
  }
  if (reason == nullptr) {
    if (!cursor.done()) broken("an array with too many elements");
    return nullptr;
  }
  level = &slot;
  for (std::size_t i = 0; i < static_cast<std::size_t>(dimensions.count); ++i) {
    level = &level->children[0];
    level->size = sizes[i];
  }
  return reason;
}

Reason decode_composite(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  Cursor cursor(bytes, size);
  const std::int32_t fields = cursor.int32();
  if (fields < 0 || static_cast<std::size_t>(fields) != slot.children.size()) {
    broken("a composite of " + std::to_string(fields) + " fields");
  }
  for (Slot& child : slot.children) {
    cursor.take(4);  // the field's oid, which may be that of a domain
    if (const Reason reason = decode_field(child, cursor, row)) return reason;
  }
  if (!cursor.done()) broken("a composite with too many fields");
  return nullptr;
}

}  // namespace

Slot list_slot(int depth, Slot element) {
  Slot inner = std::move(element);
  for (int below = 1; below <= depth; ++below) {
    Slot list;
    list.shape = Slot::Shape::list;
    list.decode = &decode_array;
    list.depth = below;
    list.children.push_back(std::move(inner));
    inner = std::move(list);
  }
  return inner;
}

Slot struct_slot(std::vector<Slot> fields) {
  Slot slot;
  slot.shape = Slot::Shape::structure;
  slot.decode = &decode_composite;
  slot.children = std::move(fields);
  return slot;
}

}  // namespace sluice::postgres
