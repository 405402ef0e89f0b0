"""Personal API tokens: made, used, revoked. The secret is returned once, by `issue`, and stored nowhere.

A token is its person: what it may do is what they may do, decided anew at each request.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Hashable
from datetime import datetime, timedelta
from functools import cache

from django.db import transaction
from django.utils import timezone

from control import audit, per_request, prepared, standing
from control.errors import InvalidParameters, NotSignedIn, Refused, TooLate
from control.models import ApiToken, User

PREFIX = "ptc_"  # what scanners of leaked secrets look for
SECRET_BYTES = 32
DEFAULT_DAYS = 90
MOST_DAYS = ApiToken.LONGEST.days
MOST_ACTIVE = 50  # of one person: more are forgotten ones
USED_EVERY = timedelta(minutes=1)  # between two writes of `last_used_at`


def issue(*, owner: User, by: User | None, name: str, days: int = DEFAULT_DAYS) -> tuple[ApiToken, str]:
    """A new token of `owner` and its secret, which nobody can see again. `by` None is the command line."""
    name = name.strip()
    _check(owner, by, name, days)
    secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    now = timezone.now()
    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.pk)  # two at once are counted one after the other
        if owner.api_tokens.active().count() >= MOST_ACTIVE:
            raise InvalidParameters(
                {"name": f"{MOST_ACTIVE} tokens are in use, which is the most. Revoke one that nobody needs."}
            )
        token = ApiToken.objects.create(
            user=owner,
            name=name,
            digest=digest_of(secret),
            hint=secret[-4:],
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        audit.record(
            "token.issued",
            actor=by,
            subject_ref=owner.entity_ref or "",
            summary=f"Made the API token “{name}” of {owner.label}",
            after={"token": token.pk, "name": name, "expires_at": token.expires_at.isoformat()},
        )
    return token, secret


def _check(owner: User, by: User | None, name: str, days: int) -> None:
    if by is not None and by.pk != owner.pk:
        raise Refused("A token is made by the person it stands for. Ask them to make one on their profile.")
    if not owner.is_active:
        raise Refused("This account is closed, so it gets no token.")
    if not name or len(name) > 100:
        raise InvalidParameters({"name": "Say in at most 100 characters what the token is for."})
    if not 1 <= days <= MOST_DAYS:
        raise InvalidParameters({"days": f"A token lasts between 1 and {MOST_DAYS} days. Write a number."})


@transaction.atomic
def revoke(token_id: int, *, by: User | None) -> ApiToken:
    """End a token at once. Its person and administrators may; `by` None is the command line."""
    token = ApiToken.objects.select_for_update(of=("self",)).select_related("user").get(pk=token_id)
    if by is not None and not (by.is_staff or by.pk == token.user_id):
        raise Refused("Only its person, or an administrator, may revoke a token.")
    if token.revoked_at is not None:
        raise TooLate("This token was revoked before.")
    token.revoked_at, token.revoked_by = timezone.now(), by
    token.save(update_fields=["revoked_at", "revoked_by"])
    audit.record(
        "token.revoked",
        actor=by,
        subject_ref=token.user.entity_ref or "",
        summary=f"Revoked the API token “{token.name}” of {token.user.label}",
        before={"token": token.pk, "name": token.name, "expires_at": token.expires_at.isoformat()},
    )
    return token


_USER_FIELDS = [field.attname for field in User._meta.concrete_fields]
_read_along: dict[Hashable, str] = {}


def read_along(key: Hashable, column: str) -> None:
    """Read `column` (a value in SQL) with each token, and keep it under `key` while the request is answered.

    For what nearly every answer of an API depends on: one statement less is a tenth of a quick answer.
    """
    _read_along[key] = column
    _find.cache_clear()


@cache
def _find() -> str:
    return f"""
SELECT t.id, t.digest, t.revoked_at IS NOT NULL, t.expires_at <= now(), t.last_used_at,
    EXISTS (SELECT FROM control_user o WHERE o.id = u.acts_for_id AND NOT o.is_active),
    {", ".join((*_read_along.values(), *(f"u.{column}" for column in _USER_FIELDS)))}, {standing.COLUMNS}
FROM control_apitoken t JOIN control_user u ON u.id = t.user_id {standing.NEWEST_RULES}
WHERE t.digest = %s::text"""  # noqa: S608  # names of columns


def authenticate(secret: str) -> User:
    """Whose token this is. One query, and a second one at most once a minute. Raises `NotSignedIn`."""
    digest = digest_of(secret)
    found = prepared.rows(_find(), [digest])
    if not found or not hmac.compare_digest(found[0][1], digest):
        raise NotSignedIn("This token is not known. Make one on your profile page.")
    token_id, _, is_revoked, is_over, last_used_at, is_left, *rest = found[0]
    if is_revoked:
        raise NotSignedIn("This token was revoked. Make a new one on your profile page.")
    if is_over:
        raise NotSignedIn("This token has expired. Make a new one on your profile page.")
    along, columns = rest[: len(_read_along)], rest[len(_read_along) :]
    user = User.from_db("default", _USER_FIELDS, columns[: len(_USER_FIELDS)])
    if is_left or not user.is_active:
        raise NotSignedIn("The account of this token is closed.")
    if not user.is_agent:
        per_request.keep(standing.key_of(user.pk), standing.Standing(*columns[len(_USER_FIELDS) :]))
    for key, value in zip(_read_along, along, strict=True):
        per_request.keep(key, value)
    _mark_used(token_id, last_used_at)
    return user


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _mark_used(token_id: int, last_used_at: datetime | None) -> None:
    now = timezone.now()
    if last_used_at is None or now - last_used_at >= USED_EVERY:
        ApiToken.objects.filter(pk=token_id).update(last_used_at=now)
