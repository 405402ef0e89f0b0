from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from pytest_django.fixtures import Settings

from scaffolder.errors import ActionFailed
from scaffolder.sealing import Masker, seal, unseal

SECRET = 's3cret/with "quotes" & ünicode'


def test_what_is_sealed_opens_again_and_is_not_readable() -> None:
    sealed = seal({"token": SECRET})
    assert SECRET.encode() not in sealed
    assert unseal(sealed) == {"token": SECRET}
    assert unseal(None) == {}


def test_another_secret_key_opens_nothing_and_says_so(settings: Settings) -> None:
    sealed = seal({"token": SECRET})
    settings.SECRET_KEY = "another"
    with pytest.raises(ActionFailed, match="SECRET_KEY has changed"):
        unseal(sealed)


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        quote(SECRET),
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_masked_in_each_of_its_forms(form: str) -> None:
    masked = Masker([SECRET]).text(f"before {form} after")
    assert "***" in masked
    assert form.strip('"=') not in masked


def test_a_secret_is_masked_inside_data_and_keys() -> None:
    masked = Masker(["hunter22"]).data({"a": ["x hunter22"], "hunter22": {"b": 1}})
    assert masked == {"a": ["x ***"], "***": {"b": 1}}


def test_each_line_of_a_key_is_masked() -> None:
    key = "-----BEGIN KEY-----\nabcdef123\n-----END KEY-----"
    assert "abcdef123" not in Masker([key]).text("line: abcdef123")


def test_a_longer_secret_is_masked_before_a_shorter_one_inside_it() -> None:
    assert Masker(["pass", "password"]).text("password") == "***"
