"""Templates for tests: a real git repository with a template.yaml and its skeleton, as the catalogue would have it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from catalog.models import Entity, Location
from control import execution
from control.models import Intent, User
from scaffolder import runs
from scaffolder.models import Run
from tests import factories

Files = Mapping[str, str | bytes]


def git(*arguments: str, at: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org", *arguments]
    done = subprocess.run(command, cwd=at, env=clean | nobody, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def repository(files: Files, *, name: str = "templates") -> Path:
    """A repository below the roots that the portal may read."""
    home = Path(settings.PORTICO_FILE_ROOTS[0]) / "acme" / name
    home.mkdir(parents=True)
    git("init", "--quiet", "--initial-branch=main", at=home)
    for path, content in files.items():
        target = home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    git("add", "--all", "--force", at=home)
    git("commit", "--quiet", "--message", "Begin", at=home)
    return home


def document(
    steps: list[dict[str, Any]],
    *,
    parameters: Any = None,
    output: Mapping[str, Any] | None = None,
    name: str = "service",
) -> dict[str, Any]:
    return {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": name, "title": "A service"},
        "spec": {
            "type": "service",
            "owner": "group:default/platform",
            **({"parameters": parameters} if parameters is not None else {}),
            "steps": steps,
            **({"output": dict(output)} if output else {}),
        },
    }


def template(described: dict[str, Any], files: Files | None = None) -> Entity:
    """The entity of a template whose repository holds `files` beside it."""
    text = yaml.safe_dump(described, sort_keys=False)
    home = repository({"template.yaml": text, **(files or {})}, name=described["metadata"]["name"])
    location = Location.objects.create(type="git", target=f"file://{home}#template.yaml")
    entity = factories.entity(
        f"template:default/{described['metadata']['name']}",
        location=location,
        source_path="template.yaml",
        title="A service",
    )
    entity.document = described
    entity.save(update_fields=["document"])
    return entity


def start(
    entity: Entity,
    values: Mapping[str, Any] | None = None,
    *,
    by: User,
    secrets: Mapping[str, str] | None = None,
) -> Run:
    return Run.objects.select_related("intent").get(pk=runs.start(entity, values or {}, secrets, by=by).pk)


def work_off(run: Run) -> Run:
    """What a worker does when the bell rings."""
    execution.run(run.pk)
    return Run.objects.select_related("intent").get(pk=run.pk)


def run(
    entity: Entity,
    values: Mapping[str, Any] | None = None,
    *,
    by: User,
    secrets: Mapping[str, str] | None = None,
) -> Run:
    return work_off(start(entity, values, by=by, secrets=secrets))


def finish(run: Run) -> str:
    """State and error of a run, for assertions that explain themselves."""
    intent = Intent.objects.get(pk=run.pk)
    return f"{intent.state}: {intent.error}".rstrip(": ")


def states(run: Run) -> list[str]:
    return list(run.steps.order_by("index").values_list("state", flat=True))


def log_of(run: Run) -> str:
    return "\n".join(run.log.order_by("id").values_list("text", flat=True))


def remote(owner: str, name: str) -> Path:
    return Path(settings.PORTICO_FILE_ROOTS[0]) / "remotes" / owner / f"{name}.git"


def published(owner: str, name: str) -> dict[str, str]:
    """The files of a published repository's main branch."""
    bare = remote(owner, name)
    paths = git("ls-tree", "-r", "-z", "--name-only", "main", at=bare).split("\x00")
    return {path: git("show", f"main:{path}", at=bare) for path in paths if path}


def publish_step(name: str = "payout", **more: Any) -> dict[str, Any]:
    return {
        "id": "publish",
        "action": "publish:git",
        "input": {"repoUrl": f"git.localhost?owner=halfmoon&repo={name}", **more},
    }


def log_step(message: Any, **more: Any) -> dict[str, Any]:
    return {"action": "debug:log", "input": {"message": message}, **more}


def template_step(url: str = "./skeleton", **given: Any) -> dict[str, Any]:
    return {"id": "fetch", "action": "fetch:template", "input": {"url": url, **given}}
