"""Starting and stopping the whole: what people see in the terminal, and what is left behind."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from django.conf import settings

from portal.postgres_files import REACHABLE
from tests.portal.running import ROOT, Portico, free_port, occupied
from tests.waiting import wait_until

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("server")]
IS_ROOT = os.geteuid() == 0
# Only the account changes: root's Python may lie where others cannot go, so reading stays allowed.
AS_NOBODY = (
    "setpriv --reuid=nobody --regid=nogroup --clear-groups --inh-caps=-all,+dac_read_search"
    " --ambient-caps=-all,+dac_read_search --bounding-set=-all,+dac_read_search"
).split()


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that the account of the server can reach, unlike pytest's own temporary ones."""
    folder = Path(tempfile.mkdtemp(prefix="test-server-", dir=settings.PORTICO_HOME))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Portico]:
    portico = Portico(place / "running")
    try:
        yield portico.start_and_wait()
    finally:
        portico.kill_everything()


def database_url(portico: Portico) -> str:
    return (portico.home / "run" / "database-url").read_text()


def test_once_it_says_ready_every_part_is_up(running: Portico) -> None:
    status, body = running.get("/readyz")
    assert status == 200
    assert body == '{"database": "up", "migrations": "up", "queue": "up", "worker": "up", "schedule": "up"}'


def test_it_prints_where_to_go(running: Portico) -> None:
    assert f"Portico is ready: http://localhost:{running.port}/" in running.output


def test_without_the_demo_nobody_can_sign_in_and_it_says_how_to_make_the_first_account(
    running: Portico,
) -> None:
    assert "createsuperuser" in running.output
    with psycopg.connect(database_url(running)) as connection:
        assert connection.execute("select count(*) from control_user").fetchone() == (0,)


def test_all_state_lies_in_the_data_folder(running: Portico) -> None:
    kept = {path.name for path in running.home.iterdir()}
    assert {"postgres", "secret-key", "static", "run", "log"} <= kept


def test_a_second_start_on_the_same_data_names_the_first_and_leaves(running: Portico) -> None:
    second = Portico(running.home).start()
    assert second.wait() == 1
    assert f"Another Portico already works on {running.home}" in second.output
    assert f"process {running.process and running.process.pid}" in second.output
    assert running.get("/readyz")[0] == 200


def test_a_port_that_does_not_exist_is_refused_in_words(place: Path) -> None:
    portico = Portico(place / "odd", port=70_000).start()
    assert portico.wait() == 1
    assert "There is no port 70000. Choose one from 1 to 65535" in portico.output
    assert "Traceback" not in portico.output


def test_a_busy_port_is_named_with_a_way_out(place: Path) -> None:
    port = free_port()
    with occupied(port):
        portico = Portico(place / "busy", port=port).start()
        assert portico.wait() == 1
    assert f"Port {port} on 127.0.0.1 cannot be used (address already in use)" in portico.output
    assert f"--port {port + 1}" in portico.output


def test_a_killed_worker_is_started_again(running: Portico) -> None:
    def workers() -> list[int]:
        return [
            process.pid
            for process in running.processes()
            if "worker" in process.cmdline()
            and "celery" in process.cmdline()
            and "portal.keep" not in process.cmdline()
        ]

    before = workers()
    for pid in before:
        psutil.Process(pid).kill()
    wait_until(
        lambda: workers() and not set(workers()) & set(before),
        60,
        "another worker runs",
        lambda: running.output,
    )
    assert "worker ended by itself (killed by SIGKILL); starting it again in 1 s." in running.output


@pytest.mark.skipif(not IS_ROOT, reason="only root can be somebody else")
def test_other_accounts_of_the_machine_do_not_get_into_the_database(running: Portico) -> None:
    attempt = f"import psycopg; psycopg.connect({database_url(running)!r})"
    tried = subprocess.run(
        [*AS_NOBODY, sys.executable, "-c", attempt], capture_output=True, text=True, check=False
    )
    assert tried.returncode != 0
    assert "Peer authentication failed" in tried.stderr


def test_a_role_with_a_password_gets_in_but_not_into_the_portals_own_database(running: Portico) -> None:
    url = database_url(running)
    with psycopg.connect(url) as connection:
        connection.execute("create role reader login password 'a-long-password'")
    address = url.replace("postgres@", "reader:{}@", 1)
    elsewhere = address.rsplit("/", 1)[0] + "/postgres"
    psycopg.connect(elsewhere.format("a-long-password")).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(elsewhere.format("wrong"))
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(address.format("a-long-password"))


