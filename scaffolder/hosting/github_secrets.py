"""Secrets for GitHub Actions, sealed with the repository's own key before they leave: only GitHub can open them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from nacl.exceptions import CryptoError
from nacl.public import PublicKey, SealedBox

from scaffolder.errors import ActionFailed
from scaffolder.hosting.api import Api

if TYPE_CHECKING:
    from scaffolder.actions.base import Work

MAX_BYTES = 48_000  # of one secret, as GitHub has it


def set_secrets(work: Work, api: Api, path: str, secrets: Mapping[str, Any]) -> None:
    """`path` is that of a list of secrets, of a repository or of an environment. Doing it twice sets them twice."""
    if not secrets:
        return
    for value in secrets.values():
        work.hide(str(value))
    found = api.find(f"{path}/public-key", "the key for secrets")
    if not found:
        raise ActionFailed(
            f"{api.place.host} gives no key to seal secrets with. Check what its token may do."
        )
    box = _box(str(found.get("key", "")))
    for name, value in secrets.items():
        data = {"encrypted_value": _sealed(box, str(name), str(value)), "key_id": str(found["key_id"])}
        api.change("PUT", f"{path}/{quote(str(name), safe='')}", f"set the secret {name}", data)
    work.journal.info(f"{api.place.full_name} has the secrets {', '.join(map(str, secrets))}")


def _box(key: str) -> SealedBox[PublicKey]:
    try:
        return SealedBox(PublicKey(base64.b64decode(key, validate=True)))
    except (binascii.Error, CryptoError, ValueError, TypeError):
        raise ActionFailed("The key that the host gave to seal secrets with is none.") from None


def _sealed(box: SealedBox[PublicKey], name: str, value: str) -> str:
    if not value:
        raise ActionFailed(f"The secret {name} is empty. Give it a value, or leave it out.")
    if len(value.encode()) > MAX_BYTES:
        raise ActionFailed(
            f"The secret {name} has more than {MAX_BYTES:,} bytes, the most that GitHub takes."
        )
    return base64.b64encode(box.encrypt(value.encode())).decode()
