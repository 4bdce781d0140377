# MariaDB: what the commands say, to whom nothing goes wrong and to whom it does; names that need quotes everywhere.
import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import mysql_support  # noqa: E402
import support  # noqa: E402

ODD = ("order", "my col", "ünï", "a`b", "x.y", 'q"q', "it's", "日本")
TABLES = ("order", "my tab.le", "a`b", "ünï", "nokey")


def at_a_terminal(*arguments, **env):
    """What the program shows at 80 columns, without colours; and its exit code."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(support.SLUICE, [support.SLUICE, *map(str, arguments)], support.environment(TERM="xterm-256color", **env))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    text = b""
    while True:
        try:
            read = os.read(terminal, 65536)
        except OSError:
            break
        if not read:
            break
        text += read
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.decode()).replace("\r\n", "\n"), code


class Login(mysql_support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.sql("create table t (id int primary key, a text); insert into t values (1, 'one')")
        self.port = self.server.port

    def refused(self, url, code, *says, **env):
        """By every command that connects: one message, a hint, and no secret. Nothing is made."""
        for command in ("sync", "discover", "plan"):
            with self.subTest(command=command, url=url):
                words = (url,) if command == "discover" else (url, f"duckdb:{self.file}")
                text = support.sluice(command, *words, check_exit=code, **env)
                self.assertEqual(text.count("error: "), 1, text)
                for each in says:
                    self.assertIn(each, text)
                self.assertNotIn("s3cret", text)
                self.assertNotIn(support.PASSWORD, text)
                self.assertFalse(self.file.exists())

    def test_wrong_password(self):
        host = f"127.0.0.1:{self.port}/{self.db}"
        denied = "Access denied for user 'root'@'127.0.0.1'"
        self.refused(f"mysql://root:s3cret%21@{host}", 1, f"cannot connect to mysql://root:***@{host}", denied, "SLUICE_PASSWORD")
        self.refused(f"mysql://root@{host}", 1, denied, MYSQL_PWD="s3cret")
        self.refused(f"mysql://root@{host}", 1, denied, SLUICE_PASSWORD="s3cret")
        self.assertIn(denied, support.sluice("check", f"mysql://root:s3cret@{host}", f"duckdb:{self.file}", check_exit=1))

    def test_wrong_database_host_port_and_socket(self):
        self.refused(self.server.url("s0me"), 2, "Unknown database 's0me'", "mysql://user@host:port/DATABASE")
        self.refused(self.server.url(self.db, port=1), 1, f"mysql://root:***@127.0.0.1:1/{self.db}", "check the URL's host and port")
        self.refused(self.server.url(self.db, host="no-such-host.invalid"), 1, "Unknown server host 'no-such-host.invalid'")
        self.refused(f"mysql://root:s3cret@localhost/{self.db}?socket=/nowhere/sock", 1, "through socket '/nowhere/sock'")

    def test_parameters_that_are_none(self):
        self.refused(self.url + "?sslmod=REQUIRED", 2, "the URL's parameter sslmod is not known", "ssl-mode")
        self.refused(self.url + "?defaults-file=/nowhere/my.cnf", 2, "defaults-file: there is no file /nowhere/my.cnf")
        self.refused(self.url + "?ssl-mode=maybe", 2, "ssl-mode=maybe is not known")

    def test_option_files_say_what_the_url_leaves_open(self):
        """A file that the URL names, ~/.my.cnf, a group of ours, and the URL above all."""
        given = f"user = root\npassword = \"{support.PASSWORD}\"\nport = {self.port}\nhost = 127.0.0.1\n"
        file, home = self.folder / "my own.cnf", self.folder / ".my.cnf"
        file.write_text(f"[mysqld]\nport = 1\n[client]\npassword = s3cret\n{given}[other]\nuser = nobody\n")
        home.write_text(f"[client]\nuser = nobody\npassword = s3cret\n[sluice]\n{given}")
        named = f"mysql:///{self.db}?defaults-file=" + str(file).replace(" ", "%20")
        for url, env in ((named, {}), (f"mysql:///{self.db}", {"HOME": str(self.folder)})):
            with self.subTest(url):
                copy = self.folder / f"{len(env)}.duckdb"
                self.assertNotIn("error", support.sluice("sync", url, f"duckdb:{copy}", **env))
                self.assert_equal(file=copy)
        self.refused(f"mysql://:s3cret@/{self.db}", 1, "Access denied", HOME=str(self.folder))
        self.assertNotIn(support.PASSWORD, "".join(self.folder.joinpath(each).read_text() for each in ("0.duckdb.sluice.log", "1.duckdb.sluice.log")))

    def test_socket(self):
        """Of this machine, where the user needs no password."""
        url = f"mysql://root@localhost/{self.db}?socket={self.server.folder / mysql_support.SOCKET}"
        support.sluice("sync", url, f"duckdb:{self.file}")
        self.assert_equal()
        self.assertIn("a socket of this machine", support.sluice("check", url, f"duckdb:{self.file}"))

    def test_check_names_the_rights_that_are_missing(self):
        self.server.sql(f"create or replace user poor@'%' identified by 'pw'; grant select on {mysql_support.name(self.db)}.* to poor@'%'")
        self.addCleanup(self.server.sql, "drop user poor@'%'")
        check = ("check", self.server.url(self.db, "poor", "pw"), f"duckdb:{self.file}")
        text = support.sluice(*check)
        for each in ("GRANT PROCESS ON *.*", "GRANT BINLOG MONITOR ON *.*", "one session reads"):
            self.assertIn(each, text)
        self.server.sql("grant process, binlog monitor on *.* to poor@'%'")
        self.assertNotIn("GRANT", support.sluice(*check))
        self.server.sql("revoke binlog monitor on *.* from poor@'%'; grant lock tables on *.* to poor@'%'")
        text = support.sluice(*check)
        self.assertNotIn("GRANT", text)
        self.assertIn("while the tables were locked", text)


class Interrupted(mysql_support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.sql("create table t (id int primary key auto_increment, a text, updated_at timestamp(6) default current_timestamp(6));"
                 " insert into t (a) select repeat(md5(seq), 28) from seq_1_to_60000; analyze table t")

    def interrupt(self, signals, *flags):
        with self.start_sync("--unit-rows", "1", "--parallel", "1", "--max-rate", "25MB", "--json", *flags) as run:
            text = next(line for line in run.stdout if '"unit_committed' in line)
            for each in signals:
                run.send_signal(each)
                time.sleep(0.05)
            began = time.monotonic()
            text += run.communicate(timeout=support.LIMIT)[0]
        self.assertLess(time.monotonic() - began, 10)
        return run.returncode, text

    def test_ctrl_c_in_a_load(self):
        """Once, and twice: nothing half done is visible, and the next run goes on from there."""
        for signals, code in (((signal.SIGINT,), 130), ((signal.SIGTERM, signal.SIGTERM), 143)):
            with self.subTest(signals):
                self.file = self.folder / f"{len(signals)}{code}.duckdb"
                ended, text = self.interrupt(signals)
                self.assertEqual(ended, code, text)
                self.assertEqual(support.tables(self.file), [f"{self.db}._sluice_load_t"])
                support.wait_for(lambda: not self.server.sessions())
                self.assertIn("resume", self.sync_equal())
                self.assert_nothing_hidden()

    def test_ctrl_c_while_the_server_computes(self):
        """A statement that sends nothing is ended at the server, too."""
        with self.start_sync("--json", "--where", f"{self.db}.t=sleep(20) = 0") as run:
            support.wait_for(lambda: self.server.sessions("info like '%sleep(20)%'"))
            run.send_signal(signal.SIGINT)
            time.sleep(0.1)  # two at once are one
            run.send_signal(signal.SIGINT)
            text = run.communicate(timeout=15)[0]
        self.assertEqual(run.returncode, 130, text)
        support.wait_for(lambda: not self.server.sessions(), 5)


class OddNames(mysql_support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.server.sql(f"drop database {mysql_support.name(self.db)}")
        self.db = self.server.database("shop.`dot ü")
        self.url = self.server.url("shop.%60dot%20%C3%BC")
        columns = ", ".join(f"{mysql_support.name(each)} varchar(20) default 'x'" for each in ODD)
        self.sql(f"create table `order` (id int primary key, {columns}, updated_at timestamp(6) default current_timestamp(6));"
                 " insert into `order` (id, `a``b`) select seq, concat('row ', seq) from seq_1_to_30;"
                 " create table `my tab.le` (`select` varchar(20), `from` int, primary key (`select`));"
                 " insert into `my tab.le` values ('x', 1), ('y', null);"
                 " create table `a``b` (`q\"q` int, `c'c` text, unique (`q\"q`)); insert into `a``b` values (1, 'x'), (null, 'x'), (null, 'x');"
                 " create table `ünï` (`日本` int primary key, b text); insert into `ünï` values (1, '日本語');"
                 " create table nokey (a int, b text); insert into nokey values (1, 'a'), (1, 'a')")

    def names(self, *tables):
        return [f"{self.db}.{each}" for each in tables]

    def command(self, command, *arguments, **more):
        return support.sluice(command, self.url, f"duckdb:{self.file}", *arguments, **more)

    def change(self):
        self.sql("update `order` set `my col` = 'changed', updated_at = now(6) + interval 1 second where id % 7 = 0;"
                 " delete from `order` where id = 5;"
                 " update `my tab.le` set `from` = 5; delete from `ünï`; insert into `ünï` values (2, 'ü'); delete from `a``b` where `q\"q` = 1")

    def test_every_command(self):
        for text in (support.sluice("discover", self.url), self.command("check"), self.command("plan")):
            for name in self.names(*TABLES) if "tables can be read" not in text else ():
                self.assertIn(name, text)
        self.sync_equal(tables=TABLES)
        self.assertEqual(self.command("verify").count("equal"), len(TABLES))
        self.change()
        text = self.command("verify", check_exit=4)
        self.assertIn(f"{self.db}.order: id 7: differs in my col", text)
        self.assertIn(f"{self.db}.my tab.le: select x: differs in from", text)
        self.command("repair")
        self.command("verify")
        for table in TABLES:
            self.assert_equal(table)
        self.sync_equal(tables=TABLES)

    def test_tables_and_columns_are_chosen_by_their_names(self):
        self.sync("--tables", ",".join(self.names("order", "my tab.le")), "--exclude-columns", "order=x.y,日本", "--where",
                  "order=`my col` = 'x' and id < 10")
        left = [each for each in mysql_support.columns_of(self.server, "order", self.db) if each.name not in ("x.y", "日本")]
        self.assert_equal("order", columns=left, where="id < 10")
        self.assert_equal("my tab.le")
        self.assertEqual(len(support.tables(self.file)), 2)

    def test_a_predicate_that_the_source_refuses_names_its_option(self):
        for where, says in (("id >", "error in your SQL syntax"), ("nope > 1", "Unknown column 'nope'"), ("id in (select id from nope)", "doesn't exist")):
            for command in ("sync", "plan"):
                with self.subTest((where, command)):
                    text = self.command(command, "--tables", "order", "--where", f"order={where}", check_exit=2)
                    self.assertRegex(text, f"order: where: .*{says}")
                    self.assertIn("where: is a predicate in the source's SQL", text)
        for start in ("soon", "2020-13-45", "5 o'clock"):
            text = self.command("sync", "--tables", "order", "--start", f"order={start}", check_exit=2)
            self.assertIn(f'order: start: "{start}" is no timestamp(6)', text)
        text = self.command("sync", "--tables", "order", "--replication-key", "order=id", "--start", "order=soon", check_exit=2)
        self.assertIn('order: start: "soon" is no int(11)', text)
        self.sync("--tables", "order", "--start", "order=2020-01-31 10:00:00+02", "--where", "order=id < 20 -- the few")
        self.assert_equal("order", where="id < 20")

    def test_preview_and_sql(self):
        for table, value in (("order", "row 7"), ("my tab.le", "y"), ("a`b", "x"), ("ünï", "日本語"), (f"{self.db}.order", "row 1")):
            self.assertIn(value, support.sluice("preview", self.url, table))
        self.assertIn("the source has no table ordre", support.sluice("preview", self.url, "ordre", check_exit=2))
        self.sync("--tables", f"{self.db}.order")
        text = support.sluice("sql", self.file, f'select "a`b" from "{self.db}"."order" where id = 7')
        self.assertIn("row 7", text)
        self.assertIn(f"{self.db}.order", support.sluice("state", "show", self.file))

    def test_what_to_type_next_runs_when_pasted(self):
        for table in TABLES:
            text = self.sync("--tables", f"{self.db}.{table}", file=self.folder / f"{TABLES.index(table)} copy.duckdb")
            line = re.search("^next: (sluice sql .*)$", text, re.M).group(1)
            done = subprocess.run(["sh", "-c", line.replace("sluice", support.SLUICE, 1)], text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, env=support.environment())
            self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}")

    def test_repair_finds_rows_by_odd_keys(self):
        self.sync()
        self.assertEqual(support.query(self.file, "select 1"), [["1"]])
        self.sql("update `order` set `q\"q` = 'silent' where id = 3; delete from nokey limit 1")
        text = self.command("verify", "--json", check_exit=4)
        seen = {each["table"]: each for each in map(json.loads, text.splitlines()) if "table" in each}
        self.assertEqual((seen["order"]["equal"], seen["nokey"]["equal"], seen["ünï"]["equal"]), (False, False, True))
        self.command("repair", "--tables", "order,nokey")
        self.assert_equal("order")
        self.assert_equal("nokey")

    def test_at_a_terminal_lines_have_80_columns(self):
        """But for what is to be pasted."""
        destination = f"duckdb:{self.file}"
        self.server.sql(f"create or replace user poor@'%' identified by 'pw'; grant select on *.* to poor@'%'")
        self.addCleanup(self.server.sql, "drop user poor@'%'")
        poor = self.url.replace(f"root:{support.PASSWORD}", "poor:pw")
        for command in (("check", poor, destination), ("discover", self.url), ("plan", self.url, destination), ("preview", self.url, "my tab.le"),
                        ("sync", self.url, destination), ("plan", poor, destination), ("verify", self.url, destination),
                        ("state", "show", self.file), ("sql", self.file, f'select id, "a`b", "日本", updated_at from "{self.db}"."order"'),
                        ("check", self.url.replace(support.PASSWORD, "s3cret"), destination)):
            with self.subTest(command):
                text, code = at_a_terminal(*command)
                self.assertEqual(code, 1 if "s3cret" in str(command) else 0, text)
                for line in text.splitlines():
                    if not line.startswith(("next: ", "default: ")):
                        self.assertLessEqual(len(line), 80, text)


if __name__ == "__main__":
    unittest.main()
