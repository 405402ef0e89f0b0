"""API tokens from the shell: `manage.py token create USER | list USER | revoke ID`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from control import tokens
from control.errors import ControlError
from control.models import ApiToken, User


class Command(BaseCommand):
    help = "Make, list or revoke API tokens. `create` prints the secret alone, so that a script can take it."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a token that acts as USER; prints its secret, once")
        create.add_argument("user", help="user name")
        create.add_argument("--name", default="Made on the server", help="what it is for")
        create.add_argument("--days", type=int, default=tokens.DEFAULT_DAYS, help="until it ends")
        actions.add_parser("list", help="the tokens of USER, without their secrets").add_argument("user")
        actions.add_parser("revoke", help="end the token with this number").add_argument("id", type=int)

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            {"create": self._create, "list": self._list, "revoke": self._revoke}[action](options)
        except ControlError as refusal:
            raise CommandError(str(refusal)) from refusal

    def _create(self, options: dict[str, Any]) -> None:
        token, secret = tokens.issue(
            owner=_user(options["user"]), by=None, name=options["name"], days=options["days"]
        )
        self.stdout.write(secret)
        self.stderr.write(f"Token {token.pk} ends on {token.expires_at:%Y-%m-%d}. It is shown this once.")

    def _list(self, options: dict[str, Any]) -> None:
        for token in _user(options["user"]).api_tokens.order_by("pk"):
            state = "works" if token.is_active else "revoked" if token.revoked_at else "expired"
            used = f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never"
            self.stdout.write(
                f"{token.pk}  …{token.hint}  {state}, ends {token.expires_at:%Y-%m-%d}, used {used}  {token.name}"
            )

    def _revoke(self, options: dict[str, Any]) -> None:
        try:
            token = tokens.revoke(options["id"], by=None)
        except ApiToken.DoesNotExist:
            raise CommandError(f"There is no token {options['id']}. `token list USER` says which.") from None
        self.stdout.write(f"Revoked {token}.")


def _user(username: str) -> User:
    try:
        return User.objects.get(username=username)
    except User.DoesNotExist:
        raise CommandError(f"There is no account {username}.") from None
