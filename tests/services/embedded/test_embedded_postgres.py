import asyncio
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from geo.errors import EmbeddedError
from services.embedded import EmbeddedPostgres, free_port, postgres_files
from services.embedded.postgres import running_owner_url
from services.embedded.processes import working_in
from tests.services.embedded.conftest import ROOT, Script, gone, wait_for

pytestmark = pytest.mark.system

# `{death}` is the signal the kernel sends the server when this process is killed; 0 for none.
SERVICE = """
import asyncio, sys
from pathlib import Path
import services.embedded.postgres as module
real = module.spawn
module.spawn = lambda *a, **k: real(*a, **(k | {{"death_signal": {death}}}))
async def main():
    server = module.EmbeddedPostgres(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    print(server.owner_url, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A data folder with a stopped, empty database: making one takes a second or more."""
    folder = Path(tempfile.mkdtemp(prefix="straja-test-", dir="/tmp"))
    folder.chmod(0o755)

    async def make() -> None:
        async with EmbeddedPostgres(folder, fsync=False):
            pass

    asyncio.run(make())
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def made_dir(open_dir: Path, template: Path) -> Path:
    subprocess.run(["/bin/cp", "-a", f"{template}/.", str(open_dir)], check=True)
    return open_dir


@pytest.fixture
async def server(made_dir: Path) -> AsyncIterator[EmbeddedPostgres]:
    async with EmbeddedPostgres(made_dir) as postgres:
        yield postgres


