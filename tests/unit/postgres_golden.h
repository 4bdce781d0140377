// SPDX-License-Identifier: Apache-2.0
// Values as a PostgreSQL 15 sent them (COPY (SELECT ..) TO STDOUT (FORMAT binary)), beside the SQL
// that made them and what DuckDB prints once they are stored; "!" and the reason: a misfit.
#pragma once

#include <utility>
#include <vector>

#include "connectors/postgres/codec.h"

namespace sluice::postgres::golden {

inline WireType scalar(std::uint32_t oid, std::int32_t typmod = -1) {
  WireType wire;
  wire.oid = oid;
  wire.typmod = typmod;
  return wire;
}
inline WireType enumeration() {
  WireType wire;
  wire.kind = WireType::Kind::enumeration;
  wire.oid = 90001;
  return wire;
}
inline WireType array(WireType element, int dims) {
  WireType wire;
  wire.kind = WireType::Kind::array;
  wire.dims = dims;
  wire.children.push_back(std::move(element));
  return wire;
}
inline WireType composite(const std::vector<std::pair<const char*, WireType>>& fields) {
  WireType wire;
  wire.kind = WireType::Kind::composite;
  for (const auto& [name, type] : fields) {
    wire.names.emplace_back(name);
    wire.children.push_back(type);
  }
  return wire;
}

struct Value {
  const char* sql;
  WireType wire;
  const char* landed;
  const char* hex;
  const char* printed;
};

inline const std::vector<Value>& values() {
  static const std::vector<Value> all{
      {"true::bool", scalar(16), "BOOLEAN", "01", "true"},
      {"false::bool", scalar(16), "BOOLEAN", "00", "false"},
      {"'-32768'::int2", scalar(21), "SMALLINT", "8000", "-32768"},
      {"'32767'::int2", scalar(21), "SMALLINT", "7fff", "32767"},
      {"'-2147483648'::int4", scalar(23), "INTEGER", "80000000", "-2147483648"},
      {"'2147483647'::int4", scalar(23), "INTEGER", "7fffffff", "2147483647"},
      {"'0'::int4", scalar(23), "INTEGER", "00000000", "0"},
      {"'-9223372036854775808'::int8", scalar(20), "BIGINT", "8000000000000000",
       "-9223372036854775808"},
      {"'9223372036854775807'::int8", scalar(20), "BIGINT", "7fffffffffffffff",
       "9223372036854775807"},
      {"'4294967295'::oid", scalar(26), "UINTEGER", "ffffffff", "4294967295"},
      {"'0'::oid", scalar(26), "UINTEGER", "00000000", "0"},
      {"'1.5'::float4", scalar(700), "FLOAT", "3fc00000", "1.5"},
      {"'-0.1'::float4", scalar(700), "FLOAT", "bdcccccd", "-0.1"},
      {"'NaN'::float4", scalar(700), "FLOAT", "7fc00000", "nan"},
      {"'Infinity'::float4", scalar(700), "FLOAT", "7f800000", "inf"},
      {"'-Infinity'::float4", scalar(700), "FLOAT", "ff800000", "-inf"},
      {"'1e-45'::float4", scalar(700), "FLOAT", "00000001", "1e-45"},
      {"'0.1'::float8", scalar(701), "DOUBLE", "3fb999999999999a", "0.1"},
      {"'-0'::float8", scalar(701), "DOUBLE", "8000000000000000", "-0.0"},
      {"'1.7976931348623157e+308'::float8", scalar(701), "DOUBLE", "7fefffffffffffff",
       "1.7976931348623157e+308"},
      {"'5e-324'::float8", scalar(701), "DOUBLE", "0000000000000001", "5e-324"},
      {"'NaN'::float8", scalar(701), "DOUBLE", "7ff8000000000000", "nan"},
      {"'-Infinity'::float8", scalar(701), "DOUBLE", "fff0000000000000", "-inf"},
      {"'0.00'::numeric(4,2)", scalar(1700, 262150), "DECIMAL(4,2)", "0000000000000002", "0.00"},
      {"'-99.99'::numeric(4,2)", scalar(1700, 262150), "DECIMAL(4,2)", "0002000040000002006326ac",
       "-99.99"},
      {"'0.01'::numeric(4,2)", scalar(1700, 262150), "DECIMAL(4,2)", "0001ffff000000020064",
       "0.01"},
      {"'1.10'::numeric(4,2)", scalar(1700, 262150), "DECIMAL(4,2)", "0002000000000002000103e8",
       "1.10"},
      {"'1234567.89'::numeric(9,2)", scalar(1700, 589830), "DECIMAL(9,2)",
       "0003000100000002007b11d722c4", "1234567.89"},
      {"'-0.000001'::numeric(9,6)", scalar(1700, 589834), "DECIMAL(9,6)", "0001fffe400000060064",
       "-0.000001"},
      {"'9999999999999999.99'::numeric(18,2)", scalar(1700, 1179654), "DECIMAL(18,2)",
       "0005000300000002270f270f270f270f26ac", "9999999999999999.99"},
      {"'-0.000000000000000001'::numeric(18,18)", scalar(1700, 1179670), "DECIMAL(18,18)",
       "0001fffb400000120064", "-.000000000000000001"},
      {"'123456789012345678'::numeric(18,0)", scalar(1700, 1179652), "DECIMAL(18,0)",
       "0005000400000000000c0d801ed204d2162e", "123456789012345678"},
      {"'10000000000000000'::numeric(18,0)", scalar(1700, 1179652), "DECIMAL(18,0)",
       "00010004000000000001", "10000000000000000"},
      {"'12345678901234567890.1234567890'::numeric(38,10)", scalar(1700, 2490382), "DECIMAL(38,10)",
       "000800040000000a04d2162e23340d801ed204d2162e2328", "12345678901234567890.1234567890"},
      {"'99999999999999999999999999999999999999'::numeric(38,0)", scalar(1700, 2490372),
       "DECIMAL(38,0)", "000a0009000000000063270f270f270f270f270f270f270f270f270f",
       "99999999999999999999999999999999999999"},
      {"'-0.99999999999999999999999999999999999999'::numeric(38,38)", scalar(1700, 2490410),
       "DECIMAL(38,38)", "000affff40000026270f270f270f270f270f270f270f270f270f26ac",
       "-.99999999999999999999999999999999999999"},
      {"'100000000000000000000000000000000000'::numeric(38,0)", scalar(1700, 2490372),
       "DECIMAL(38,0)", "000100080000000003e8", "100000000000000000000000000000000000"},
      {"'12345'::numeric(3,-2)", scalar(1700, 198658), "DECIMAL(5,0)", "0002000100000000000108fc",
       "12300"},
      {"'-0.00123'::numeric(3,5)", scalar(1700, 196617), "DECIMAL(5,5)", "0002ffff40000005000c0bb8",
       "-.00123"},
      {"'123.456'::numeric", scalar(1700), "DECIMAL(38,18)", "0002000000000003007b11d0",
       "123.456000000000000000"},
      {"'-1e-18'::numeric", scalar(1700), "DECIMAL(38,18)", "0001fffb400000120064",
       "-0.000000000000000001"},
      {"'99999999999999999999.999999999999999999'::numeric", scalar(1700), "DECIMAL(38,18)",
       "000a000400000012270f270f270f270f270f270f270f270f270f26ac",
       "99999999999999999999.999999999999999999"},
      {"'0'::numeric", scalar(1700), "DECIMAL(38,18)", "0000000000000000", "0.000000000000000000"},
      {"'1e-19'::numeric", scalar(1700), "DECIMAL(38,18)", "0001fffb00000013000a",
       "!too many digits behind the point"},
      {"'100000000000000000000'::numeric", scalar(1700), "DECIMAL(38,18)", "00010005000000000001",
       "!too large"},
      {"'1e200'::numeric", scalar(1700), "DECIMAL(38,18)", "00010032000000000001", "!too large"},
      {"'NaN'::numeric", scalar(1700), "DECIMAL(38,18)", "00000000c0000000", "!it has no NaN"},
      {"'Infinity'::numeric", scalar(1700), "DECIMAL(38,18)", "00000000d0000020",
       "!it has no infinity"},
      {"'-Infinity'::numeric", scalar(1700), "DECIMAL(38,18)", "00000000f0000020",
       "!it has no infinity"},
      {"'10000.0001'::numeric", scalar(1700), "DECIMAL(38,18)", "0003000100000004000100000001",
       "10000.000100000000000000"},
      {"'20000'::numeric", scalar(1700), "DECIMAL(38,18)", "00010001000000000002",
       "20000.000000000000000000"},
      {"'0.1'::numeric", scalar(1700), "DOUBLE", "0001ffff0000000103e8", "0.1"},
      {"'-12345.678'::numeric", scalar(1700), "DOUBLE", "0003000140000003000109291a7c",
       "-12345.678"},
      {"'0.1234567890123456789'::numeric", scalar(1700), "DOUBLE",
       "0005ffff0000001304d2162e23340d801ed2", "!more digits than it keeps"},
      {"'NaN'::numeric", scalar(1700), "DOUBLE", "00000000c0000000", "nan"},
      {"'1e300'::numeric", scalar(1700), "DOUBLE", "0001004b000000000001", "1e+300"},
      {"'0'::numeric", scalar(1700), "DOUBLE", "0000000000000000", "0.0"},
      {"'16777217'::numeric", scalar(1700), "FLOAT", "0002000100000000068d1c31",
       "!more digits than it keeps"},
      {"'255'::numeric", scalar(1700), "UTINYINT", "000100000000000000ff", "255"},
      {"'256'::numeric", scalar(1700), "UTINYINT", "00010000000000000100", "!too large"},
      {"'-1'::numeric", scalar(1700), "UBIGINT", "00010000400000000001", "!too large"},
      {"'1.5'::numeric", scalar(1700), "INTEGER", "000200000000000100011388",
       "!too many digits behind the point"},
      {"'170141183460469231731687303715884105727'::numeric", scalar(1700), "HUGEINT",
       "000a00090000000000aa0583209a01d5090d0c601c871bf620da165f", "!too large"},
      {"'-99999999999999999999999999999999999999'::numeric", scalar(1700), "HUGEINT",
       "000a0009400000000063270f270f270f270f270f270f270f270f270f",
       "-99999999999999999999999999999999999999"},
      {"'1.5'::numeric", scalar(1700), "DECIMAL(18,4)", "000200000000000100011388", "1.5000"},
      {"'-32768'::numeric", scalar(1700), "SMALLINT", "000200014000000000030ad0", "-32768"},
      {"'7'::int8", scalar(20), "TINYINT", "0000000000000007", "7"},
      {"'128'::int8", scalar(20), "TINYINT", "0000000000000080", "!outside its range"},
      {"'-1'::int4", scalar(23), "UINTEGER", "ffffffff", "!outside its range"},
      {"'123'::int4", scalar(23), "DECIMAL(10,3)", "0000007b", "123.000"},
      {"'9007199254740993'::int8", scalar(20), "DOUBLE", "0020000000000001",
       "!more digits than it keeps"},
      {"'9007199254740992'::int8", scalar(20), "DOUBLE", "0020000000000000", "9007199254740992.0"},
      {"'9223372036854775807'::int8", scalar(20), "DECIMAL(38,30)", "7fffffffffffffff",
       "!outside its range"},
      {"'0.5'::float8", scalar(701), "FLOAT", "3fe0000000000000", "0.5"},
      {"'0.1'::float8", scalar(701), "FLOAT", "3fb999999999999a", "!more digits than it keeps"},
      {"''::text", scalar(25), "VARCHAR", "", ""},
      {"'a'::text", scalar(25), "VARCHAR", "61", "a"},
      {"'exactly12byt'::text", scalar(25), "VARCHAR", "65786163746c793132627974", "exactly12byt"},
      {"'thirteen byte'::text", scalar(25), "VARCHAR", "746869727465656e2062797465",
       "thirteen byte"},
      {"U&'\\00e4\\+01F600 umlaut and emoji, long enough'::text", scalar(25), "VARCHAR",
       "c3a4f09f988020756d6c61757420616e6420656d6f6a692c206c6f6e6720656e6f756768",
       "ä😀 umlaut and emoji, long enough"},
      {"'ab'::varchar(5)", scalar(1043), "VARCHAR", "6162", "ab"},
      {"'ab'::char(5)", scalar(1042), "VARCHAR", "6162202020", "ab   "},
      {"'tab'::name", scalar(19), "VARCHAR", "746162", "tab"},
      {"'x'::\"char\"", scalar(18), "VARCHAR", "78", "x"},
      {"''::\"char\"", scalar(18), "VARCHAR", "00", ""},
      {"(-28)::\"char\"", scalar(18), "VARCHAR", "e4", "\\344"},
      {"'ok'::g.mood", enumeration(), "VARCHAR", "6f6b", "ok"},
      {"'\\x'::bytea", scalar(17), "BLOB", "", ""},
      {"'\\x00ff410a'::bytea", scalar(17), "BLOB", "00ff410a", "\\x00\\xFFA\\x0A"},
      {"B'1'::varbit", scalar(1562), "BIT", "0000000180", "1"},
      {"B'0'::varbit", scalar(1562), "BIT", "0000000100", "0"},
      {"B'101'::varbit", scalar(1562), "BIT", "00000003a0", "101"},
      {"B'10000000'::varbit", scalar(1562), "BIT", "0000000880", "10000000"},
      {"B'000000001'::varbit", scalar(1562), "BIT", "000000090080", "000000001"},
      {"B'1111111101010101010'::varbit", scalar(1562), "BIT", "00000013ff5540",
       "1111111101010101010"},
      {"B'1'::bit(1)", scalar(1560), "BIT", "0000000180", "1"},
      {"B''::varbit", scalar(1562), "BIT", "00000000", "!it has no empty bit string"},
      {"'2000-01-01'::date", scalar(1082), "DATE", "00000000", "2000-01-01"},
      {"'1970-01-01'::date", scalar(1082), "DATE", "ffffd533", "1970-01-01"},
      {"'9999-12-31'::date", scalar(1082), "DATE", "002c95d3", "9999-12-31"},
      {"'4713-11-24 BC'::date", scalar(1082), "DATE", "ffda9915", "4713-11-24 (BC)"},
      {"'0001-12-31 BC'::date", scalar(1082), "DATE", "fff4dbf8", "0001-12-31 (BC)"},
      {"'5874897-12-31'::date", scalar(1082), "DATE", "7fda970c", "5874897-12-31"},
      {"'infinity'::date", scalar(1082), "DATE", "7fffffff", "infinity"},
      {"'-infinity'::date", scalar(1082), "DATE", "80000000", "-infinity"},
      {"'2026-11-21 04:05:06.789012'::timestamp", scalar(1114), "TIMESTAMP", "000303c03c15aa94",
       "2026-11-21 04:05:06.789012"},
      {"'1969-12-31 23:59:59.999999'::timestamp", scalar(1114), "TIMESTAMP", "fffca2fec4c81fff",
       "1969-12-31 23:59:59.999999"},
      {"'4713-11-24 00:00:00 BC'::timestamp", scalar(1114), "TIMESTAMP", "fd0f9983eb0ae000",
       "4713-11-24 (BC) 00:00:00"},
      {"'infinity'::timestamp", scalar(1114), "TIMESTAMP", "7fffffffffffffff", "infinity"},
      {"'-infinity'::timestamp", scalar(1114), "TIMESTAMP", "8000000000000000", "-infinity"},
      {"'294246-12-31 23:59:59'::timestamp", scalar(1114), "TIMESTAMP", "7ffca2465a941dc0",
       "294246-12-31 23:59:59"},
      {"'294276-12-31 23:59:59'::timestamp", scalar(1114), "TIMESTAMP", "7fffff5bb3a35dc0",
       "!outside its range"},
      {"'2026-11-21 04:05:06.5+02'::timestamptz", scalar(1184), "TIMESTAMP WITH TIME ZONE",
       "000303be8ee9f9a0", "2026-11-21 02:05:06.5+00"},
      {"'infinity'::timestamptz", scalar(1184), "TIMESTAMP WITH TIME ZONE", "7fffffffffffffff",
       "infinity"},
      {"'00:00:00'::time", scalar(1083), "TIME", "0000000000000000", "00:00:00"},
      {"'23:59:59.999999'::time", scalar(1083), "TIME", "000000141dd75fff", "23:59:59.999999"},
      {"'24:00:00'::time", scalar(1083), "TIME", "000000141dd76000", "24:00:00"},
      {"'12:34:56.5'::time", scalar(1083), "TIME", "0000000a8be1bd20", "12:34:56.5"},
      {"'12:34:56+02'::timetz", scalar(1266), "TIME WITH TIME ZONE", "0000000a8bda1c00ffffe3e0",
       "12:34:56+02"},
      {"'00:00:00-05:30'::timetz", scalar(1266), "TIME WITH TIME ZONE", "000000000000000000004d58",
       "00:00:00-05:30"},
      {"'24:00:00+15:59:59'::timetz", scalar(1266), "TIME WITH TIME ZONE",
       "000000141dd76000ffff1f01", "24:00:00+15:59:59"},
      {"'23:59:59.999999-15:59:59'::timetz", scalar(1266), "TIME WITH TIME ZONE",
       "000000141dd75fff0000e0ff", "23:59:59.999999-15:59:59"},
      {"'1 year 2 mons 3 days 04:05:06.789'::interval", scalar(1186), "INTERVAL",
       "000000036c97ca88000000030000000e", "1 year 2 months 3 days 04:05:06.789"},
      {"'30 days'::interval", scalar(1186), "INTERVAL", "00000000000000000000001e00000000",
       "30 days"},
      {"'1 mon'::interval", scalar(1186), "INTERVAL", "00000000000000000000000000000001",
       "1 month"},
      {"'-1 mons +2 days -03:00:00'::interval", scalar(1186), "INTERVAL",
       "fffffffd7c45140000000002ffffffff", "-1 month 2 days -03:00:00"},
      {"'25:00:00'::interval", scalar(1186), "INTERVAL", "00000014f46b04000000000000000000",
       "25:00:00"},
      {"'0'::interval", scalar(1186), "INTERVAL", "00000000000000000000000000000000", "00:00:00"},
      {"'00000000-0000-0000-0000-000000000000'::uuid", scalar(2950), "UUID",
       "00000000000000000000000000000000", "00000000-0000-0000-0000-000000000000"},
      {"'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid", scalar(2950), "UUID",
       "ffffffffffffffffffffffffffffffff", "ffffffff-ffff-ffff-ffff-ffffffffffff"},
      {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid", scalar(2950), "UUID",
       "a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
      {"'{\"b\": 1.10, \"a\":  null}'::json", scalar(114), "JSON",
       "7b2262223a20312e31302c202261223a20206e756c6c7d", "{\"b\": 1.10, \"a\":  null}"},
      {"'{\"b\": 1.10, \"a\":  null}'::jsonb", scalar(3802), "JSON",
       "017b2261223a206e756c6c2c202262223a20312e31307d", "{\"a\": null, \"b\": 1.10}"},
      {"'{1,NULL,-3}'::int[]", array(scalar(23), 1), "INTEGER[]",
       "00000001000000010000001700000003000000010000000400000001ffffffff00000004fffffffd",
       "[1, NULL, -3]"},
      {"'{}'::int[]", array(scalar(23), 1), "INTEGER[]", "000000000000000000000017", "[]"},
      {"'{{1,2},{3,4},{5,6}}'::int[]", array(scalar(23), 2), "INTEGER[][]",
       "0000000200000000000000170000000300000001000000020000000100000004000000010000000400000002000"
       "0000400000003000000040000000400000004000000050000000400000006",
       "[[1, 2], [3, 4], [5, 6]]"},
      {"'{{{1},{2}},{{3},{4}}}'::int[]", array(scalar(23), 3), "INTEGER[][][]",
       "0000000300000000000000170000000200000001000000020000000100000001000000010000000400000001000"
       "000040000000200000004000000030000000400000004",
       "[[[1], [2]], [[3], [4]]]"},
      {"'{}'::int[]", array(scalar(23), 3), "INTEGER[][][]", "000000000000000000000017", "[]"},
      {"'{{1,2}}'::int[]", array(scalar(23), 1), "INTEGER[]",
       "0000000200000000000000170000000100000001000000020000000100000004000000010000000400000002",
       "!another number of dimensions"},
      {"'{1,2}'::int[]", array(scalar(23), 2), "INTEGER[][]",
       "000000010000000000000017000000020000000100000004000000010000000400000002",
       "!another number of dimensions"},
      {"'[0:1]={1,2}'::int[]", array(scalar(23), 1), "INTEGER[]",
       "000000010000000000000017000000020000000000000004000000010000000400000002",
       "!a lower bound other than 1"},
      {"'{a,\"\",NULL,a long text of several words}'::text[]", array(scalar(25), 1), "VARCHAR[]",
       "0000000100000001000000190000000400000001000000016100000000ffffffff0000001c61206c6f6e6720746"
       "57874206f66207365766572616c20776f726473",
       "[a, '', NULL, a long text of several words]"},
      {"'{1.5,NULL,-2.25}'::numeric(6,2)[]", array(scalar(1700, 393222), 1), "DECIMAL(6,2)[]",
       "0000000100000001000006a400000003000000010000000c000200000000000200011388ffffffff0000000c000"
       "2000040000002000209c4",
       "[1.50, NULL, -2.25]"},
      {"'{1.5,NaN}'::numeric[]", array(scalar(1700), 1), "DECIMAL(38,18)[]",
       "0000000100000000000006a400000002000000010000000c0002000000000001000113880000000800000000c00"
       "00000",
       "!it has no NaN"},
      {"'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'::uuid[]", array(scalar(2950), 1), "UUID[]",
       "000000010000000000000b86000000010000000100000010a0eebc999c0b4ef8bb6d6bb9bd380a11",
       "[a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11]"},
      {"'{t,f}'::bool[]", array(scalar(16), 1), "BOOLEAN[]",
       "000000010000000000000010000000020000000100000001010000000100", "[true, false]"},
      {"'{infinity,2000-01-01}'::date[]", array(scalar(1082), 1), "DATE[]",
       "00000001000000000000043a0000000200000001000000047fffffff0000000400000000",
       "[infinity, 2000-01-01]"},
      {"'{sad,ok}'::g.mood[]", array(enumeration(), 1), "VARCHAR[]",
       "000000010000000000004002000000020000000100000003736164000000026f6b", "[sad, ok]"},
      {"'{101,0}'::varbit[]", array(scalar(1562), 1), "BIT[]",
       "00000001000000000000061a00000002000000010000000500000003a0000000050000000100", "[101, 0]"},
      {"row(1,'x')::g.pair", composite({{"a", scalar(23)}, {"B b", scalar(25)}}),
       "STRUCT(a INTEGER, \"B b\" VARCHAR)", "00000002000000170000000400000001000000190000000178",
       "{'a': 1, 'B b': x}"},
      {"row(NULL,NULL)::g.pair", composite({{"a", scalar(23)}, {"B b", scalar(25)}}),
       "STRUCT(a INTEGER, \"B b\" VARCHAR)", "0000000200000017ffffffff00000019ffffffff",
       "{'a': NULL, 'B b': NULL}"},
      {"array[row(1,'x'),NULL,row(2,NULL)]::g.pair[]",
       array(composite({{"a", scalar(23)}, {"B b", scalar(25)}}), 1),
       "STRUCT(a INTEGER, \"B b\" VARCHAR)[]",
       "0000000100000001000040090000000300000001000000190000000200000017000000040000000100000019000"
       "0000178ffffffff000000180000000200000017000000040000000200000019ffffffff",
       "[{'a': 1, 'B b': x}, NULL, {'a': 2, 'B b': NULL}]"},
      {"row(row(1,'x'),'{1.5,2}')::g.deep",
       composite({{"p", composite({{"a", scalar(23)}, {"B b", scalar(25)}})},
                  {"l", array(scalar(1700, 393222), 1)}}),
       "STRUCT(p STRUCT(a INTEGER, \"B b\" VARCHAR), l DECIMAL(6,2)[])",
       "00000002000040090000001900000002000000170000000400000001000000190000000178000004cf000000320"
       "000000100000000000006a400000002000000010000000c0002000000000002000113880000000a000100000000"
       "00020002",
       "{'p': {'a': 1, 'B b': x}, 'l': [1.50, 2.00]}"},
      {"row(NULL,NULL)::g.deep",
       composite({{"p", composite({{"a", scalar(23)}, {"B b", scalar(25)}})},
                  {"l", array(scalar(1700, 393222), 1)}}),
       "STRUCT(p STRUCT(a INTEGER, \"B b\" VARCHAR), l DECIMAL(6,2)[])",
       "0000000200004009ffffffff000004cfffffffff", "{'p': NULL, 'l': NULL}"},
      {"'{{1,2},{3,4}}'::g.pos[]", array(scalar(23), 2), "INTEGER[][]",
       "00000002000000000000400e0000000200000001000000020000000100000004000000010000000400000002000"
       "00004000000030000000400000004",
       "[[1, 2], [3, 4]]"},
  };
  return all;
}

}  // namespace sluice::postgres::golden
