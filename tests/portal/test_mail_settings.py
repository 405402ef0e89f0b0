"""Reading PORTICO_MAIL_URL, and mail as files."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, get_connection

from portal.mail_settings import MailSettings, read

SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (
            "smtp://portico:p%40ss@mail.example.org",
            MailSettings(SMTP, "mail.example.org", 587, "portico", "p@ss", starttls=True),
        ),
        ("smtp://mail.example.org:25?tls=none", MailSettings(SMTP, "mail.example.org", 25)),
        ("smtps://mail.example.org", MailSettings(SMTP, "mail.example.org", 465, tls=True)),
        ("smtp://localhost:1025", MailSettings(SMTP, "localhost", 1025)),
        ("smtp://localhost?tls=starttls", MailSettings(SMTP, "localhost", 587, starttls=True)),
        ("console:", MailSettings("django.core.mail.backends.console.EmailBackend")),
        ("file:///srv/my%20mail", MailSettings("portal.mail_folder.FolderBackend", folder="/srv/my mail")),
        ("", MailSettings("django.core.mail.backends.dummy.EmailBackend")),
    ],
)
def test_an_address_becomes_settings(url: str, found: MailSettings) -> None:
    assert read(url) == found


def test_a_password_of_its_own_goes_before_the_one_in_the_address() -> None:
    found = read("smtp://portico@mail.example.org", password="a/b:c@d")
    assert found.password == "a/b:c@d"
    assert "a/b" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org",
        "smtp://",
        "smtp://:hunter2@",
        "smtp://u:hunter2@mail:port",
        "https://u:hunter2@mail",
        "smtp://u:hunter2@mail/path",
        "smtp://u:hunter2@mail?tls=maybe",
        "smtp://u:hunter2@mail?ssl=1",
        "file://",
    ],
)
def test_what_cannot_be_read_stops_the_start_without_saying_the_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="PORTICO_MAIL_URL") as refusal:
        read(url)
    assert "hunter2" not in str(refusal.value)


def test_mail_becomes_files_that_mail_programs_open(tmp_path: Path, settings: Any) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = (
        read(f"file://{tmp_path}/mail").backend,
        f"{tmp_path}/mail",
    )
    headers = {"Message-ID": "<1@x>"}
    message = EmailMessage("Größe ../../etc", "Hello", "a@example.org", ["b@example.org"], headers=headers)
    message.connection = get_connection()
    message.send()
    (file,) = (tmp_path / "mail").iterdir()
    assert file.suffix == ".eml"
    found = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert (found["Subject"], found["To"]) == ("Größe ../../etc", "b@example.org")
    assert (tmp_path / "mail").stat().st_mode & 0o077 == 0, "nobody else reads it"
