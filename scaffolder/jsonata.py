"""Questions in JSONata, asked in a process of their own: an expression may loop, or fill the memory, and only that
dies."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scaffolder.errors import ActionFailed

MAX_SECONDS = 10.0
MAX_INPUT = 5_000_000  # characters of data and expression as JSON
MAX_ANSWER = 500_000  # characters of the answer as JSON: it becomes an output
_LOOK_SECONDS = 0.2
_PROGRAM = Path(__file__).with_name("jsonata_process.py")


def evaluated(expression: str, data: Any, *, go_on: Callable[[], None]) -> Any:
    """The answer as plain data; None where there is none. Raises `ActionFailed` in words."""
    question = json.dumps({"expression": expression, "data": data})
    if len(question) > MAX_INPUT:
        raise ActionFailed(f"The data is too large for JSONata: more than {MAX_INPUT:,} characters.")
    process = subprocess.Popen(
        [sys.executable, "-I", str(_PROGRAM), str(MAX_ANSWER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"LC_ALL": "C.UTF-8"},
        text=True,
    )
    try:
        output = _waited(process, question, go_on)
    finally:
        process.kill()
        process.communicate()
    try:
        answer = json.loads(output)
    except ValueError:  # it was ended by its limits
        raise ActionFailed(
            "The expression needs more memory or time than it may have. Make it simpler."
        ) from None
    if "problem" in answer:
        raise ActionFailed(f"The expression cannot be evaluated: {answer['problem']}")
    return answer["result"]


def _waited(process: subprocess.Popen[str], question: str, go_on: Callable[[], None]) -> str:
    ends_at, given = time.monotonic() + MAX_SECONDS, question or None
    while time.monotonic() < ends_at:
        try:
            return process.communicate(given, timeout=_LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            given = None
            go_on()
    raise ActionFailed(f"The expression takes longer than {MAX_SECONDS:g} s. Make it simpler.")
