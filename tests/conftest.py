"""What every test may count on: a PostgreSQL of its own, a small cast, and the corpus where it lies beside the project.

The server is an embedded one, under PORTICO_HOME/test-postgres, unless DATABASE_URL names another.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.test import Client

from control.models import User
from tests import factories
from tests.browser import chromium, portal, sign_in  # noqa: F401  fixtures of whatever drives a browser
from tests.worker import RealWorker

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"
TEST_SERVERS: Path = settings.PORTICO_HOME / "test-postgres"
_running = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Every process that runs tests has a server of its own: roles and databases are things of the whole server."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # playwright's loop lives in the test's thread
    if config.option.collectonly:
        return
    process = getattr(config, "workerinput", {}).get("workerid", "main")
    if process == "main":
        _take_turns()
    runs_tests = process != "main" or not config.option.numprocesses
    if runs_tests and not os.environ.get("DATABASE_URL"):
        _start_server(process)


def _take_turns() -> None:
    """A second run on the same folder waits for the first."""
    from portal.home import sole_user

    _running.enter_context(sole_user(TEST_SERVERS, "a test run", wait=True))


def _start_server(process: str) -> None:
    from portal.embedded import THROWAWAY_SETTINGS, Server

    home = TEST_SERVERS / process
    server = Server(home / "data", home / "sockets", home / "log", THROWAWAY_SETTINGS)
    url = server.start("portico")
    _running.callback(server.stop)
    os.environ.update(DATABASE_URL=url, PORTICO_EMBEDDED="1")
    cast(dict[str, object], settings.DATABASES["default"]).update(
        HOST=str(server.sockets), PORT=5432, NAME="portico", USER="postgres"
    )


def pytest_unconfigure() -> None:
    _running.close()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: object) -> None:
    """Tests with real transactions empty the tables by TRUNCATE, which the append-only record refuses everybody."""
    from django.core.management import call_command

    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # a pytest-django internal
        call_command("install_queue", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgname LIKE '%_no_truncate'"
            )
            for table, trigger in cursor.fetchall():
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")


@pytest.fixture(autouse=True, scope="session")
def jobs_go_nowhere() -> None:
    """A task that is sent waits in this process, for nobody; `real_worker` changes that."""
    from portal.celery import app

    app.conf.update(broker_url="memory://", broker_transport_options={})


@pytest.fixture(autouse=True)
def nothing_is_kept_between_tests() -> None:
    """Answers are kept by the catalogue's revision, and every test begins with the same one."""
    from catalog.api.kept import answers

    answers.clear()
    cache.clear()


@pytest.fixture
def real_worker(transactional_db: None, tmp_path: Path) -> Iterator[RealWorker]:
    """A real Celery worker on the test database; `start`, `kill` and `stop` it. Mark such tests `service`."""
    with RealWorker(tmp_path) as worker:
        yield worker


@pytest.fixture(scope="session")
def corpus() -> Path:
    if not CORPUS.is_dir():
        pytest.skip(f"the corpus is not there: {CORPUS}")
    return CORPUS


@pytest.fixture
def support(db: None) -> Group:
    return factories.group("group:default/support")


@pytest.fixture
def payments(db: None) -> Group:
    return factories.group("group:default/payments")


@pytest.fixture
def maya(support: Group) -> User:
    """A developer of the support team, who owns nothing."""
    return factories.user("maya.okafor", "Maya Okafor", groups=[support])


@pytest.fixture
def tomas(payments: Group) -> User:
    """An owner: the payments team."""
    return factories.user("tomas.lind", "Tomas Lind", groups=[payments])


@pytest.fixture
def ines(payments: Group) -> User:
    """A second owner in the payments team."""
    return factories.user("ines.duarte", "Ines Duarte", groups=[payments])


@pytest.fixture
def root_admin(db: None) -> User:
    """An administrator without a team."""
    return factories.user("root.admin", "Root Admin", is_staff=True)


@pytest.fixture
def client_for() -> Callable[[User], Client]:
    def enter(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return enter