def test_ctrl_c_ends_everything_and_the_next_start_has_the_same_data(place: Path) -> None:
    first = Portico(place / "again").start_and_wait()
    with psycopg.connect(database_url(first)) as connection:
        connection.execute("create table kept (word text)")
        connection.execute("insert into kept values ('still here')")
    assert first.interrupt() == 0
    assert first.output.rstrip().endswith("Stopped.")
    first.wait_until_gone()

    second = Portico(place / "again").start_and_wait()
    with psycopg.connect(database_url(second)) as connection:
        assert connection.execute("select word from kept").fetchone() == ("still here",)
    assert second.end_by(signal.SIGTERM) == 0
    second.wait_until_gone()


def test_after_kill_9_of_everything_the_next_start_recovers(place: Path) -> None:
    first = Portico(place / "killed").start_and_wait()
    first.kill_everything()
    second = Portico(place / "killed").start_and_wait()
    assert second.get("/readyz")[0] == 200
    second.kill_everything()


def test_when_only_the_supervisor_is_killed_nothing_outlives_it(place: Path) -> None:
    portico = Portico(place / "orphans").start_and_wait()
    assert portico.process is not None
    portico.process.kill()
    portico.process.wait()
    portico.wait_until_gone()


def test_a_note_of_a_dead_server_whose_number_another_process_has_does_not_stop_the_start(
    place: Path,
) -> None:
    first = Portico(place / "reused").start_and_wait()
    first.kill_everything()
    note = (first.home / "postgres" / "postmaster.pid").resolve()
    lines = note.read_text().splitlines()
    note.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    second = Portico(place / "reused").start_and_wait()
    assert second.interrupt() == 0


@pytest.mark.skipif(not IS_ROOT, reason="the test itself runs as an ordinary user, as do all others then")
def test_an_ordinary_user_starts_it_too(place: Path) -> None:
    home = place / "ordinary"
    home.mkdir()
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    portico = Portico(home, through=AS_NOBODY)
    portico.start_and_wait()
    assert (home / "postgres").stat().st_uid == nobody.pw_uid
    assert portico.interrupt() == 0


@pytest.mark.skipif(
    not IS_ROOT, reason="an ordinary user's server runs as that user, who can reach the folder"
)
def test_root_may_keep_the_data_where_no_other_account_can_go(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    portico = Portico(tmp_path / "home").start_and_wait()
    data = (portico.home / "postgres").resolve()
    try:
        assert data.parent == REACHABLE
        assert tmp_path.stat().st_mode & 0o777 == 0o700
        assert portico.interrupt() == 0
    finally:
        portico.kill_everything()
        shutil.rmtree(data)


def test_a_database_of_yours_is_used_when_you_name_one(running: Portico, place: Path) -> None:
    with psycopg.connect(database_url(running), autocommit=True) as connection:
        connection.execute("create database mine")
    url = database_url(running).rsplit("/", 1)[0] + "/mine"
    portico = Portico(place / "mine", DATABASE_URL=url, SECRET_KEY="long-enough-" * 6).start_and_wait()
    assert portico.get("/readyz")[0] == 200
    assert not (portico.home / "postgres").exists()
    assert portico.interrupt() == 0
    with psycopg.connect(url) as connection:
        assert connection.execute("select to_regclass('control_intent') is not null").fetchone() == (True,)


def test_with_a_database_of_yours_a_secret_key_is_required(running: Portico, place: Path) -> None:
    portico = Portico(place / "keyless", DATABASE_URL=database_url(running)).start()
    assert portico.wait() == 1
    assert "SECRET_KEY is missing" in portico.output
    assert "Traceback" not in portico.output


def test_a_database_that_does_not_answer_is_named(place: Path) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    portico = Portico(place / "silent", DATABASE_URL=url, SECRET_KEY="long-enough-" * 6).start()
    assert portico.wait() == 1
    assert "The database of DATABASE_URL does not answer" in portico.output
    assert "Traceback" not in portico.output


def test_the_script_starts_it(place: Path) -> None:
    """`script/server` itself, with the environment that runs these tests."""
    refused = subprocess.run(
        [ROOT / "script" / "server", "--port", "none"],
        env={**os.environ, "PORTICO_VENV": sys.prefix, "PORTICO_HOME": str(place / "script")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "usage: script/server" in refused.stderr
