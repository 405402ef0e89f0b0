"""The process behind `scaffolder.jsonata`: a question on standard input, an answer on standard output, within limits.

It imports nothing of Portico: it must be quick to start, and holds nothing that an expression could want.
"""

from __future__ import annotations

import json
import resource
import sys

MAX_MEMORY = 512 * 1024 * 1024  # bytes
MAX_CPU_SECONDS = 8
MAX_DEPTH = 200  # of calls within an expression
MAX_PROBLEM = 300  # characters


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    from jsonata import Jsonata

    question = json.load(sys.stdin)
    try:
        asked = Jsonata(question["expression"])
        frame = asked.create_frame()
        frame.set_runtime_bounds(MAX_CPU_SECONDS * 1000, MAX_DEPTH)
        answer = json.dumps({"result": asked.evaluate(question["data"], frame)})
        if len(answer) > int(sys.argv[1]):
            answer = json.dumps({"problem": "its answer is too long."})
    except Exception as problem:  # noqa: BLE001  whatever it was is told to who wrote the expression
        answer = json.dumps({"problem": str(problem)[:MAX_PROBLEM] or type(problem).__name__})
    sys.stdout.write(answer)


if __name__ == "__main__":
    main()
