"""The catalogue: entities read from descriptor files, the locations they come from, and what went wrong.

An Entity row is what one descriptor document said, plus columns that lists filter and sort on. Relations are stored
once per direction, so that both ends are read with one index. Reading files is `reading.py`, writing these rows
`ingest.py` with `store.py`; nothing else writes them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import CheckConstraint, Exists, OuterRef, Q, UniqueConstraint
from django.db.models.functions import Upper
from django.urls import get_script_prefix, reverse

from catalog.ids import new_id
from catalog.packed_text import PackedTextField
from catalog.terms import COLUMNS, Terms

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from control.models import User


HEAVY = ("document", "term_keys", "search", "source_text")  # columns of an entity that can be megabytes


class LocationQuerySet(models.QuerySet["Location"]):
    def due(self, at: datetime) -> Self:
        """What is owed a read at `at`: asked for, never read, the interval is over, or its reader died."""
        return self.filter(next_read_at__lte=at).order_by("next_read_at", "pk")

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Not those whose entities are all hidden from `user`, unless they registered it."""
        from catalog.visibility import sight_of

        sight = sight_of(user)
        if sight.is_whole:
            return self
        inside = Entity.objects.filter(location=OuterRef("pk"))
        shown = Exists(inside.visible_to(user)) | ~Exists(inside) | Q(registered_by=user.pk)
        return self.none() if sight.sees_nothing else self.filter(shown)

    def failing_for(self, user: User, owner_refs: list[str]) -> Self:
        """What cannot be read and concerns `user`: registered by them, or with entities that `owner_refs` own."""
        theirs = Entity.objects.filter(owner_ref__in=owner_refs).values("location")
        mine = Q(registered_by=user) | Q(pk__in=theirs)
        return self.filter(mine, failing_since__isnull=False).order_by("failing_since", "pk")


class Location(models.Model):
    """A place that descriptors are read from.

    States: never read (`read_at` is null) → read; a failed read keeps the entities and sets `failing_since`; a host
    that asks to wait sets `postponed_until`, which is no failure. A read is owed once `next_read_at` has passed; who
    reads moves it on as a sign of life, so a dead reader's work is owed again. What a discovery finds are locations of
    their own below it: each is read, fails and recovers alone.
    """

    class Type(models.TextChoices):
        FILE = "file", "File or folder"
        URL = "url", "Web address"
        GIT = "git", "Git repository"
        GITHUB_DISCOVERY = "github-discovery", "GitHub organisation"
        GITLAB_DISCOVERY = "gitlab-discovery", "GitLab group"
        GITHUB_ORG = "github-org", "People and teams of GitHub"
        GITLAB_ORG = "gitlab-org", "People and groups of GitLab"
        BACKSTAGE = "backstage", "Backstage or Portico"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    type = models.CharField(max_length=20, choices=Type)
    target = models.CharField(
        max_length=2000
    )  # `<url>#<what of it>`: a path or glob, or filters (targets.py)
    # The discovery that found it, and goes with it; `found_as` is which file it is for the host, whatever it is called.
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    found_as = models.CharField(max_length=2000, blank=True)
    # Users and groups, and so the right to approve, are taken from such locations alone.
    is_org_source = models.BooleanField(default=False)
    # Registered at the command line, by somebody who reads these files anyway: may lie outside PORTICO_FILE_ROOTS.
    is_outside_roots = models.BooleanField(default=False)
    registered_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    registered_at = models.DateTimeField(auto_now_add=True)
    refresh_asked_at = models.DateTimeField(null=True)
    next_read_at = models.DateTimeField(null=True)  # null: not by itself
    is_read_once = models.BooleanField(default=False)  # imported; read again only when somebody asks
    reading_since = models.DateTimeField(null=True)  # a worker reads it now
    progress = models.CharField(max_length=200, blank=True)  # one line for people while it is read
    read_at = models.DateTimeField(null=True)  # last successful read
    failing_since = models.DateTimeField(null=True)
    failure = models.TextField(blank=True)  # what, where, what to do
    postponed_until = models.DateTimeField(null=True)  # the host asked to wait
    postponed_why = models.TextField(blank=True)
    revision = models.CharField(max_length=64, blank=True)  # git commit of the last read
    entity_count = models.PositiveIntegerField(default=0)
    problem_count = models.PositiveIntegerField(default=0)

    objects = LocationQuerySet.as_manager()

    class Meta:
        constraints = [
            UniqueConstraint(fields=["type", "target"], name="location_registered_once"),
            UniqueConstraint(
                fields=["parent", "found_as"], condition=~Q(found_as=""), name="location_found_once"
            ),
            CheckConstraint(
                condition=Q(
                    type__in=[
                        *("file", "url", "git", "github-discovery", "gitlab-discovery"),
                        *("github-org", "gitlab-org", "backstage"),
                    ]
                ),
                name="location_type_known",
            ),
        ]
        indexes = [models.Index(fields=["next_read_at"], name="location_next_read")]  # what is owed a read

    def __str__(self) -> str:
        return f"{self.type}:{self.target}"

    def get_absolute_url(self) -> str:
        return reverse("catalog:location", args=[self.pk])


