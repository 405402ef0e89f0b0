"""Packages of other people's clients, for tests that let them speak for themselves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

INSTALL_SECONDS = 300


def installed(lock: Path, name: str) -> Path:
    """Where the packages of `lock` (a folder with package.json and its lock file) are: once for each PORTICO_HOME."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.fail("Backstage's client needs Node. Debian: apt-get install nodejs npm")
    folder: Path = settings.PORTICO_HOME / name
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("package.json", "package-lock.json"):
        shutil.copy(lock / file, folder / file)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(command, cwd=folder, check=True, timeout=INSTALL_SECONDS, capture_output=True)
    return folder
