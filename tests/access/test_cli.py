"""The command `portico access`, from its arguments to a real server: what it prints, what it changes, what it keeps."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from control import tokens
from control.models import Intent, State, User
from portico_cli import login
from portico_cli.connection import Connection
from portico_cli.errors import CommandFailed, Misused
from portico_cli.main import main
from tests.access import room

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("service", "rules"),
]
ASK = [
    "access",
    "ask",
    room.REF,
    "production-logs",
    "--in",
    "production",
    "--for",
    "1h",
    "--why",
    "Refunds fail.",
]
Portico = Callable[..., tuple[int, str, str]]


@pytest.fixture
def portico(
    live_server: LiveServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Portico:
    """`portico(user, *words)` gives the exit code, and what was printed to people and as complaints."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    secrets: dict[int, str] = {}

    def call(user: User, *words: str) -> tuple[int, str, str]:
        secret = secrets.setdefault(user.pk, tokens.issue(owner=user, by=user, name="cli")[1])
        monkeypatch.setenv("PORTICO_URL", live_server.url)
        monkeypatch.setenv("PORTICO_TOKEN", secret)
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def asked(portico: Portico, maya: User) -> str:
    code, out, _ = portico(maya, *ASK, "--json")
    assert code == 0
    return str(json.loads(out)["id"])


def test_asking_shows_the_decision_and_then_asks(portico: Portico, maya: User, tomas: User) -> None:
    code, out, _ = portico(maya, *ASK)
    assert code == 0
    assert "One of the payments owners must agree." in out
    intent = Intent.objects.get()
    assert (intent.state, intent.reason) == (State.AWAITING_APPROVAL, "Refunds fail.")
    assert f"Request {str(intent.pk)[:8]} waits for approval" in out


def test_looking_asks_for_nothing(portico: Portico, maya: User, tomas: User) -> None:
    assert portico(maya, *ASK, "--look")[0] == 0
    assert not Intent.objects.exists()


def test_what_the_rules_refuse_is_not_asked_for(portico: Portico, maya: User, tomas: User) -> None:
    words = ["access", "ask", room.REF, "production-shell", "--in", "production", "--for", "1h", "--why", "x"]
    code, _, complaint = portico(maya, *words)
    assert (code, "Nothing was asked for." in complaint) == (1, True)
    assert not Intent.objects.exists()


def test_an_owner_approves_less_and_the_holder_ends_it(portico: Portico, maya: User, tomas: User) -> None:
    number = asked(portico, maya)
    assert number[:8] in portico(tomas, "access", "list", "--waiting")[1]
    code, out, _ = portico(tomas, "access", "approve", number[:8], "--for", "30m", "--yes")
    assert (code, "“Refunds fail.”" in out, "holds until" in out) == (0, True, True)
    assert portico(maya, "access", "check", room.REF, "logs:read", "--in", "production")[0] == 0
    assert "ended" in portico(maya, "access", "end", number)[1]
    code, out, _ = portico(maya, "access", "check", room.REF, "logs:read", "--in", "production")
    assert (code, out.startswith("No.")) == (1, True)


def test_nobody_approves_their_own(portico: Portico, maya: User, tomas: User) -> None:
    number = asked(portico, maya)
    code, _, complaint = portico(maya, "access", "approve", number, "--yes")
    assert (code, "somebody else must decide" in complaint) == (1, True)
    assert Intent.objects.get().state == State.AWAITING_APPROVAL


def test_without_a_person_nothing_is_answered_unasked(portico: Portico, maya: User, tomas: User) -> None:
    number = asked(portico, maya)
    code, _, complaint = portico(tomas, "access", "approve", number)
    assert (code, "--yes" in complaint) == (2, True)
    assert Intent.objects.get().state == State.AWAITING_APPROVAL


