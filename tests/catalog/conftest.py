from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalog.hosts.fixtures import github, gitlab, world
from tests.catalog.places import Place

__all__ = ["github", "gitlab", "place", "world"]


@pytest.fixture
def place(db: None, tmp_path: Path) -> Place:
    return Place(tmp_path / "place")
