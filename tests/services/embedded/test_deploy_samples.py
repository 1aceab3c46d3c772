"""The sample settings for own servers are taken by those servers."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from services.embedded import free_port, postgres_files
from services.embedded.folders import server_user
from services.embedded.nats import program
from services.embedded.processes import accepts, open_private_log, spawn, tail
from tests.services.embedded.conftest import ROOT, wait_for

pytestmark = pytest.mark.system

DEPLOY = ROOT / "deploy"


def make_certificate(folder: Path) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    words = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    )
    subprocess.run(
        [openssl, *words.split(), "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return certificate, key


def test_nats_takes_its_sample(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    text = (DEPLOY / "nats" / "straja.conf").read_text()
    text = text.replace("/etc/straja/broker.pem", str(certificate))
    text = text.replace("/etc/straja/broker-key.pem", str(key))
    sample = tmp_path / "nats.conf"
    sample.write_text(text)
    done = subprocess.run(
        [str(program()), "--config", str(sample), "-t"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "is valid" in done.stdout + done.stderr


def test_mosquitto_takes_its_sample(open_dir: Path) -> None:
    mosquitto = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if mosquitto is None:
        pytest.skip("mosquitto is not installed")
    certificate, key = make_certificate(open_dir)
    text = (DEPLOY / "mosquitto" / "straja.conf").read_text()
    acl = "\n".join(re.findall(r"^#   ((?:user|topic|pattern) .*)$", text, re.MULTILINE))
    assert "pattern write straja/v1/%u/#" in acl
    files = {"straja.passwd": "", "straja.acl": acl + "\n"}
    for name, content in files.items():
        (open_dir / name).write_text(content)
    port = free_port()
    text = text.replace("/etc/mosquitto/", f"{open_dir}/").replace(
        "/var/lib/mosquitto/", f"{open_dir}/"
    )
    text = text.replace("/etc/straja/broker.pem", str(certificate))
    text = text.replace("/etc/straja/broker-key.pem", str(key))
    sample = open_dir / "mosquitto.conf"
    sample.write_text(text.replace("listener 8883", f"listener {port} 127.0.0.1"))
    for path in [open_dir, *open_dir.iterdir()]:
        path.chmod(0o777 if path.is_dir() else 0o644)  # under root it becomes another user
    with open_private_log(open_dir / "log") as log:
        child = spawn([mosquitto, "-c", str(sample)], log=log)
    try:
        assert wait_for(lambda: accepts("127.0.0.1", port) or child.poll() is not None)
        assert child.poll() is None, tail(open_dir / "log")
        assert "Error" not in tail(open_dir / "log")
    finally:
        child.kill()  # this broker forgets a polite request that comes while it starts
        child.wait(timeout=20)


def test_postgres_takes_its_sample(open_dir: Path) -> None:
    sample = open_dir / "postgresql.conf"
    text = (DEPLOY / "postgres" / "straja.conf").read_text()
    # The bundled programs, with which we try it, are built without TLS.
    sample.write_text(re.sub(r"^ssl.*\n", "", text, flags=re.MULTILINE))
    sample.chmod(0o644)
    server = str(postgres_files.bundled()[0].folder / "postgres")
    command = [server, "-D", str(open_dir), "-C", "max_locks_per_transaction"]
    log_path = open_dir / "log"
    with open_private_log(log_path) as log:
        child = spawn(command, log=log, user=server_user())
    deadline = time.monotonic() + 20
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    said = tail(log_path)
    assert child.returncode == 0, said
    assert "256" in said
    assert "unrecognized" not in said