def test_a_rejection_and_a_withdrawal(portico: Portico, maya: User, tomas: User) -> None:
    first = asked(portico, maya)
    assert portico(tomas, "access", "reject", first, "--why", "Use staging.", "--yes")[0] == 0
    second = asked(portico, maya)
    assert "withdrawn" in portico(maya, "access", "withdraw", second)[1]
    states = dict(Intent.objects.values_list("pk", "state"))
    assert sorted(states.values()) == ["rejected", "withdrawn"]
    assert "rejected by user:default/tomas.lind: Use staging." in portico(maya, "access", "show", first)[1]


def test_what_somebody_typed_does_not_steer_the_terminal(portico: Portico, maya: User, tomas: User) -> None:
    hostile = "ok\x1b]0;owned\x07\x1b[2J\u202eevil"
    words = [*ASK[:-1], hostile]
    assert portico(maya, *words)[0] == 0
    out = (
        portico(tomas, "access", "list", "--waiting")[1]
        + portico(tomas, "access", "show", str(Intent.objects.get().pk))[1]
    )
    assert "owned" in out
    assert not [one for one in out if one in "\x1b\x07\u202e"]


@pytest.mark.parametrize("number", ["zz", "../../offers", "abcd", "00000000-0000-0000-0000-000000000000"])
def test_an_id_that_is_none(portico: Portico, maya: User, tomas: User, number: str) -> None:
    code, _, complaint = portico(maya, "access", "show", number)
    assert code in (1, 2)
    assert complaint


def test_mistakes_come_back_in_the_words_of_the_form(portico: Portico, maya: User, tomas: User) -> None:
    words = [word if word != "1h" else "soon" for word in ASK]
    code, _, complaint = portico(maya, *words)
    assert (code, "soon" in complaint or "duration" in complaint) == (2, True)


def test_login_keeps_a_token_that_works_and_nobody_else_can_read(
    live_server: LiveServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, maya: User, tomas: User
) -> None:
    secret = tokens.issue(owner=maya, by=maya, name="cli")[1]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": "cli"}

    def run(*words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "portico_cli", *words]
        return subprocess.run(
            command, input=typed, env=environment, capture_output=True, text=True, timeout=60
        )

    kept = tmp_path / ".config" / "portico" / "login.json"
    assert run("login", live_server.url, typed="wrong\n").returncode == 3
    assert not kept.exists()
    assert run("login", live_server.url, typed=f"{secret}\n").returncode == 0
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    listed = run("access", "list")
    assert (listed.returncode, listed.stdout) == (0, "You have asked for nothing yet.\n")
    assert secret not in listed.stderr
    assert run("logout").returncode == 0
    assert run("access", "list").returncode == 3


@pytest.mark.parametrize(
    "url", ["http://portico.example", "ftp://x", "https://me@x", "https://x?y=1", "https://", "https://[::1"]
)
def test_a_token_goes_to_no_such_address(url: str) -> None:
    with pytest.raises(Misused):
        login.checked_url(url)


def test_a_token_that_was_kept_goes_to_no_other_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("PORTICO_TOKEN", raising=False)
    login.keep(login.Login("https://portico.example", "secret"))
    monkeypatch.setenv("PORTICO_URL", "https://evil.example")
    with pytest.raises(CommandFailed, match="not for"):
        login.known()


def test_a_portico_that_is_not_there_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORTICO_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PORTICO_TOKEN", "secret")
    assert main(["access", "list"]) == 3
    assert capsys.readouterr().err == "http://127.0.0.1:9 cannot be reached: no connection.\n"


def test_a_redirect_does_not_take_the_token_along(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[dict[str, Any]] = []
    connection = Connection(login.Login("https://portico.example", "secret"))

    class Answer:
        status_code, content = 302, b""

    def request(*_words: Any, **more: Any) -> Answer:
        seen.append(more)
        return Answer()

    monkeypatch.setattr(connection._session, "request", request)
    with pytest.raises(CommandFailed, match="302"):
        connection.get("requests")
    assert [one["allow_redirects"] for one in seen] == [False]


def test_it_needs_nothing_of_the_portal() -> None:
    code = "import sys, portico_cli.main; print(sorted(n for n in sys.modules if n in {'django', 'control', 'portal'}))"
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "cli"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
