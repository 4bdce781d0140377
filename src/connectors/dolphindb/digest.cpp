// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/digest.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "connectors/dolphindb/text.h"
#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

constexpr std::size_t kProbeRows = 8;
const std::string kPart = std::to_string(std::int64_t{1} << kPartBits);

// ---- the server's side

/// A floating point number as its sign, a whole number of 61 bits and the power of two that it is
/// to be multiplied with: exact, in two steps that stay within the type's range.
std::string float_text(const std::string& c) {
  const std::string a = "abs(double(" + c + "))";
  const std::string e = "iif(" + a + " > 0, long(floor(log2(" + a + "))), 0l)";
  const std::string k = "(60.0 - " + e + ")";
  const std::string half = "floor(" + k + " / 2.0)";
  const std::string m =
      "long(" + a + " * pow(2.0, " + half + ") * pow(2.0, " + k + " - " + half + "))";
  return "iif(isNanInf(double(" + c + ")), iif(" + c + " > 0.0, \"+i\", iif(" + c +
         " < 0.0, \"-i\", \"nan\")), iif(" + c + " < 0.0, \"-\", \"+\") + string(" + m +
         ") + \"e\" + string(" + e + "))";
}

/// Empty: the server has no text of it that DuckDB has, too.
std::string server_text(const ColumnType& type, const std::string& c) {
  if (type.array) return {};
  if (is_text(type.type)) return "string(strlen(string(" + c + "))) + \":\" + string(" + c + ")";
  if (type.type == Type::float32 || type.type == Type::float64) return float_text(c);
  const bool printed = is_decimal(type.type) || type.type == Type::uuid ||
                       type.type == Type::int128 || type.type == Type::ipaddr;
  if (printed) return "string(" + c + ")";
  const bool number = type.type == Type::boolean || is_integer(type.type) ||
                      type.type == Type::month || unit_of(type.type);
  return number ? "string(long(" + c + "))" : std::string();
}

// ---- DuckDB's side

