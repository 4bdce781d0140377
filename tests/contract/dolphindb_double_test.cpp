// SPDX-License-Identifier: Apache-2.0
// What stands in for a DolphinDB, asked by DolphinDB's own Python client (dolphindb_judge.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "contract/dolphindb_fixture.h"
#include "support/dolphindb_double.h"
#include "support/output_of.h"

namespace sluice {
namespace {

using testing::DolphindbDouble;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Of 20,000 rows, which is three blocks.
void create_trades(DolphindbDouble& cluster) {
  cluster.create({.database = "dfs://trades",
                  .name = "trade",
                  .columns = {{"id", "LONG"},
                              {"sym", "SYMBOL"},
                              {"ts", "NANOTIMESTAMP"},
                              {"price", "DOUBLE"},
                              {"odd \"name", "LONG"}},
                  .partitions = {{"ts", "VALUE",
                                  testing::dolphin::integers_of({19723}, testing::dolphin::kDate)}},
                  .sort_columns = {"sym", "ts"}});
  cluster.exec(
      "INSERT INTO \"dfs://trades\".trade SELECT i, ['A', 'B', ''][1 + i % 3], CASE WHEN i % 7 <> "
      "3 "
      "THEN 1704067200000000000 + i * 1000000001 END, CASE WHEN i <> 5 THEN i / 4 END, i * 10 FROM "
      "range(20000) r(i)");
}

TEST(DolphindbDoubleTest, TheOfficialClientFindsNothingWrong) {
  DolphindbDouble plain(
      {.users = {{"admin", {"123456", false, {}}}, {"sam", {"pencil", true, {}}}}});
  DolphindbDouble encrypted({.tls = true});
  create_trades(plain);
  create_every_type(plain);
  EXPECT_THAT(
      testing::output_of(testing::python_with("dolphindb") +
                         SLUICE_SOURCE "/tests/contract/dolphindb_judge.py " +
                         std::to_string(plain.port()) + " " + std::to_string(encrypted.port())),
      EndsWith("ok\n"));
  EXPECT_THAT(plain.violations(), IsEmpty());
  EXPECT_THAT(encrypted.violations(), IsEmpty());
}

TEST(DolphindbDoubleTest, TheProgramServesAFile) {
  const std::string file = ::testing::TempDir() + "dolphindb_double.json";
  std::ofstream(file) << R"json({"tables": [
    {"database": "dfs://db", "name": "t", "columns": [["id", "LONG"], ["ts", "DATE"]],
     "partitions": [{"column": "ts", "kind": "VALUE", "type": "DATE", "scheme": [19723]}],
     "sort_columns": ["id", "ts"], "keep_duplicates": "LAST"},
    {"name": "live", "columns": [["id", "INT"]]}],
    "sql": ["INSERT INTO \"dfs://db\".t VALUES (1, 19723), (1, 19723), (2, NULL)"]})json";
  const std::string program =
      std::filesystem::read_symlink("/proc/self/exe").replace_filename("dolphindb_double");
  const std::string script = R"script(
coproc cluster { "$1" "$2" user=me:mine nodes=2; }
read -r word sites <&"${cluster[0]}"
port=${sites%%,*}; port=${port##*:}
exec 3<>/dev/tcp/127.0.0.1/$port
printf 'API 0 21 / 0_1_4_2\nconnect\nlogin\nme\nmine' >&3
read -r header <&3; read -r status <&3
asked='exec count(*) from loadTable("dfs://db", "t")'
printf 'API 0 %d / 0_1_4_64\nscript\n%s' $((7 + ${#asked})) "$asked" >&3
read -r header <&3; read -r counted <&3; rows=$(head -c 3 <&3 | tail -c 1 | od -An -tu1)
echo "$word $status $counted" $rows
for line in 'error 1+1|<DataNodeNotReady>' 'stop 1' 'start 1' 'requests loadTable' 'sql DROP TABLE shared.live'; do
  echo "$line" >&"${cluster[1]}"; read -r answer <&"${cluster[0]}"; echo $answer
done
)script";
  const std::string path = ::testing::TempDir() + "dolphindb_double.sh";
  std::ofstream(path) << script;
  EXPECT_EQ(testing::output_of("timeout 30 bash " + path + " " + program + " " + file),
            "sites OK OK 2\ndone\ndone\ndone\n1\ndone\n");
  EXPECT_THAT(testing::output_of(program + " " + file + " colour=red"),
              HasSubstr("no such option: colour=red"));
  EXPECT_THAT(testing::output_of(program + " --help"), HasSubstr("FILE.json"));
}

}  // namespace
}  // namespace sluice
