"""Secrets that settings name: as they stand there, in a file, or in a variable.

Read when they are used, so that a file which is rotated counts at once; in no repr, message or row.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


class SecretMissing(Exception):
    """A file or variable that is named but not there; the message is for administrators."""


class SecretTwice(ValueError):
    """An entry that gives one secret in two ways."""


@dataclass(frozen=True)
class Secret:
    name: str  # of the field
    text: str = field(default="", repr=False)
    file: str = ""
    variable: str = ""
    setting: str = ""  # that holds the entry

    @property
    def is_set(self) -> bool:
        return bool(self.text or self.file or self.variable)

    def read(self) -> str:
        """The text; empty when none is set. Raises `SecretMissing`."""
        if self.file:
            try:
                return Path(self.file).expanduser().read_text().strip()
            except OSError as error:
                raise SecretMissing(
                    f"The file with the {self.name} cannot be read: {error.strerror}. Correct {self.name}_file in "
                    f"{self.setting}."
                ) from error
        if self.variable and not os.environ.get(self.variable):
            raise SecretMissing(
                f"The variable {self.variable}, which should hold the {self.name}, is not set. Set it, and start again."
            )
        return os.environ[self.variable].strip() if self.variable else self.text


def secret_of(entry: Mapping[str, str], name: str, setting: str) -> Secret:
    """From the fields `name`, `name_file` and `name_env`. Raises `SecretTwice`."""
    text, file, variable = (entry.get(f"{name}{how}", "") for how in ("", "_file", "_env"))
    if sum(map(bool, (text, file, variable))) > 1:
        raise SecretTwice(f"gives its {name} twice. Keep one of {name}, {name}_file, {name}_env.")
    return Secret(name, text, file, variable, setting)
