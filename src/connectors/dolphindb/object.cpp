// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/object.h"

#include <limits>

#include "connectors/dolphindb/compression.h"

namespace sluice::dolphindb {
namespace {

constexpr int kMostDepth = 8;
constexpr std::size_t kMostName = 65'536;

[[noreturn]] void broken(const std::string& what) {
  throw Error(Fault::data, "the server sent what is no value: " + what);
}

std::uint64_t count_of(Input& input, const char* what) {
  const auto count = input.number<std::int32_t>();
  if (count < 0) broken(std::string(what) + " " + std::to_string(count));
  return static_cast<std::uint64_t>(count);
}

/// Of `count` values; their product may be more than 64 bits hold.
void check_size(std::uint64_t count, std::uint64_t width, std::uint64_t most) {
  if (count <= most / width) return;
  throw Error(
      Fault::data, "one block of rows is more than " + std::to_string(most >> 20) + " MiB",
      "leave the column of long values out with --columns, or name a `where` that reads less "
      "at once");
}

/// `most` counts what is in `cells` already, as that is where it goes.
void read_texts(Input& input, std::uint64_t rows, std::uint64_t most, Cells& cells) {
  std::uint64_t done = 0;
  constexpr std::size_t kStep = std::size_t{1} << 18;  // between two looks at `most`
  while (done < rows) {
    const std::string_view there = input.window().substr(0, kStep);
    const char* at = there.data();
    const char* const end = at + there.size();
    while (done < rows && at < end) {
      const void* const found = std::memchr(at, 0, static_cast<std::size_t>(end - at));
      const char* const stop = found == nullptr ? end : static_cast<const char*>(found);
      cells.data.append(reinterpret_cast<const Byte*>(at), static_cast<std::size_t>(stop - at));
      at = stop;
      if (found == nullptr) break;
      ++at;
      ++done;
      cells.ends.push_back(cells.data.size());
    }
    input.skip(static_cast<std::size_t>(at - there.data()));
    check_size(cells.bytes(), 1, most);
  }
}

void read_blobs(Input& input, std::uint64_t rows, std::uint64_t most, Cells& cells) {
  for (std::uint64_t i = 0; i < rows; ++i) {
    const std::uint64_t size = count_of(input, "a length of");
    check_size(cells.bytes() + size, 1, most);
    input.read(cells.data, size);
    cells.ends.push_back(cells.data.size());
  }
}

void read_symbols(Input& input, std::uint64_t rows, std::uint64_t most, SymbolBases& bases,
                  Cells& cells) {
  check_size(rows, 4, most);
  const auto id = input.number<std::int32_t>();
  const std::uint64_t count = count_of(input, "symbols:");
  constexpr std::uint64_t kMostSymbols = std::uint64_t{1} << 21;
  if (count > kMostSymbols) broken(std::to_string(count) + " symbols in one base");
  const auto known =
      std::ranges::find(bases, id, &std::pair<std::int32_t, std::shared_ptr<const Symbols>>::first);
  if (count > 0) {
    auto symbols = std::make_shared<Symbols>();
    std::uint64_t bytes = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      symbols->push_back(input.text('\0', kMostName));
      bytes += symbols->back().size();
      check_size(bytes, 1, most);
    }
    cells.symbols = symbols;
    if (known == bases.end()) {
      bases.emplace_back(id, symbols);
    } else {
      known->second = symbols;
    }
  } else if (known != bases.end()) {
    cells.symbols = known->second;
  } else if (rows > 0) {
    broken("symbols of a base that it has not sent");
  } else {
    cells.symbols = std::make_shared<Symbols>();
  }
  input.read(cells.data, rows * 4);
  for (std::uint64_t i = 0; i < rows; ++i) {
    const auto number = load<std::uint32_t>(cells.data.data() + i * 4);
    if (number >= cells.symbols->size())
      broken("symbol " + std::to_string(number) + " of " + std::to_string(cells.symbols->size()));
  }
}

/// Groups of rows: how many there are, how wide the counts are, the counts, the values.
void read_arrays(Input& input, std::uint64_t rows, std::uint64_t values, std::uint64_t most,
                 Cells& cells) {
  const std::size_t width = dolphindb::width(cells.type.type);
  std::uint64_t all = 0;
  for (std::uint64_t done = 0; done < rows;) {
    const auto group = input.number<std::uint16_t>();
    const auto count_width = input.number<std::uint8_t>();
    input.number<std::uint8_t>();
    if (group == 0 || group > rows - done) broken("arrays of more rows than there are");
    if (count_width != 1 && count_width != 2 && count_width != 4)
      broken("lengths of " + std::to_string(count_width) + " bytes");
    const std::uint64_t before = all;
    for (unsigned i = 0; i < group; ++i) {
      std::uint32_t count = 0;
      input.read(reinterpret_cast<Byte*>(&count), count_width);
      all += count;
      cells.ends.push_back(all);
    }
    if (all > values) broken("arrays of more values than there are");
    check_size(all, width, most);
    check_size(cells.ends.size(), sizeof all, most);
    input.read(cells.data, (all - before) * width);
    done += group;
  }
  if (all != values)
    broken("arrays of " + std::to_string(all) + " values, said to be " + std::to_string(values));
}

void read_values(Input& input, std::uint64_t rows, std::uint64_t values, std::uint64_t most,
                 Cells& cells) {
  const Type type = cells.type.type;
  if (cells.type.array) {
    read_arrays(input, rows, values, most, cells);
  } else if (is_text(type)) {
    read_texts(input, rows, most, cells);
  } else if (type == Type::blob) {
    read_blobs(input, rows, most, cells);
  } else if (type != Type::nothing) {
    const std::size_t width = dolphindb::width(type);
    if (width == 0) broken("a vector of " + name_of(cells.type));
    check_size(rows, width, most);
    input.read(cells.data, rows * width);
  }
}

void start(Cells& cells, std::uint64_t rows, int type, int scale) {
  const std::optional<ColumnType> known = column_type(type, scale);
  if (!known) broken("a vector of type " + std::to_string(type));
  cells.type = *known;
  cells.rows = rows;
}

void read_compressed(Input& input, std::uint64_t most, Cells& cells) {
  const CompressedHeader header = read_compressed_header(input);
  if (header.type >= kExtended) broken("a compressed column of symbols");
  start(cells, header.rows, header.type, header.scale);
  const std::size_t width = dolphindb::width(cells.type.type);
  if (width > 0 && !cells.type.array) {
    check_size(header.rows, width, most);
    decompress(input, header, header.rows * width, cells.data);
    if (cells.data.size() != header.rows * width)
      broken("a compressed column of another length than it says");
    return;
  }
  Buffer packed;
  decompress(input, header, most, packed);
  Memory memory(packed.data(), packed.size());
  read_values(memory, header.rows, header.extra, most, cells);
  if (memory.left() > 0) broken("a compressed column with more in it than its rows");
}

class ObjectReader {
 public:
  ObjectReader(Input& input, std::uint64_t most) : input_(input), left_(most) {}

