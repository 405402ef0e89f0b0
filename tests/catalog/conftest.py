from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalog.places import Place


@pytest.fixture
def place(db: None, tmp_path: Path) -> Place:
    return Place(tmp_path / "place")
