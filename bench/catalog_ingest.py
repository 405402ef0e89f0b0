"""How fast the catalogue takes in files: entities a second, and CPU seconds of the reader and of PostgreSQL apart.

    python bench/catalog_ingest.py [ENTITIES]

Generates ENTITIES (10,000) descriptors, ten to a file, always the same ones; reads them into an empty database of a
PostgreSQL server of its own, then again unchanged, and again after one file changed. Prints one line for each.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
PER_FILE = 10
DOCUMENT = """apiVersion: backstage.io/v1alpha1
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
SMALL = """apiVersion: backstage.io/v1alpha1
kind: {kind}
metadata: {{name: {name}}}
spec: {{type: {type}, lifecycle: production, owner: team-1, children: [], definition: none}}
"""
TEAMS, PARTS = 41, 97


def generate(folder: Path, entities: int) -> None:
    """One in ten is an API; teams, systems and databases come first, so that every reference leads somewhere."""
    texts = [SMALL.format(kind="Group", name=f"team-{i}", type="team") for i in range(TEAMS)]
    texts += [SMALL.format(kind="System", name=f"system-{i}", type="product") for i in range(PARTS)]
    texts += [SMALL.format(kind="Resource", name=f"database-{i}", type="database") for i in range(PARTS)]
    texts += [SMALL.format(kind="API", name=f"api-{i}", type="openapi") for i in range(entities // 10)]
    types = ("service", "library", "website")
    services = entities - len(texts)
    for i in range(services):
        n, api = (i * 7) % services, i % (entities // 10)
        texts.append(DOCUMENT.format(i=i, k=i % PARTS, t=i % TEAMS, n=n, api=api, type=types[i % len(types)]))
    for start in range(0, entities, PER_FILE):
        (folder / f"{start:07}.yaml").write_text("---\n".join(texts[start : start + PER_FILE]))


def cpu_of_servers(parent: int) -> float:
    """CPU seconds of PostgreSQL. Of processes that ended the parent keeps count only once it has waited for them."""
    process = psutil.Process(parent)
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children():
        times = child.cpu_times()
        total += times.user + times.system
    return float(total)


def measured(words: str, entities: int, server: int, work: Callable[[], object]) -> None:
    wall, own, theirs = time.perf_counter(), time.process_time(), cpu_of_servers(server)
    outcome = work()
    wall, own, theirs = time.perf_counter() - wall, time.process_time() - own, cpu_of_servers(server) - theirs
    print(
        f"{words:<22} {wall:7.2f} s  {entities / wall:8,.0f} entities/s  CPU reader {own:6.2f} s"
        f"  PostgreSQL {theirs:6.2f} s   {outcome}"
    )


def main(entities: int) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="portico-bench-"))
    os.environ.update(
        PORTICO_HOME=str(scratch), DJANGO_SETTINGS_MODULE="portal.settings", PORTICO_LOG_LEVEL="ERROR"
    )
    sys.path.insert(0, str(ROOT))
    from portal.embedded import Server

    server = Server(scratch / "data", scratch / "sockets", scratch / "log")
    os.environ.update(DATABASE_URL=server.start("portico_bench"), PORTICO_EMBEDDED="1")
    try:
        run(scratch / "catalog", entities)
    finally:
        server.stop()
        shutil.rmtree(scratch, ignore_errors=True)


def run(folder: Path, entities: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from catalog import ingest
    from catalog.models import Location

    call_command("migrate", verbosity=0)
    folder.mkdir()
    generate(folder, entities)
    location = Location.objects.create(
        type="file", target=f"{folder}/*.yaml", is_outside_roots=True, is_org_source=True
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = psutil.Process(cursor.fetchone()[0]).ppid()
    read = lambda: ingest.ingest(location.pk)  # noqa: E731
    measured("first read", entities, server, read)
    measured("nothing changed", entities, server, read)
    one = max(folder.glob("*.yaml"))
    one.write_text(one.read_text().replace("production", "deprecated"))
    measured("one file changed", entities, server, read)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
        print("database", cursor.fetchone()[0])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