  Object read(int depth, SymbolBases& bases) {
    if (depth > kMostDepth) broken("objects in objects, too deep");
    const auto [type, form] = read_flag(input_);
    Object object;
    object.form = form;
    switch (form) {
      case Form::scalar:
        read_scalar(type, object.cells);
        break;
      case Form::vector:
      case Form::pair:
        if (type == static_cast<int>(Type::any)) {
          const std::uint64_t rows = count_of(input_, "elements:");
          const std::uint64_t columns = count_of(input_, "columns:");
          object.cells.type.type = Type::any;
          object.cells.rows = rows * columns;
          read_items(object, object.cells.rows, depth);
        } else {
          read_cells(type, bases, object.cells);
        }
        break;
      case Form::set:
        read_items(object, 1, depth);
        break;
      case Form::dictionary:
        read_items(object, 2, depth);
        break;
      case Form::table:
        read_table(object, depth);
        break;
      case Form::matrix:
        read_matrix(object, depth);
        break;
      default:
        broken("an object of form " + std::to_string(static_cast<int>(form)));
    }
    return object;
  }

 private:
  void read_cells(int type, SymbolBases& bases, Cells& cells) {
    read_vector(input_, type, bases, left_, cells);
    spend(cells.bytes());
    if (cells.symbols == nullptr) return;
    for (const std::string& each : *cells.symbols) spend(sizeof(std::string) + each.size());
  }
  void spend(std::uint64_t bytes) {
    if (bytes > left_) broken("an answer that is longer than any catalog's");
    left_ -= bytes;
  }
  void read_items(Object& object, std::uint64_t count, int depth) {
    SymbolBases bases;
    for (std::uint64_t i = 0; i < count; ++i) {
      spend(2 * sizeof(Object));  // as many as the list has room for
      object.items.push_back(read(depth + 1, bases));
    }
  }
  void read_scalar(int number, Cells& cells) {
    const auto type = static_cast<Type>(number);
    int scale = 0;
    if (type == Type::nothing) {
      input_.number<std::int8_t>();
      return;
    }
    if (is_decimal(type)) scale = input_.number<std::int32_t>();
    if (type == Type::function) input_.number<std::int8_t>();
    const bool named = type >= Type::function && type <= Type::resource;
    if (number >= kArray) broken("a scalar of type " + std::to_string(number));
    start(cells, 1, named ? static_cast<int>(Type::string) : number, scale);
    read_values(input_, 1, 0, left_, cells);
    spend(cells.bytes());
  }
  void read_table(Object& object, int depth) {
    const std::uint64_t rows = count_of(input_, "rows:");
    const std::uint64_t columns = count_of(input_, "columns:");
    spend(input_.text('\0', kMostName).size());
    for (std::uint64_t i = 0; i < columns; ++i) {
      object.names.push_back(input_.text('\0', kMostName));
      spend(object.names.back().size() + 2 * sizeof(std::string));
    }
    read_items(object, columns, depth);
    for (const Object& column : object.items) {
      if (column.form != Form::vector) broken("a table with a column that is no vector");
      if (column.cells.rows != rows)
        broken("a table of " + std::to_string(rows) + " rows with a column of " +
               std::to_string(column.cells.rows));
    }
  }
  void read_matrix(Object& object, int depth) {
    const auto labels = input_.number<std::uint8_t>();
    read_items(object, (labels & 1U) + ((labels >> 1U) & 1U), depth);
    const auto [type, form] = read_flag(input_);
    if (form != Form::matrix || type >= kArray) broken("a matrix without its values");
    const std::uint64_t rows = count_of(input_, "rows:"), columns = count_of(input_, "columns:");
    const int scale = is_decimal(static_cast<Type>(type)) ? input_.number<std::int32_t>() : 0;
    start(object.cells, rows * columns, type, scale);
    read_values(input_, rows * columns, 0, left_, object.cells);
    spend(object.cells.bytes());
  }

