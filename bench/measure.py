# Private servers, and what one process costs.
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time


class Postgres:
    """A private cluster; as root it runs as the user postgres."""

    def __init__(self):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
        self.bin = os.environ.get("SLUICE_TEST_PG_BIN") or str(found[-1].parent)
        self.folder = tempfile.mkdtemp(prefix="sluice-bench-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
        self.run("initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-D", f"{self.folder}/data")
        settings = "fsync=off shared_buffers=1GB max_wal_size=8GB max_parallel_workers_per_gather=0"
        options = " ".join(f"-c {word}" for word in settings.split())
        self.run("pg_ctl", "-w", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-o",
                 f"-p {self.port} -k {self.folder} {options}", "start")

    def run(self, program, *args):
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run([*user, f"{self.bin}/{program}", *args], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def psql(self, sql, database="bench"):
        done = subprocess.run([*self.command(database), "-Atc", sql], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def command(self, database="bench"):
        return ["psql", "-X", "-q", "-h", self.folder, "-p", str(self.port), "-U", "postgres", "-d", database]

    def url(self, database="bench"):
        return f"postgresql://postgres@localhost:{self.port}/{database}?host={self.folder}"

    def stop(self):
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)


class Mariadb:
    """A private server; as root it runs as the user mysql."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-bench-mysql-")
        user = []
        if os.getuid() == 0:
            shutil.chown(self.folder, "mysql")
            user = ["--user=mysql"]
        data, self.socket = f"{self.folder}/data", f"{self.folder}/socket"
        subprocess.run(["mariadb-install-db", "--no-defaults", *user, f"--datadir={data}",
                        "--auth-root-authentication-method=normal"], check=True, stdout=subprocess.DEVNULL)
        settings = ["innodb-buffer-pool-size=3G", "innodb-flush-log-at-trx-commit=0", "innodb-log-file-size=2G",
                    "skip-networking", "innodb-doublewrite=0", f"socket={self.socket}", f"datadir={data}",
                    f"pid-file={self.folder}/pid", f"log-error={self.folder}/log"]
        self.process = subprocess.Popen(["mariadbd", "--no-defaults", *user, *(f"--{each}" for each in settings)],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            if subprocess.run([*self.command(""), "-e", "SELECT 1"], capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        sys.exit("MariaDB does not start:\n" + pathlib.Path(f"{self.folder}/log").read_text()[-2000:])

    def command(self, database="bench"):
        return ["mariadb", "--no-defaults", "-N", "-B", "-u", "root", "-S", self.socket, *([database] if database else [])]

    def run(self, sql, database="bench"):
        done = subprocess.run(self.command(database), input=sql, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def url(self, database="bench"):
        return f"mysql://root@localhost/{database}?socket={self.socket}"

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def told(output, *counts):
    """What the tables of a run with --json add up to, of these counts of their receipts."""
    lines = (line for line in output.decode(errors="replace").splitlines() if line.startswith("{"))
    receipts = [json.loads(line) for line in lines if '"progress"' not in line and '"summary"' not in line]
    return sum(receipt.get(count, 0) for receipt in receipts for count in counts)


def measure(command, ends=(0,)):
    """Wall seconds, seconds to the first output, CPU seconds, peak memory (MB), bytes read and rows written of one process
    and its children, which may end with these exit codes."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
        output = process.stdout.read(1)
        first = time.monotonic() - started
        output += process.stdout.read()
        process.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        if os.waitstatus_to_exitcode(status) not in ends:
            errors.seek(0)
            sys.exit(f"{command[0]} failed:\n{errors.read()[-2000:]}")
    return {"wall": wall, "first": first, "cpu": usage.ru_utime + usage.ru_stime, "mb": usage.ru_maxrss / 1024,
            "bytes": told(output, "bytes"), "rows": told(output, "inserted", "updated", "deleted")}


def copy(frm, to):
    for suffix in ("", ".wal"):
        pathlib.Path(str(to) + suffix).unlink(missing_ok=True)
    if frm:
        shutil.copyfile(frm, to)