def ask(url: str, query: str) -> object:
    """Run a query, and give the first column of its first row, if any."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
        return None if row is None else row[0]


async def test_owner_makes_tables_and_the_service_only_uses_them(
    server: EmbeddedPostgres,
) -> None:
    ask(
        server.owner_url,
        "CREATE SCHEMA later; CREATE TABLE t (x int); CREATE TABLE later.u (y int)",
    )
    ask(server.url, "INSERT INTO t VALUES (1); INSERT INTO later.u VALUES (2)")
    ask(server.url, "UPDATE t SET x = 3")
    assert ask(server.url, "SELECT x FROM t") == 3
    for forbidden in (
        "CREATE TABLE mine (x int)",
        "DROP TABLE t",
        "ALTER TABLE t ADD z int",
        "SELECT * FROM pg_authid",
        "COPY t FROM '/etc/passwd'",
        "ALTER SYSTEM SET fsync = off",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(server.url, forbidden)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(server.owner_url, "COPY t FROM '/etc/passwd'")
    assert ask(server.url, "SHOW fsync") == "on"
    assert ask(server.url, "SHOW synchronous_commit") == "on"
    assert ask(server.url, "SHOW timezone") == "UTC"


async def test_nobody_enters_without_the_password(server: EmbeddedPostgres) -> None:
    for role in (postgres_files.ADMIN_ROLE, postgres_files.SERVICE_ROLE):
        for password in ("", "wrong"):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(
                    host=str(server._socket_folder), user=role, password=password, dbname="straja"
                )
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url.replace("@/straja?", "@/postgres?"))


async def test_no_tcp_unless_asked_and_secrets_are_nowhere_to_be_seen(
    server: EmbeddedPostgres, made_dir: Path
) -> None:
    family = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]
    assert all(not p.net_connections(kind="inet") for p in family)
    secrets = made_dir / "secrets"
    stored = (secrets / "postgres.json").read_text()
    assert [path.name for path in secrets.iterdir()] == ["postgres.json"]
    assert stat.S_IMODE((secrets / "postgres.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(server._socket_folder.stat().st_mode) == 0o700
    passwords = [word for word in stored.split('"') if len(word) >= 32]
    assert len(passwords) == 3
    logs = [made_dir / "postgres-start.log", made_dir / "postgres-roles.log"]
    for path in [*server.log_dir.iterdir(), *logs]:
        assert not any(password in path.read_text() for password in passwords), path
    for process in family:
        shown = " ".join([*process.cmdline(), *process.environ().values()])
        assert not any(password in shown for password in passwords)
    if os.geteuid() == 0:
        assert psutil.Process(server.pid).uids().real != 0


async def test_tcp_when_asked_on_loopback_and_another_port_when_taken(made_dir: Path) -> None:
    taken = free_port()
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", taken)
    async with listener, EmbeddedPostgres(made_dir, tcp=True, port=taken) as server:
        assert server.port != taken
        assert f"@127.0.0.1:{server.port}/straja" in server.url
        assert ask(server.url, "SELECT 1") == 1
        listening = psutil.Process(server.pid).net_connections(kind="inet")
        assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}


async def test_committed_rows_survive_a_killed_server(server: EmbeddedPostgres) -> None:
    url, pid = server.url, server.pid
    ask(server.owner_url, "CREATE TABLE t (x int)")
    busy = psycopg.connect(url)
    busy.execute("INSERT INTO t SELECT generate_series(1, 1000)")
    busy.commit()
    busy.execute("INSERT INTO t VALUES (-1)")  # never committed
    psutil.Process(pid).kill()
    assert wait_for(lambda: not server.is_alive())
    assert await server.restart() == url
    busy.close()
    assert server.pid != pid
    assert ask(url, "SELECT count(*) FROM t WHERE x > 0") == 1000
    assert ask(url, "SELECT count(*) FROM t WHERE x < 0") == 0


async def test_workers_of_a_killed_server_do_not_stand_in_the_way(
    server: EmbeddedPostgres,
) -> None:
    stuck = psycopg.connect(server.url)
    worker = psutil.Process(stuck.info.backend_pid)
    worker.suspend()  # as one deep in a disk that hangs: it cannot see its server's end
    psutil.Process(server.pid).kill()
    assert wait_for(lambda: not server.is_alive())
    assert not gone(worker.pid)
    await server.restart()
    assert gone(worker.pid)
    stuck.close()
    assert ask(server.url, "SELECT 1") == 1


@pytest.mark.parametrize("death", [2, 0], ids=["told by the kernel", "not told"])
async def test_a_killed_service_leaves_no_server_behind(made_dir: Path, death: int) -> None:
    script = Script(SERVICE.format(death=death), [str(made_dir)])
    pid, owner_url = int(script.line()), script.line()
    ask(owner_url, "CREATE TABLE t AS SELECT 7 AS x")
    cluster = made_dir / "postgres" / "cluster"
    assert working_in(cluster, "postgres")
    script.kill()
    if death:
        assert wait_for(lambda: gone(pid))
    else:
        assert not gone(pid)
    async with EmbeddedPostgres(made_dir) as server:
        assert gone(pid)
        assert ask(server.url, "SELECT x FROM t") == 7
    assert working_in(cluster, "postgres") == []
    assert not (made_dir / "postgres-socket").exists()


async def test_a_stale_lock_file_naming_a_strangers_process_is_no_hindrance(
    made_dir: Path,
) -> None:
    async with EmbeddedPostgres(made_dir) as server:
        pid = server.pid
        pid_file = made_dir / "postgres" / "cluster" / "postmaster.pid"
        text = pid_file.read_text()
        psutil.Process(pid).kill()
        assert wait_for(lambda: not server.is_alive())
        lines = text.split("\n")
        pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
        await server.restart()
        assert ask(server.url, "SELECT 1") == 1
    assert psutil.Process().is_running()


async def test_another_process_finds_a_running_server(made_dir: Path) -> None:
    assert running_owner_url(made_dir) is None
    script = Script(SERVICE.format(death=2), [str(made_dir)])
    pid, owner_url = int(script.line()), script.line()
    assert running_owner_url(made_dir) == owner_url
    assert ask(owner_url, "SELECT current_user") == postgres_files.OWNER_ROLE
    psutil.Process(pid).kill()
    assert wait_for(lambda: gone(pid))
    assert (made_dir / "postgres" / "cluster" / "postmaster.pid").exists()
    assert running_owner_url(made_dir) is None
    script.kill()


async def test_an_interrupted_making_is_begun_again(open_dir: Path) -> None:
    part = open_dir / "postgres" / "cluster.part"
    part.mkdir(parents=True)
    (part / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres(open_dir) as server:
        assert ask(server.url, "SELECT 1") == 1
    assert not part.exists()


async def test_a_cancelled_start_leaves_nothing_running(open_dir: Path) -> None:
    server = EmbeddedPostgres(open_dir)
    starting = asyncio.create_task(server.start())
    cluster = open_dir / "postgres" / "cluster"
    await asyncio.to_thread(wait_for, (cluster / "postmaster.pid").exists)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert working_in(cluster, "postgres") == []
    await server.start()
    assert ask(server.url, "SELECT 1") == 1
    await server.stop()
    await server.stop()


async def test_a_second_service_on_the_folder_is_refused(
    server: EmbeddedPostgres, made_dir: Path
) -> None:
    with pytest.raises(EmbeddedError, match="this very process"):
        await EmbeddedPostgres(made_dir).start()
    other = Script(SERVICE.format(death=2), [str(made_dir)])
    assert other.line() == ""
    other.close()
    assert other.process.returncode != 0
    assert ask(server.url, "SELECT 1") == 1


async def test_lost_passwords_are_told_and_nothing_is_destroyed(made_dir: Path) -> None:
    async with EmbeddedPostgres(made_dir) as server:
        ask(server.owner_url, "CREATE TABLE t AS SELECT 7 AS x")
    path = made_dir / "secrets" / "postgres.json"
    kept = path.read_text()
    path.unlink()
    with pytest.raises(EmbeddedError, match=r"postgres\.json is missing"):
        await EmbeddedPostgres(made_dir).start()
    path.write_text(kept)
    async with EmbeddedPostgres(made_dir) as server:
        assert ask(server.url, "SELECT x FROM t") == 7


async def test_a_cluster_of_a_version_not_bundled_is_told(open_dir: Path) -> None:
    cluster = open_dir / "postgres" / "cluster"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match="was made by PostgreSQL 9, bundled is"):
        await EmbeddedPostgres(open_dir).start()


async def test_an_older_bundled_version_goes_on_with_its_cluster(
    open_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest = postgres_files.bundled()[-1]
    with monkeypatch.context() as only_old:
        only_old.setattr(postgres_files, "bundled", lambda: [oldest])
        async with EmbeddedPostgres(open_dir) as server:
            ask(server.owner_url, "CREATE TABLE t AS SELECT 7 AS x")
    async with EmbeddedPostgres(open_dir) as server:
        assert server.bin_dir == oldest.folder
        assert ask(server.url, "SELECT x FROM t") == 7


async def test_a_long_data_path_gets_a_short_socket(open_dir: Path) -> None:
    data = open_dir / ("long" * 20) / ("path" * 20)
    async with EmbeddedPostgres(data) as server:
        folder = server._socket_folder
        assert not folder.is_relative_to(open_dir)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert ask(server.url, "SELECT 1") == 1
        psutil.Process(server.pid).kill()
        assert wait_for(lambda: not server.is_alive())
        await server.restart()
        assert not folder.exists()
        assert ask(server.url, "SELECT 1") == 1
        folder = server._socket_folder
    assert not folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
async def test_below_a_closed_folder_root_puts_the_cluster_where_its_user_can_go(
    open_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = open_dir / "shared"
    monkeypatch.setattr(postgres_files, "SHARED_ROOTS", (shared,))
    closed = open_dir / "root"
    closed.mkdir(mode=0o700)
    # The programs too: as in an environment below /root.
    (programs, *_) = postgres_files.bundled()
    package = programs.folder.parents[1]
    site = closed / "site"
    install = site / package.name / programs.folder.parent.name
    shutil.copytree(
        programs.folder.parent, install, ignore=shutil.ignore_patterns("include", "*.a", "vector*")
    )
    shutil.copytree(package.parent / f"{package.name}.libs", site / f"{package.name}.libs")
    inner = postgres_files.Programs(install / "bin", programs.major)
    monkeypatch.setattr(postgres_files, "bundled", lambda: [inner])
    data = closed / "data"
    async with EmbeddedPostgres(data) as server:
        ask(server.owner_url, "CREATE TABLE t AS SELECT 7 AS x")
        assert server.bin_dir.is_relative_to(shared)
    link = data / "postgres"
    assert link.is_symlink()
    assert link.resolve().parent == shared
    assert stat.S_IMODE(link.resolve().stat().st_mode) == 0o700
    async with EmbeddedPostgres(data) as server:
        assert ask(server.url, "SELECT x FROM t") == 7
    assert len(list(shared.iterdir())) == 2  # one cluster, one copy of the programs


def _python_for_all() -> str | None:
    """Find an interpreter of our version that another user may run."""
    names = [sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"]
    for name in names:
        path = Path(name).resolve()
        if path.is_file() and all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents):
            return name
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="already runs without root")
def test_it_works_without_root(open_dir: Path) -> None:
    python = _python_for_all()
    if python is None or not all(p.stat().st_mode & stat.S_IXOTH for p in [ROOT, *ROOT.parents]):
        pytest.skip("another user can run neither this Python nor read this clone")
    user = pwd.getpwnam("nobody").pw_uid
    data = open_dir / "data"
    data.mkdir()
    os.chown(data, user, user)
    for _ in range(2):
        script = Script(SERVICE.format(death=2), [str(data)], python, user)
        pid, owner_url = int(script.line()), script.line()
        assert psutil.Process(pid).uids().real == user
        ask(owner_url, "CREATE TABLE IF NOT EXISTS t AS SELECT 7 AS x")
        assert ask(owner_url, "SELECT x FROM t") == 7
        script.kill()
        assert wait_for(lambda pid=pid: gone(pid))  # type: ignore[misc]