  Input& input_;
  std::uint64_t left_;
};

template <class T>
void put(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
std::optional<std::int64_t> loaded(const Cells& cells, std::uint64_t row) {
  const T value = load<T>(cells.data.data() + row * sizeof(T));
  if (value == std::numeric_limits<T>::min()) return std::nullopt;
  return value;
}

}  // namespace

std::string_view Cells::text(std::uint64_t row) const {
  if (symbols != nullptr) {
    return (*symbols)[load<std::uint32_t>(data.data() + row * 4)];
  }
  const std::uint64_t begin = begin_of(row);
  return {reinterpret_cast<const char*>(data.data()) + begin,
          static_cast<std::size_t>(ends[row] - begin)};
}

std::optional<std::int64_t> Cells::number(std::uint64_t row) const {
  switch (width(type.type)) {
    case 1:
      return loaded<std::int8_t>(*this, row);
    case 2:
      return loaded<std::int16_t>(*this, row);
    case 4:
      return loaded<std::int32_t>(*this, row);
    default:
      return loaded<std::int64_t>(*this, row);
  }
}

const Object* Object::find(std::string_view name) const {
  if (form == Form::table) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == name) return &items[i];
    }
    return nullptr;
  }
  if (form != Form::dictionary) return nullptr;
  const Object& values = items[1];
  const std::vector<std::string> keys = items[0].texts();
  const auto found = std::ranges::find(keys, name);
  const auto position = static_cast<std::size_t>(found - keys.begin());
  return position < values.items.size() ? &values.items[position] : nullptr;
}

