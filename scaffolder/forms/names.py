"""What names may look like: entities, tags, parts of a repository's address. Each answers with the problem."""

from __future__ import annotations

import re

from django.utils.text import slugify

_ENTITY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._\-]*[A-Za-z0-9])?")
_TAG = re.compile(r"[a-z0-9:+#]+(-[a-z0-9:+#]+)*")
_REPOSITORY = re.compile(r"[\w.\-~ ]+(/[\w.\-~ ]+)*")  # groups of GitLab nest; Azure projects have blanks
_HOSTED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
LONGEST = 63  # Backstage's limit for names and tags


def entity_name_problem(text: str) -> str:
    if len(text) > LONGEST:
        return f"Too long by {len(text) - LONGEST}. A name has at most {LONGEST} characters."
    if _ENTITY.fullmatch(text):
        return ""
    hint = f" Try {better}." if (better := slugify(text)[:LONGEST].strip("-_")) else ""
    return f"“{text}” is no name for the catalogue. Use letters, digits, hyphens, dots, underscores.{hint}"


def tag_problem(text: str) -> str:
    if _TAG.fullmatch(text) and len(text) <= LONGEST:
        return ""
    return f"“{text[:LONGEST]}” is no tag. Use lower-case letters and digits, joined by single hyphens."


def repository_part_problem(label: str, text: str) -> str:
    steps_out = any(part in (".", "..") for part in text.split("/"))
    if _REPOSITORY.fullmatch(text) and not steps_out:
        return ""
    return f"{label}: “{text[:LONGEST]}” cannot be part of an address. Use letters, digits, hyphens and dots."


def is_hosted(name: str) -> bool:
    """One part of the path of a repository that Portico makes: no dot at the beginning, so neither .. nor .git."""
    return (
        bool(_HOSTED.fullmatch(name))
        and ".." not in name
        and not name.casefold().endswith((".lock", ".git.git"))
    )


def hosted_part_problem(label: str, text: str) -> str:
    """An owner may be a group in a group: `a/b`."""
    if all(map(is_hosted, text.split("/"))):
        return ""
    better = "/".join(filter(None, (slugify(part) for part in text.split("/"))))
    hint = f" Try {better}." if better and better != text else ""
    return (
        f"{label}: “{text[:LONGEST]}” cannot be part of an address. Use letters, digits, -, _ and dots.{hint}"
    )
