"""The states of a payment, and which may follow which."""

from enum import StrEnum


class State(StrEnum):
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    REFUNDED = "refunded"
    DECLINED = "declined"
    EXPIRED = "expired"


FOLLOWS: dict[State, frozenset[State]] = {
    State.AUTHORISED: frozenset({State.CAPTURED, State.EXPIRED}),
    State.CAPTURED: frozenset({State.REFUNDED}),
    State.REFUNDED: frozenset(),
    State.DECLINED: frozenset(),
    State.EXPIRED: frozenset(),
}


class InvalidState(ValueError):
    """The payment is not in a state that allows this."""


def advance(now: State, wanted: State) -> State:
    if wanted not in FOLLOWS[now]:
        raise InvalidState(f"A payment that is {now} cannot become {wanted}.")
    return wanted