std::vector<std::string> Object::texts() const {
  std::vector<std::string> all;
  if (!is_text(cells.type.type)) return all;
  for (std::uint64_t i = 0; i < cells.rows; ++i) all.emplace_back(cells.text(i));
  return all;
}

std::vector<std::int64_t> Object::numbers() const {
  std::vector<std::int64_t> all;
  const Type type = cells.type.type;
  const bool whole =
      type == Type::boolean || is_integer(type) || type == Type::month || unit_of(type).has_value();
  if (!whole || cells.type.array) return all;
  for (std::uint64_t i = 0; i < cells.rows; ++i)
    all.push_back(cells.number(i).value_or(std::numeric_limits<std::int64_t>::min()));
  return all;
}

std::pair<int, Form> read_flag(Input& input) {
  const int type = input.number<std::uint8_t>();
  return {type, static_cast<Form>(input.number<std::uint8_t>())};
}

void read_vector(Input& input, int type, SymbolBases& bases, std::uint64_t most, Cells& cells) {
  cells.data.clear();
  cells.ends.clear();
  cells.symbols.reset();
  if (type == static_cast<int>(Type::compressed)) return read_compressed(input, most, cells);
  const std::uint64_t rows = count_of(input, "rows:"), columns = count_of(input, "columns:");
  const bool array = type >= kArray && type < kExtended;
  if (!array && columns > 1) broken("a vector of " + std::to_string(columns) + " columns");
  const auto base = static_cast<Type>(array ? type - kArray : type);
  start(cells, rows, type, is_decimal(base) ? input.number<std::int32_t>() : 0);
  if (type == kExtended + static_cast<int>(Type::symbol)) {
    read_symbols(input, rows, most, bases, cells);
  } else {
    read_values(input, rows, columns, most, cells);
  }
}

Object read_object(Input& input, std::uint64_t most) {
  SymbolBases bases;
  return ObjectReader(input, most).read(0, bases);
}

Object text_scalar(const std::string& text) {
  Object object = text_vector({text});
  object.form = Form::scalar;
  return object;
}

Object text_vector(const std::vector<std::string>& texts) {
  Object object;
  object.form = Form::vector;
  object.cells.type.type = Type::string;
  object.cells.rows = texts.size();
  for (const std::string& each : texts) {
    if (each.find('\0') != std::string::npos)
      throw Error(Fault::config, "a text that is sent to DolphinDB cannot hold a NUL");
    object.cells.data.append(reinterpret_cast<const Byte*>(each.data()), each.size());
    object.cells.ends.push_back(object.cells.data.size());
  }
  return object;
}

Object bool_scalar(bool value) { return int_scalar(value ? 1 : 0, Type::boolean); }

Object int_scalar(std::int64_t value, Type type) {
  Object object;
  object.cells.type.type = type;
  object.cells.rows = 1;
  object.cells.data.append(reinterpret_cast<const Byte*>(&value), width(type));
  return object;
}

std::string bytes_of(const Object& object) {
  std::string bytes;
  put(bytes, static_cast<std::uint8_t>(object.cells.type.type));
  put(bytes, static_cast<std::uint8_t>(object.form));
  const Cells& cells = object.cells;
  if (object.form == Form::table) {
    bytes[0] = 0;
    put(bytes, static_cast<std::int32_t>(object.items.empty() ? 0 : object.items[0].cells.rows));
    put(bytes, static_cast<std::int32_t>(object.items.size()));
    bytes.push_back('\0');  // it has no name
    for (const std::string& each : object.names) bytes.append(each).push_back('\0');
    for (const Object& each : object.items) bytes += bytes_of(each);
    return bytes;
  }
  if (object.form == Form::vector) {
    put(bytes, static_cast<std::int32_t>(cells.rows));
    put(bytes, std::int32_t{1});
  }
  if (is_decimal(cells.type.type)) put(bytes, static_cast<std::int32_t>(cells.type.scale));
  if (!is_text(cells.type.type))
    return bytes.append(reinterpret_cast<const char*>(cells.data.data()), cells.data.size());
  for (std::uint64_t i = 0; i < cells.rows; ++i) bytes.append(cells.text(i)).push_back('\0');
  return bytes;
}

}  // namespace sluice::dolphindb
