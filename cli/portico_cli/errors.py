"""Why a command ends without having done what it was asked for. The message is for people."""

from __future__ import annotations


class CommandFailed(Exception):
    """`code` is what the shell gets."""

    code = 3


class Misused(CommandFailed):
    code = 2


class Refused(CommandFailed):
    """Portico understood and said no."""

    code = 1
