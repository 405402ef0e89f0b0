"""`portico`: reads the command line, finds out who asks, and turns failures into words and an exit code."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from getpass import getpass

from portico_cli import access, login
from portico_cli.connection import Connection
from portico_cli.errors import CommandFailed, Misused
from portico_cli.printing import complain, say

Command = Callable[[Connection, Namespace], int]
INTERRUPTED = 130


def run() -> None:
    sys.exit(main(sys.argv[1:]))


def main(words: Sequence[str]) -> int:
    """The exit code."""
    given = _parser().parse_args(words)
    try:
        if given.command == "login":
            return _log_in(given.address)
        if given.command == "logout":
            say("Forgotten." if login.forget() else "Nobody was signed in.")
            return 0
        command: Command = given.do
        return command(Connection(login.known()), given)
    except CommandFailed as problem:
        complain(problem)
        return problem.code
    except KeyboardInterrupt:
        return INTERRUPTED


def _log_in(address: str) -> int:
    """A token is typed or piped, never an argument: others on the machine could read it there."""
    url = login.checked_url(address)
    say(f"Make a token under {url}/profile/ and paste it here.")
    token = (getpass("Token: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    if not token:
        raise Misused("No token was given, so nothing was kept.")
    found = login.Login(url, token)
    Connection(found).get("requests", limit="1")
    login.keep(found)
    say(f"Signed in. It is kept in {login.path()}.")
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="portico", description="Portico from a terminal.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    entry = commands.add_parser("login", help="keep an address and a token of yours")
    entry.add_argument("address", help="https://portico.example")
    commands.add_parser("logout", help="forget them")
    below = commands.add_parser("access", help="ask for access, follow, end and answer it")
    _access(below.add_subparsers(dest="verb", required=True, metavar="VERB"))
    return parser


def _access(verbs: object) -> None:
    def verb(name: str, do: Command, help: str) -> ArgumentParser:
        made: ArgumentParser = verbs.add_parser(name, help=help)  # type: ignore[attr-defined]  # argparse hides its class
        made.set_defaults(do=do)
        made.add_argument("--json", action="store_true", help="print the answer of the API")
        return made

    verb("offers", access.offers, "what can be asked for").add_argument(
        "entity", help="component:default/payments"
    )
    _asking(verb("ask", access.ask, "ask for a role on an entity"))
    made = verb("list", access.listed, "your requests")
    made.add_argument("--waiting", action="store_true", help="what waits for your answer")
    made.add_argument("--limit", type=int, default=20, help="how many (1 to 200)")
    for name, do, help in (
        ("show", access.show, "one request"),
        ("withdraw", access.withdraw, "take back what waits"),
        ("end", access.end, "end what holds"),
        ("approve", access.approve, "say yes"),
        ("reject", access.reject, "say no"),
    ):
        made = verb(name, do, help)
        made.add_argument("id", metavar="ID", help="of the request, or its beginning")
        if name == "end":
            made.add_argument("--why", dest="reason", default="", metavar="TEXT")
        if name in ("approve", "reject"):
            made.add_argument("--why", dest="comment", default="", required=name == "reject", metavar="TEXT")
            made.add_argument("--yes", action="store_true", help="do not ask first")
        if name == "approve":
            made.add_argument(
                "--for", dest="duration", default="", metavar="1h", help="give less than was asked"
            )
    made = verb("check", access.check, "may you, now?")
    made.add_argument("entity")
    made.add_argument("permission", help="logs:read")
    made.add_argument("--in", dest="environment", default="", metavar="ENVIRONMENT")


def _asking(parser: ArgumentParser) -> None:
    parser.add_argument("entity", help="component:default/payments")
    parser.add_argument("role", help="production-logs")
    parser.add_argument("--for", dest="duration", required=True, metavar="4h", help="how long: 30m, 4h, 2d")
    parser.add_argument(
        "--why", dest="reason", default="", metavar="TEXT", help="those who decide read it first"
    )
    parser.add_argument("--in", dest="environment", default="", metavar="ENVIRONMENT")
    parser.add_argument("--at", dest="starts_at", default="", metavar="MOMENT", help="2026-12-24T08:00+01:00")
    parser.add_argument("--look", action="store_true", help="show the decision, ask for nothing")
    parser.add_argument("--wait", action="store_true", help="until it is decided")
