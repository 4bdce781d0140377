// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/codec.h"

#include <algorithm>
#include <optional>
#include <set>

#include "connectors/postgres/duckdb_names.h"
#include "connectors/postgres/nested.h"
#include "connectors/postgres/oids.h"
#include "connectors/postgres/scalars.h"
#include "duck/duck.h"
#include "sluice/error.h"

namespace sluice::postgres {
namespace {

using Kind = WireType::Kind;

constexpr const char* kText = "VARCHAR";

WireType text_type() {
  WireType text;
  text.oid = oid::kText;
  return text;
}

int depth_of(const WireType& array) { return std::max(1, array.dims); }

bool has_list_suffix(std::string_view landed) { return landed.ends_with("[]"); }

bool struct_can_be(const WireType& composite) {
  std::set<std::string> seen;  // DuckDB's field names differ by more than case
  for (const std::string& name : composite.names) {
    if (name.empty() || !seen.insert(duck::folded(name)).second) return false;
  }
  return !composite.children.empty();
}

// Whether the type's binary form is decoded into its default type.
bool binary(const WireType& wire) {
  switch (wire.kind) {
    case Kind::scalar:
      return !scalar_landed_type(wire).empty();
    case Kind::array:
      return binary(wire.children.at(0));
    case Kind::composite:
      return struct_can_be(wire) &&
             std::all_of(wire.children.begin(), wire.children.end(), &binary);
    case Kind::enumeration:
      return true;
    case Kind::other:
      return false;
  }
  return false;
}

std::optional<Slot> resolve(const WireType& wire, std::string_view landed, Encoding encoding);

std::optional<Slot> resolve_array(const WireType& wire, std::string_view landed,
                                  Encoding encoding) {
  // The user may choose another depth than the declared one, which the server does not enforce;
  // not where elements are arrays themselves (by a domain): there the brackets would be ambiguous.
  const bool fixed = wire.children.at(0).kind == Kind::array;
  int depth = 0;
  while (has_list_suffix(landed) && (!fixed || depth < depth_of(wire))) {
    landed.remove_suffix(2);
    ++depth;
  }
  if (depth == 0 || (fixed && depth < depth_of(wire))) return std::nullopt;
  std::optional<Slot> element = resolve(wire.children.at(0), landed, encoding);
  if (!element) return std::nullopt;
  return list_slot(depth, std::move(*element));
}

std::optional<Slot> resolve_composite(const WireType& wire, std::string_view landed,
                                      Encoding encoding) {
  if (!binary(wire) || landed != landed_type(wire)) return std::nullopt;
  std::vector<Slot> fields;
  for (const WireType& child : wire.children) {
    std::optional<Slot> field = resolve(child, landed_type(child), encoding);
    if (!field) return std::nullopt;
    fields.push_back(std::move(*field));
  }
  return struct_slot(std::move(fields));
}

// What decodes the binary form of `wire` into `landed`, if anything does.
std::optional<Slot> resolve(const WireType& wire, std::string_view landed, Encoding encoding) {
  switch (wire.kind) {
    case Kind::scalar:
      return scalar_slot(wire, landed, encoding);
    case Kind::array:
      return resolve_array(wire, landed, encoding);
    case Kind::composite:
      return resolve_composite(wire, landed, encoding);
    case Kind::enumeration:
      return scalar_slot(text_type(), landed, encoding);
    case Kind::other:
      return std::nullopt;
  }
  return std::nullopt;
}

enum class Route { binary, text, text_array, none };

Route route(const WireType& wire, std::string_view landed) {
  if (resolve(wire, landed, Encoding::utf8)) return Route::binary;
  if (landed == kText) return Route::text;
  if (wire.kind != Kind::array) return Route::none;
  while (has_list_suffix(landed)) landed.remove_suffix(2);
  return landed == kText ? Route::text_array : Route::none;
}

WireType text_array_type(const WireType& wire) {
  WireType array = wire;
  array.children.assign(1, text_type());
  return array;
}

Error cannot_land(const std::string& column, const WireType& wire, const std::string& landed) {
  std::string choices;
  if (wire.kind == Kind::scalar) choices = scalar_choices(wire);
  if (choices == kText) choices.clear();
  if (choices.empty() && landed_type(wire) != kText) choices = landed_type(wire);
  return Error(Fault::config, "column " + column + " cannot land as " + landed,
               "types: can say VARCHAR" + (choices.empty() ? "" : ", " + choices));
}

}  // namespace

std::string landed_type(const WireType& wire) {
  if (wire.kind == Kind::array) {
    const WireType& element = wire.children.at(0);
    std::string type = binary(element) ? landed_type(element) : kText;
    for (int i = 0; i < depth_of(wire); ++i) type += "[]";
    return type;
  }
  if (wire.kind == Kind::scalar && binary(wire)) return scalar_landed_type(wire);
  if (wire.kind != Kind::composite || !binary(wire)) return kText;
  std::string type = "STRUCT(";
  for (std::size_t i = 0; i < wire.children.size(); ++i) {
    type +=
        (i == 0 ? "" : ", ") + duckdb_name(wire.names.at(i)) + " " + landed_type(wire.children[i]);
  }
  return type + ")";
}

std::string select_expression(const std::string& quoted_column, const WireType& wire,
                              const std::string& landed) {
  switch (route(wire, landed)) {
    case Route::binary:
      return quoted_column;
    case Route::text:
      return quoted_column + "::text";
    case Route::text_array:
      return quoted_column + "::text[]";
    case Route::none:
      break;
  }
  throw cannot_land(quoted_column, wire, landed);
}

WireType travelling_type(const WireType& wire, const std::string& landed) {
  switch (route(wire, landed)) {
    case Route::text:
      return text_type();
    case Route::text_array:
      return text_array_type(wire);
    default:
      return wire;
  }
}

Slot make_slot(const std::string& column, const WireType& travelling, const std::string& landed,
               Encoding encoding) {
  std::optional<Slot> slot = resolve(travelling, landed, encoding);
  if (!slot) throw cannot_land(column, travelling, landed);
  return std::move(*slot);
}

}  // namespace sluice::postgres
