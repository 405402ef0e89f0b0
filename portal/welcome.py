"""What the terminal shows once everything answers: where to go, and who can sign in."""

from __future__ import annotations

from pathlib import Path

SIGN_INS = Path("run") / "sign-ins"  # below PORTICO_HOME; written by `manage.py prepare`
FIRST_ACCOUNT = [
    "No account yet? Make the first administrator with",
    "    .venv/bin/python manage.py createsuperuser",
]
EVERYBODY_KNOWS_IT = [
    "Who reaches this address can sign in: everybody knows this password.",
    "For real data start with PORTICO_DEMO=0.",
]
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def welcome(home: Path, host: str, port: int) -> str:
    name = "localhost" if host in {*_LOOPBACK, "0.0.0.0", "::"} else host  # noqa: S104  # compared, not bound
    kept = home / SIGN_INS
    sign_ins = kept.read_text().splitlines() if kept.exists() else FIRST_ACCOUNT
    if kept.exists() and host not in _LOOPBACK:
        sign_ins = [*sign_ins, "", *EVERYBODY_KNOWS_IT]
    return framed([f"Portico is ready: http://{name}:{port}/", "", *sign_ins, "", "Ctrl-C stops everything."])


def framed(lines: list[str]) -> str:
    width = max(map(len, lines))
    rule = "─" * (width + 4)
    body = "\n".join(f"│  {line.ljust(width)}  │" for line in lines)
    return f"\n┌{rule}┐\n{body}\n└{rule}┘\n"