std::string copy_text(const ColumnType& type, const std::string& c) {
  const auto per = [&](const char* function, std::int64_t unit) {
    return "(" + std::string(function) + "(" + c + ") // " + std::to_string(unit) + ")::VARCHAR";
  };
  switch (type.type) {
    case Type::boolean:
      return c + "::INTEGER::VARCHAR";
    case Type::date:
      return "(" + c + " - DATE '1970-01-01')::VARCHAR";
    case Type::month:
      return "(year(" + c + ") * 12 + month(" + c + ") - 1)::VARCHAR";
    case Type::time:
      return per("epoch_us", 1'000);
    case Type::second:
    case Type::datetime:
      return per("epoch_us", 1'000'000);
    case Type::minute:
    case Type::dateminute:
      return per("epoch_us", 60'000'000);
    case Type::datehour:
      return per("epoch_us", 3'600'000'000);
    case Type::timestamp:
      return per("epoch_us", 1'000);
    case Type::nanotime:
    case Type::nanotimestamp:
      return per("epoch_ns", 1);
    case Type::symbol:
    case Type::string:
      return "strlen(" + c + ")::VARCHAR || ':' || " + c;
    case Type::float32:
    case Type::float64: {
      const std::string a = "abs(" + c + "::DOUBLE)";
      const std::string e =
          "(CASE WHEN " + a + " > 0 THEN floor(log2(" + a + "))::BIGINT ELSE 0 END)";
      const std::string k = "(60.0::DOUBLE - " + e + ")";
      const std::string half = "floor(" + k + " / 2.0::DOUBLE)";
      return "CASE WHEN isnan(" + c + ") THEN 'nan' WHEN isinf(" + c + ") THEN CASE WHEN " + c +
             " > 0 THEN '+i' ELSE '-i' END ELSE CASE WHEN " + c +
             " < 0 THEN '-' ELSE '+' END || (" + a + " * pow(2.0::DOUBLE, " + half +
             ") * pow(2.0::DOUBLE, " + k + " - " + half + "))::BIGINT::VARCHAR || 'e' || " + e +
             "::VARCHAR END";
    }
    default:
      return c + "::VARCHAR";
  }
}

/// Which 64 bits of an MD5 the server's lowLong() are, nobody documents.
constexpr std::array<const char*, 4> kHalves{
    "('0x' || right(md5(%), 16))::UBIGINT", "md5_number_lower(%)",
    "('0x' || left(md5(%), 16))::UBIGINT", "md5_number_upper(%)"};

/// As the server's abs() and remainders make a digest of those bits.
std::string copy_digest(const Shape& shape, const std::vector<Column>& columns, const char* half) {
  std::string row;
  for (const Column& each : columns)
    row += (row.empty() ? "" : " || '|' || ") +
           ("coalesce(" + copy_text(shape.type(each.name), duck::quoted(each.name))) + ", 'n')";
  std::string bits = half;
  bits.replace(bits.find('%'), 1, row);
  const std::string number = bits + "::UHUGEINT";  // twice: DuckDB computes it once
  return "(least(" + number + ", 18446744073709551616::UHUGEINT - " + number +
         ") & 4611686018427387903::UHUGEINT)::BIGINT";
}

// ---- the probe

using Bytes = std::array<Byte, 16>;

template <class T>
Bytes raw(T value) {
  Bytes bytes{};
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::int64_t least_of(Type type) {
  return width(type) == 8 ? std::numeric_limits<std::int64_t>::min()
                          : -(std::int64_t{1} << (width(type) * 8 - 1));
}

/// Values of a type that is not text, the first one NULL.
std::vector<Bytes> samples(const ColumnType& type) {
  std::vector<Bytes> all;
  const Type t = type.type;
  if (t == Type::float64) {
    for (const double each : {-std::numeric_limits<double>::max(), 0.0, 0.1, -1.5, 189.25, 1e300,
                              -1e-300, 123456789.123})
      all.push_back(raw(each));
  } else if (t == Type::float32) {
    for (const float each :
         {-std::numeric_limits<float>::max(), 0.0F, 0.1F, -1.5F, 189.25F, 1e30F, -1e-30F, 7.0F})
      all.push_back(raw(each));
  } else if (t == Type::decimal128) {
    all.push_back(raw(static_cast<unsigned __int128>(1) << 127));
    for (const std::int64_t each : {0L, 1L, -7L, 123456789012345678L, -5000L, 99L, 100L})
      all.push_back(raw(static_cast<__int128>(each)));
  } else if (width(t) == 16) {
    all.push_back({});
    for (Byte i = 1; i < kProbeRows; ++i) {
      Bytes bytes{};
      for (Byte j = 0; j < 16; ++j) bytes[j] = static_cast<Byte>(i * 37 + j * 11 + 1);
      // The second one is an IPv4 address.
      if (i == 1) std::fill(bytes.begin() + 4, bytes.end(), Byte{0});
      all.push_back(bytes);
    }
  } else {
    const auto unit = unit_of(t);
    const bool of_day = unit && unit->of_day;
    // Of decimals those that land: the rest are misfits.
    const std::int64_t most =
        t == Type::boolean     ? 1
        : t == Type::decimal32 ? 999'999'999
        : t == Type::decimal64 ? 999'999'999'999'999'999
        : of_day               ? 86'399'999'999'999 / unit->nanoseconds
        : unit || t == Type::month
            ? std::min<std::int64_t>(4'000'000'000'000'000'000 / (unit ? unit->nanoseconds : 1),
                                     20'000)
            : -(least_of(t) + 1);
    const std::int64_t low = of_day || t == Type::boolean ? 0 : -most;
    for (const std::int64_t each : {least_of(t), std::int64_t{0}, std::int64_t{1}, most, low,
                                    most / 2, most / 3, std::min<std::int64_t>(most, 7)})
      all.push_back(raw(each));
  }
  return all;
}

const std::array<std::string, kProbeRows>& text_samples() {
  static const std::array<std::string, kProbeRows> texts{
      "", "a", "A b", "\xC3\xBC\xE2\x82\xAC", "x|y:z", std::string(300, 'q'), "'\"\\", "n"};
  return texts;
}

/// Rows in which each column has all of its samples, in another order than its neighbours.
Object probe_of(const Shape& shape, const std::vector<Column>& columns,
                std::vector<std::string>& sql_rows) {
  Object table;
  table.form = Form::table;
  sql_rows.assign(kProbeRows, "");
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const ColumnType& type = shape.type(columns[i].name);
    Object column;
    column.form = Form::vector;
    column.cells.type = is_text(type.type) ? ColumnType{Type::string} : type;
    column.cells.rows = kProbeRows;
    const std::vector<Bytes> values = is_text(type.type) ? std::vector<Bytes>() : samples(type);
    for (std::size_t row = 0; row < kProbeRows; ++row) {
      const std::size_t which = (row + i) % kProbeRows;
      std::optional<std::string> text;
      if (is_text(type.type)) {
        const std::string& each = text_samples()[which];
        column.cells.data.append(reinterpret_cast<const Byte*>(each.data()), each.size());
        column.cells.ends.push_back(column.cells.data.size());
        if (!each.empty()) text = each;
      } else {
        column.cells.data.append(values[which].data(), width(type.type));
        if (!is_null(type.type, values[which].data())) text = text_of(type, values[which].data());
      }
      sql_rows[row] += (i == 0 ? "" : ", ") + std::string("CAST(") +
                       (text ? duck::literal(*text) : "NULL") + " AS " + columns[i].type + ") AS " +
                       duck::quoted(columns[i].name);
    }
    table.names.push_back(columns[i].name);
    table.items.push_back(std::move(column));
  }
  return table;
}

std::string why_no_text(const Shape& shape, const std::vector<Column>& columns) {
  for (const Column& each : columns) {
    const ColumnType& type = shape.type(each.name);
    if (server_text(type, "c").empty())
      return "column " + each.name + " is " + name_of(type) + ", which has no digest";
    if (each.type != landed_type(type))
      return "column " + each.name + " lands as " + each.type + ", not as " + landed_type(type);
  }
  return {};
}

}  // namespace

std::string server_digest(const Shape& shape, const std::vector<Column>& columns) {
  std::string row;
  for (const Column& each : columns) {
    const std::string c = column_name(each.name);
    row += (row.empty() ? "" : " + \"|\" + ") + ("iif(isNull(" + c + "), \"n\", ") +
           server_text(shape.type(each.name), c) + ")";
  }
  return "abs(lowLong(md5(" + row + ")))";
}

RowDigest row_digest(Session& session, const Shape& shape, const std::vector<Column>& columns,
                     duck::Connection& copy) {
  if (const std::string why = why_no_text(shape, columns); !why.empty()) return {"", why};
  std::vector<std::string> rows;
  const Object probe = probe_of(shape, columns, rows);
  const std::string name = variable(shape, "probe");
  std::vector<std::int64_t> theirs;
  try {
    session.bind({{name, probe}});
    const Object answer =
        session.run("select " + server_digest(shape, columns) + " as sluice_h from " + name);
    if (!answer.items.empty()) theirs = answer.items.front().numbers();
  } catch (const Error& error) {
    if (error.fault() != Fault::schema) throw;
    return {"", std::string("the server cannot compute them: ") + error.what()};
  }
  std::string all;
  for (const std::string& each : rows)
    all += (all.empty() ? "SELECT " : " UNION ALL SELECT ") + each;
  for (const char* half : kHalves) {
    const std::string digest = copy_digest(shape, columns, half);
    const auto ours = copy.query("SELECT " + digest + " FROM (" + all + ")");
    bool same = theirs.size() == kProbeRows && ours.rows() == kProbeRows;
    for (std::size_t i = 0; same && i < kProbeRows; ++i)
      same = (theirs[i] & ((std::int64_t{1} << (2 * kPartBits)) - 1)) == ours.integer(i, 0);
    if (same) return {digest, ""};
  }
  return {"", "the server computes other digests than DuckDB"};
}

std::int64_t landed_factor(const ColumnType& type) {
  if (type.array) return 0;
  switch (type.type) {
    case Type::int8:
    case Type::int16:
    case Type::int32:
    case Type::int64:
    case Type::date:
    case Type::nanotimestamp:
      return 1;
    case Type::timestamp:
      return 1'000;
    case Type::datetime:
      return 1'000'000;
    case Type::dateminute:
      return 60'000'000;
    case Type::datehour:
      return 3'600'000'000;
    default:
      return 0;
  }
}

std::string hash_bucket(const Shape& shape, const Table& table, int bits) {
  std::vector<Column> key;
  for (const std::string& each : table.primary_key) key.push_back(*table.column(each));
  if (key.empty()) key = table.columns;
  return "(" + server_digest(shape, key) + " % " + std::to_string(std::int64_t{1} << bits) + "l)";
}

DigestItems digest_items(const Shape& shape, const Table& table, const Read& read,
                         const Slice& slice) {
  const std::string h = server_digest(shape, read.digest);
  const std::string sums = "count(*) as " + variable(shape, "n") + ", sum(" + h + " % " + kPart +
                           "l) as " + variable(shape, "s0") + ", sum((" + h + " / " + kPart +
                           "l) % " + kPart + "l) as " + variable(shape, "s1");
  const std::string bucket = " as " + variable(shape, "bucket");
  if (read.buckets->by == Buckets::By::hashes)
    return {sums, hash_bucket(shape, table, read.buckets->bits) + bucket};
  if (slice.nulls) return {sums, ""};
  const std::string& column = range_column(table)->name;
  // Never of a negative number, which languages divide in two ways.
  return {sums, "(long(" + column_name(column) + ") * " +
                    std::to_string(landed_factor(shape.type(column))) + "l - (" +
                    std::to_string(slice.base) + "l)) / " +
                    std::to_string(std::int64_t{1} << read.buckets->bits) + "l" + bucket};
}

}  // namespace sluice::dolphindb