class SourceFile(models.Model):
    """One file as it was last read, so that an unchanged file is neither parsed nor written again.

    `key` is the path inside the location's tree, or a web address. `reads` are the keys that its placeholders pulled
    in, with their digests; `targets` the keys that its Location entities point to, each with the ref of the pointer.
    `validators` are what to send along when it, or what it pulls in, is asked for again: key → [ETag, Last-Modified,
    format of `reading.py`].
    """

    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="files")
    key = models.CharField(max_length=2000)
    digest = models.CharField(
        max_length=64
    )  # SHA-256 of the bytes; empty when it must be parsed again anyway
    reads = models.JSONField(default=dict)
    validators = models.JSONField(default=dict)
    targets = models.JSONField(default=list)
    refs = ArrayField(models.CharField(max_length=255), default=list)

    class Meta:
        constraints = [UniqueConstraint(fields=["location", "key"], name="source_file_once")]


class KeptAnswer(models.Model):
    """What an API answered to a location last, cut down to what is needed, with what a conditional request sends along.

    `stamp` is what else says that the answer still holds, such as the time of the last push.
    """

    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="answers")
    url = models.CharField(max_length=2000)
    etag = models.CharField(max_length=255, blank=True)
    last_modified = models.CharField(max_length=64, blank=True)
    stamp = models.CharField(max_length=64, blank=True)
    value = models.JSONField()
    has_more = models.BooleanField(default=False)  # another page follows

    class Meta:
        constraints = [UniqueConstraint(fields=["location", "url"], name="kept_answer_once")]


class HostPause(models.Model):
    """A host whose limit of requests is used up: nobody asks it before `until`."""

    host = models.CharField(max_length=255, primary_key=True)
    until = models.DateTimeField()


class WebhookDelivery(models.Model):
    """A message of a host that was taken, so that it is not taken twice: by its own number, and by its content."""

    host_type = models.CharField(max_length=16)
    number = models.CharField(max_length=200)
    digest = models.CharField(
        max_length=64
    )  # SHA-256 of the body: the number is not covered by the signature
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            UniqueConstraint(fields=["host_type", "number"], name="webhook_delivery_once"),
            UniqueConstraint(fields=["host_type", "digest"], name="webhook_content_once"),
        ]
        indexes = [models.Index(fields=["received_at"], name="webhook_received")]  # old ones are forgotten


