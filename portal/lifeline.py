"""Children that end when their parent does, even if it was killed and could not tell them."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from signal import Signals

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Loaded before any fork: a child must not import between fork and exec.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(signal: Signals) -> Callable[[], None] | None:
    """For `subprocess.Popen(preexec_fn=…)`. Elsewhere than on Linux the next start ends what is left over."""
    if _LIBC is None:
        return None
    libc = _LIBC
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, int(signal), 0, 0, 0)
