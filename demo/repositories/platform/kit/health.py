"""The two health endpoints that the clusters ask for."""

from collections.abc import Callable

Check = Callable[[], bool]


def ready(checks: dict[str, Check]) -> tuple[int, dict[str, bool]]:
    """Status and body for /readyz: 200 when every check holds, else 503."""
    results = {name: check() for name, check in checks.items()}
    return (200 if all(results.values()) else 503), results
