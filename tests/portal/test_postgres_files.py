"""Where the embedded PostgreSQL keeps its sockets when the path is too long for one."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from portal.postgres_files import UnusableData, socket_folder


def test_a_link_that_somebody_else_laid_in_tmp_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is first in /tmp could make root give away what the link points to."""
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    too_long = tmp_path / ("x" * 100)
    folder = socket_folder(too_long, None)
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnusableData, match="belongs to somebody else"):
        socket_folder(too_long, None)
