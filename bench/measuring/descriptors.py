"""A catalogue of any size, always the same one: descriptors as teams write them, ten to a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PER_FILE = 10
TEAMS, SYSTEMS = 41, 97
_TYPES = ("service", "library", "website")
_DOCUMENT = """apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: service-{i}
  title: Service {i}
  description: |
    Takes orders of kind {k} from the shop and hands them to the warehouse.
    It has been there since 2019, and the {t} team keeps it running.
  labels:
    tier: "{t}"
  annotations:
    github.com/project-slug: example-org/service-{i}
    backstage.io/techdocs-ref: dir:.
    backstage.io/kubernetes-id: service-{i}
    pagerduty.com/integration-key: 0123456789abcdef
    sentry.io/project-slug: example-org/service-{i}
  tags: [python, django, kind-{k}]
  links:
    - url: https://grafana.example.com/d/service-{i}
      title: Dashboard
      icon: dashboard
    - url: https://runbooks.example.com/service-{i}
      title: Runbook
spec:
  type: {type}
  lifecycle: production
  owner: group:default/team-{t}
  system: system-{k}
  providesApis: [api-{api}]
  dependsOn:
    - component:default/service-{n}
    - resource:default/database-{k}
"""
_SMALL = """apiVersion: backstage.io/v1alpha1
kind: {kind}
metadata: {{name: {name}}}
spec: {{type: {type}, lifecycle: production, owner: team-1, children: [], definition: none}}
"""


def generate(folder: Path, entities: int) -> None:
    """Write `entities` descriptors below `folder`, a thousand files to a subfolder."""
    texts: list[str] = []
    for number, text in enumerate(_texts(entities), 1):
        texts.append(text)
        if len(texts) == PER_FILE or number == entities:
            _write(folder, number, texts)
            texts = []


def _write(folder: Path, number: int, texts: list[str]) -> None:
    part = folder / f"{number // (PER_FILE * 1_000):04}"
    part.mkdir(parents=True, exist_ok=True)
    (part / f"{number:07}.yaml").write_text("---\n".join(texts))


def _texts(entities: int) -> Iterator[str]:
    """One in ten is an API; teams, systems and databases come first, so that every reference leads somewhere."""
    apis = entities // 10
    yield from (_SMALL.format(kind="Group", name=f"team-{i}", type="team") for i in range(TEAMS))
    yield from (_SMALL.format(kind="System", name=f"system-{i}", type="product") for i in range(SYSTEMS))
    yield from (_SMALL.format(kind="Resource", name=f"database-{i}", type="database") for i in range(SYSTEMS))
    yield from (_SMALL.format(kind="API", name=f"api-{i}", type="openapi") for i in range(apis))
    services = entities - TEAMS - 2 * SYSTEMS - apis
    for i in range(services):
        yield _DOCUMENT.format(
            i=i, k=i % SYSTEMS, t=i % TEAMS, n=(i * 7) % services, api=i % apis, type=_TYPES[i % len(_TYPES)]
        )


def services_of(entities: int) -> int:
    return entities - TEAMS - 2 * SYSTEMS - entities // 10
