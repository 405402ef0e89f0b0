"""The secret key of the embedded default: made once, kept with the data, readable by its owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def kept_secret_key(home: Path) -> str:
    """Read `home/secret-key`, or make it; two starts at once agree on the one that was linked first."""
    kept = home / "secret-key"
    if not kept.exists():
        home.mkdir(parents=True, exist_ok=True)
        fresh = home / f".secret-key.{os.getpid()}"
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        try:
            os.link(fresh, kept)
        except FileExistsError:
            pass  # another process was first: its key counts
        finally:
            fresh.unlink()
    return kept.read_text().strip()