class EntityQuerySet(models.QuerySet["Entity"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Where every list, search and count starts; what `visibility.py` says, as one condition."""
        from catalog.visibility import sight_of

        sight = sight_of(user)
        if sight.is_whole:
            return self
        return self.none() if sight.sees_nothing else self.filter(sight.shown())

    def hidden_from(self, user: User | AnonymousUser) -> Self:
        """Exactly what `visible_to` leaves out."""
        from catalog.visibility import sight_of

        sight = sight_of(user)
        if sight.is_whole:
            return self.none()
        return self if sight.sees_nothing else self.exclude(sight.shown())

    def owned_by(self, *refs: str) -> Self:
        return self.filter(owner_ref__in=refs)

    def light(self) -> Self:
        """What a list of entities needs."""
        return self.defer(*HEAVY)


class Entity(models.Model):
    """One catalogue entity: `document` is the descriptor, placeholders resolved; columns repeat what lists need."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    ref = models.CharField(max_length=255)  # lower-case kind:namespace/name
    kind = models.CharField(max_length=63)  # lower case; `document` keeps the spelling
    namespace = models.CharField(max_length=63)  # lower case
    name = models.CharField(max_length=63)  # as written
    title = models.CharField(max_length=500, blank=True)
    description = models.TextField(blank=True)
    type = models.CharField(max_length=200, blank=True)
    lifecycle = models.CharField(max_length=200, blank=True)
    owner_ref = models.CharField(max_length=255, blank=True)
    system_ref = models.CharField(max_length=255, blank=True)
    tags = ArrayField(models.CharField(max_length=63), default=list)
    document = models.JSONField()
    digest = models.CharField(max_length=64)  # SHA-256 of what is kept of the document
    term_keys = ArrayField(models.BigIntegerField(), default=list)  # what filters ask for: `terms.py`
    search = SearchVectorField(null=True)
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="entities")
    source_path = models.CharField(max_length=2000, blank=True)  # file inside the location
    source_line = models.PositiveIntegerField(default=1)
    source_text = PackedTextField(default="")  # the YAML of this document
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL
    )  # the Location entity that pointed here
    # The file or document it came from is broken or missing, though nothing took it away: the last good version stays.
    orphaned_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField()

    objects = EntityQuerySet.as_manager()

    class Meta:
        constraints = [UniqueConstraint(fields=["ref"], name="entity_ref_once")]
        indexes = [
            models.Index(fields=["kind", "type", "name"], name="entity_kind_type_name"),  # the list, filtered
            models.Index(fields=["owner_ref", "kind", "name"], name="entity_owner_kind_name"),  # owner pages
            models.Index(fields=["system_ref", "kind", "name"], name="entity_system_kind_name"),
            models.Index(fields=["name"], name="entity_name"),  # the list, whole
            # names that begin with what was typed, which the index above cannot find in any case of letters
            models.Index(OpClass(Upper("name"), "text_pattern_ops"), name="entity_name_begins"),
            models.Index(fields=["-changed_at"], name="entity_changed"),  # recent changes on the home page
            GinIndex(fields=["term_keys"], name="entity_term_keys"),
            GinIndex(fields=["search"], name="entity_search"),
            GinIndex(fields=["name"], name="entity_name_trigram", opclasses=["gin_trgm_ops"]),
            # parts of words in by-query, where one field without an index would mean reading all
            GinIndex(fields=["title"], name="entity_title_trigram", opclasses=["gin_trgm_ops"]),
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def label(self) -> str:
        return self.title or self.name

    @property
    def terms(self) -> Terms:
        """What filters are matched against in memory; relations are not among it."""
        return Terms(self.term_keys, further=self._column_terms())

    def _column_terms(self) -> Iterator[str]:
        for path, column in COLUMNS.items():
            if value := getattr(self, column):
                yield from (path, f"{path}={value}")

    def get_absolute_url(self) -> str:
        # Put together here: a list has hundreds, and these three hold nothing that an address must quote.
        return f"{_list_address(get_script_prefix())}{self.kind}/{self.namespace}/{self.name}/"


@lru_cache(maxsize=8)
def _list_address(script_prefix: str) -> str:  # noqa: ARG001  part of the key: `reverse` puts it in front
    return reverse("catalog:list")


class RelationQuerySet(models.QuerySet["Relation"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Relations of which `user` may know both ends; an end that nothing describes is no secret."""
        from catalog.visibility import sight_of

        if sight_of(user).is_whole:
            return self
        hidden = Entity.objects.hidden_from(user)
        return self.exclude(Exists(hidden.filter(ref=OuterRef("target_ref")))).exclude(
            Exists(hidden.filter(pk=OuterRef("source_id")))
        )


class Relation(models.Model):
    """`source` has `type` to `target_ref`; the target may not exist (a dangling reference, shown as unknown).

    Both directions are rows: ownedBy and ownerOf, dependsOn and dependencyOf, … A row stands while one of the two ends
    says it: the document of `source` (`is_stated`), or that of the target, the other way round (`is_stated_by_target`).
    """

    # A row is its three parts and nothing else; the key begins with the source, which needs no index of its own.
    pk = models.CompositePrimaryKey("source", "type", "target_ref")
    source = models.ForeignKey(Entity, on_delete=models.CASCADE, related_name="relations", db_index=False)
    type = models.CharField(max_length=63)
    target_ref = models.CharField(max_length=255)
    is_stated = models.BooleanField(default=True)
    is_stated_by_target = models.BooleanField(default=False)

    objects = RelationQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["target_ref", "type"], name="relation_target")]


class ProblemQuerySet(models.QuerySet["Problem"]):
    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Problems that name nothing which is hidden from `user`."""
        from catalog.visibility import sight_of

        if sight_of(user).is_whole:
            return self
        hidden = Entity.objects.hidden_from(user)
        named = Exists(hidden.filter(ref=OuterRef("entity_ref"))) | Exists(
            hidden.filter(ref=OuterRef("target_ref"))
        )
        return self.filter(location__in=Location.objects.visible_to(user)).exclude(named)


class Problem(models.Model):
    """Something wrong with a location, a file or an entity, in words a person can act on."""

    class Severity(models.TextChoices):
        ERROR = "error", "Error"
        WARNING = "warning", "Warning"

    class Code(models.TextChoices):
        UNREADABLE = "unreadable", "Cannot be read"
        YAML = "yaml", "Not valid YAML"
        INVALID = "invalid", "Not a valid entity"
        CONFLICT = "conflict", "Claimed by two locations"
        DANGLING = "dangling", "Refers to something unknown"
        NOT_ALLOWED = "not_allowed", "Not allowed from this location"

    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="problems")
    entity = models.ForeignKey(Entity, null=True, on_delete=models.CASCADE, related_name="problems")
    entity_ref = models.CharField(max_length=255, blank=True)
    target_ref = models.CharField(max_length=255, blank=True)  # dangling: what is not there
    severity = models.CharField(max_length=8, choices=Severity, default=Severity.ERROR)
    code = models.CharField(max_length=16, choices=Code)
    path = models.CharField(max_length=1000, blank=True)
    line = models.PositiveIntegerField(null=True)
    message = models.TextField()  # what, where, what to do
    found_at = models.DateTimeField(auto_now_add=True)

    objects = ProblemQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["entity_ref"], name="problem_entity_ref"),
            models.Index(fields=["target_ref"], name="problem_target_ref", condition=~Q(target_ref="")),
        ]


class CatalogRevision(models.Model):
    """One row: a counter raised by every change of the catalogue, and the facets counted at that revision."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.PositiveBigIntegerField(default=0)
    changed_at = models.DateTimeField(null=True)
    facets = models.JSONField(default=dict)
    facets_number = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [CheckConstraint(condition=Q(id=1), name="catalog_revision_single")]
