"""Makes the virtual environment that Portico runs in, or finds it as it should be. Needs nothing but Python 3.11.

Prints the path of its Python on standard output; everything for people goes to standard error.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = Path(os.environ.get("PORTICO_VENV") or ROOT / ".venv")
RUN, DEVELOP = "requirements.txt", "requirements-dev.txt"
STEP = re.compile(r"^(Collecting|Requirement already satisfied:) ?([A-Za-z0-9_.-]+)")


class Refusal(Exception):
    pass


def main(wanted: str) -> Path:
    python = PLACE / "bin" / "python"
    try:
        PLACE.mkdir(parents=True, exist_ok=True)
        with (PLACE / ".portico-lock").open(
            "w"
        ) as lock:  # two first starts at once install one after the other
            fcntl.lockf(lock, fcntl.LOCK_EX)
            ensure(python, wanted)
    except PermissionError as error:
        raise Refusal(
            f"{error.filename} may not be written by this user. Set PORTICO_VENV to a folder of yours."
        ) from error
    return python


def ensure(python: Path, wanted: str) -> None:
    stamp = PLACE / f".portico-{wanted}"
    if python.exists() and stamp.exists() and stamp.read_text() == state(wanted):
        return
    if (
        not python.exists()
        or subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode
    ):
        create()
    install(python, wanted)
    stamp.write_text(state(wanted))
    if wanted == DEVELOP:
        (PLACE / f".portico-{RUN}").write_text(state(RUN))


def state(wanted: str) -> str:
    """Changes when something must be installed again."""
    digest = hashlib.sha256(sys.version.encode())
    for name in {RUN, wanted}:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def create() -> None:
    say(f"Making the virtual environment {PLACE} …")
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise Refusal(
            f"This Python cannot make virtual environments. On Debian or Ubuntu: "
            f"apt-get install python{version}-venv; elsewhere install Python {version} with ensurepip."
        ) from None
    venv.EnvBuilder(with_pip=True, symlinks=True, upgrade_deps=False).create(PLACE)


def install(python: Path, wanted: str) -> None:
    total = sum(bool(re.match(r"[A-Za-z]", line)) for name in {RUN, wanted} for line in lines(name))
    say(f"Installing {total} packages (once, about a minute) …")
    began = time.monotonic()
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-r"]
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(
            [*command, str(ROOT / wanted)], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as pip:
            follow(pip, total)
        if pip.returncode:
            errors.seek(0)
            raise Refusal(
                f"pip could not install them:\n{errors.read().strip()}\nIs the package index reachable?"
            )
    say(f"Installed in {time.monotonic() - began:.0f} s.")


def lines(name: str) -> list[str]:
    return (ROOT / name).read_text().splitlines()


def follow(pip: subprocess.Popen[str], total: int) -> None:
    seen = 0
    for line in pip.stdout or ():
        if STEP.match(line):
            seen += 1
            progress(f"  {min(seen, total)} of {total} found", is_whole=seen % 20 == 0)
        elif line.startswith("Installing collected"):
            progress("  unpacking …", is_whole=True)


def progress(text: str, *, is_whole: bool) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}" + ("\n" if text.endswith("…") else ""))
    elif is_whole:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        sys.stdout.write(str(main(DEVELOP if "--dev" in sys.argv[1:] else RUN)))
    except Refusal as refusal:
        sys.exit(f"\nNothing was started. {refusal}")
    except KeyboardInterrupt:
        sys.exit(130)
