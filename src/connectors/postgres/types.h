// SPDX-License-Identifier: Apache-2.0
// pg_type, as far as the columns of some relations need it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "connectors/postgres/codec.h"
#include "connectors/postgres/connection.h"

namespace sluice::postgres {

/// A text array as a query parameter: {"a","b"}.
std::string array_text(const std::vector<std::string>& values);
std::string array_text(const std::vector<std::uint32_t>& values);

class TypeCatalog {
 public:
  /// One query, whatever the number of relations and of types.
  TypeCatalog(Connection& connection, const std::vector<std::uint32_t>& relations);

  WireType wire(std::uint32_t oid, std::int32_t modifier, int dimensions) const;
  /// The type below all domains.
  std::uint32_t base(std::uint32_t oid) const;
  /// Its name to cast a literal to, without length or precision (those would round or cut the
  /// literal).
  const std::string& cast(std::uint32_t oid) const;
  /// Another text where values of an enumeration were renamed or added.
  const std::string& labels(std::uint32_t oid) const { return type(oid).labels; }

 private:
  struct Field {
    std::string name;
    std::uint32_t type;
    std::int32_t modifier;
    int dimensions;
  };
  struct Type {
    std::string name;
    std::string kind;           // pg_type.typtype
    std::string category;       // pg_type.typcategory
    std::uint32_t element = 0;  // of true arrays only
    std::uint32_t base = 0;     // of domains
    std::int32_t base_modifier = -1;
    int base_dimensions = 0;
    std::string cast;
    std::string labels;         // of enumerations: a hash
    std::vector<Field> fields;  // of composites
  };
  const Type& type(std::uint32_t oid) const;

  std::map<std::uint32_t, Type> types_;
};

}  // namespace sluice::postgres
