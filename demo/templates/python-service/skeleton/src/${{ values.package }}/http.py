"""An application with the health endpoint that the cluster asks for."""

from importlib import import_module
from typing import Any

FRAMEWORK = "${{ values.framework }}"


def create(name: str) -> Any:
    application = {"fastapi": _fastapi, "flask": _flask}[FRAMEWORK](name)
    application.get("/healthz")(lambda: {"service": name, "healthy": True})
    return application


def _fastapi(name: str) -> Any:
    return import_module("fastapi").FastAPI(title=name)


def _flask(name: str) -> Any:
    return import_module("flask").Flask(name)
