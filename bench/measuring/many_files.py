"""A template with a large form and a skeleton of many files. Django is set up before."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from catalog import ingest as ingestion
from catalog.models import Entity, Location
from control import execution, policy
from control.models import Intent, State, User
from scaffolder import runs

ANYBODY = """apiVersion: portico.dev/v1
kind: AccessRule
metadata: {name: templates-at-once}
spec: {capabilities: [scaffolder.run], subjects: [{kind: Everyone}], approval: none}
"""
FOLDERS = 12
# About 2 kB, with what skeletons have: values, filters, a condition and a loop.
FILE = (
    """# ${{ values.name | title }}, part %(number)d
owner: ${{ values.owner | parseEntityRef | pick('name') }}
{%%- if values.size > 2 %%}
replicas: ${{ values.size }}
{%%- endif %%}
{%%- for zone in values.zones %%}
zone-${{ loop.index }}: ${{ zone | upper }}-${{ values.name }}
{%%- endfor %%}
"""
    + "setting-of-this-part: ${{ values.name }} # and some words that stay as they are\n" * 24
)
PLAIN = "words that are not templates\n" * 60


def fill(scratch: Path, files: int, fields: int) -> tuple[User, Entity]:
    home = Path(settings.PORTICO_FILE_ROOTS[0]) / "bench" / "templates"
    for path, text in _sources(files, fields).items():
        target = home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    for command in (["init", "--quiet", "--initial-branch=main"], ["add", "--all"], _commit()):
        subprocess.run(["git", *command], cwd=home, check=True)
    location = Location.objects.create(type="git", target=f"file://{home}#template.yaml")
    ingestion.ingest(location.pk)
    (scratch / "rules.yaml").write_text(ANYBODY)
    policy.publish([scratch / "rules.yaml"], by=None)
    maya = User.objects.create(username="maya", entity_ref="user:bench/maya", email="maya@example.org")
    return maya, Entity.objects.get(kind="template", location=location)


def _commit() -> list[str]:
    return ["-c", "user.name=Bench", "-c", "user.email=bench@example.org", "commit", "--quiet", "-m", "Begin"]


def _sources(files: int, fields: int) -> dict[str, str]:
    """Every fourth file has nothing to fill in; names hold the name that is asked for."""
    found = {"template.yaml": yaml.safe_dump(_template(fields), sort_keys=False)}
    for number in range(files):
        place = f"skeleton/part-{number % FOLDERS}/${{{{ values.name }}}}-{number}.yaml"
        found[place] = PLAIN if number % 4 == 0 else FILE % {"number": number}
    return found


def _template(fields: int) -> dict[str, Any]:
    name = {"type": "string", "title": "Name", "pattern": "^[a-z0-9-]+$"}
    pages = [
        {
            "title": f"Page {page}",
            "properties": {"name": name, **_fields(page, fields - 1)} if page == 1 else _fields(page, fields),
        }
        for page in (1, 2, 3)
    ]
    values = {
        "name": "${{ parameters.name }}",
        "owner": "group:default/payments",
        "size": 3,
        "zones": ["a", "b", "c"],
    }
    return {
        "apiVersion": "scaffolder.backstage.io/v1beta3",
        "kind": "Template",
        "metadata": {"name": "many-files", "title": "Many files"},
        "spec": {
            "type": "service",
            "parameters": pages,
            "steps": [
                {"id": "fetch", "action": "fetch:template", "input": {"url": "./skeleton", "values": values}},
                {
                    "id": "publish",
                    "action": "publish:git",
                    "input": {"repoUrl": "git.localhost?owner=bench&repo=${{ parameters.name }}"},
                },
            ],
        },
    }


def _fields(page: int, count: int) -> dict[str, Any]:
    kinds = (
        {"type": "string"},
        {"type": "integer", "minimum": 0, "default": 3},
        {"type": "boolean", "default": False},
        {"type": "string", "enum": [f"choice-{number}" for number in range(12)], "default": "choice-1"},
        {"type": "array", "items": {"type": "string"}},
    )
    return {
        f"field{page}x{number}": {
            "title": f"Field {number}",
            "description": "What it is for, in a sentence.",
            **kinds[number % len(kinds)],
        }
        for number in range(count)
    }


def run(entity: Entity, person: User, number: int, files: int) -> Intent:
    """From the press of the button to the repository; the bell is rung by hand."""
    name = f"made-{number}"
    intent = runs.start(entity, {"name": name}, by=person)
    execution.run(intent.pk)
    done = Intent.objects.get(pk=intent.pk)
    assert done.state == State.SUCCEEDED, f"{done.state}: {done.error}"
    bare = Path(settings.PORTICO_FILE_ROOTS[0]) / "bench" / f"{name}.git"
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "main"],
        cwd=bare,
        check=True,
        capture_output=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
    )
    assert len(listed.stdout.splitlines()) == files
    return done


def fields_in(entity: Entity) -> int:
    pages = entity.document.get("spec", {}).get("parameters") or []
    return sum(_count(page) for page in (pages if isinstance(pages, list) else [pages]))


def _count(schema: Any) -> int:
    """Questions anywhere in it: those of branches and of entries of lists too."""
    if isinstance(schema, list):
        return sum(map(_count, schema))
    if not isinstance(schema, dict):
        return 0
    properties = schema.get("properties")
    here = len(properties) if isinstance(properties, dict) else 0
    return here + sum(map(_count, schema.values()))
