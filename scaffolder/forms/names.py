"""What names may look like: entities, tags, parts of a repository's address. Each answers with the problem."""

from __future__ import annotations

import re

from django.utils.text import slugify

_ENTITY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._\-]*[A-Za-z0-9])?")
_TAG = re.compile(r"[a-z0-9:+#]+(-[a-z0-9:+#]+)*")
_REPOSITORY = re.compile(r"[\w.\-~ ]+(/[\w.\-~ ]+)*")  # groups of GitLab nest; Azure projects have blanks
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
