"""Following a run as it goes on: a stream of events, and a question that is answered when there is something new.

Both hold a thread of the web server while they wait, and a process has few. So only `MOST_WAITING` at a time may wait
in one process, each for a bounded time; who comes beyond them is told to ask again, and is answered at once when there
is something to tell. Pages always have a thread.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from catalog.api.asked import Parameters
from control.api import ApiError, answer_data
from control.models import User
from scaffolder.api.events import LARGEST_ID, Batch, Mark, events_after
from scaffolder.api.places import Place, Places, all_taken
from scaffolder.api.tasks import run_of

MOST_WAITING = 2  # of the four threads of a process
STREAM_SECONDS = 300  # then the client connects again, with `after` or Last-Event-ID
POLL_SECONDS = 8  # of one question for events; many clients give up after ten
LOOK_SECONDS = 0.7  # between two looks at the database
SIGN_SECONDS = 10  # between two signs of life; the first that cannot be written ends the stream
_FULL = "Too many wait for events here. Ask again in a second."
_places = Places(MOST_WAITING)


def stream(request: HttpRequest, user: User, task_id: str) -> HttpResponseBase:
    """Server-sent events until the run is over, or for `STREAM_SECONDS`."""
    run, mark = run_of(user, task_id), _mark(request)
    place = _places.take()
    if place is None:
        return all_taken(request, _FULL)
    answer = StreamingHttpResponse(_written(run.pk, mark, place), content_type="text/event-stream")
    answer["Cache-Control"] = "no-cache"
    answer["X-Accel-Buffering"] = "no"  # nginx would keep events until it has many
    answer._resource_closers.append(place.leave)  # type: ignore[attr-defined]  # also when nothing was ever read
    return answer


def _written(run_id: UUID, mark: Mark, place: Place) -> Iterator[bytes]:
    ends_at = signed_at = time.monotonic()
    ends_at += STREAM_SECONDS
    try:
        yield b"retry: 2000\n\n"
        while True:
            batch = events_after(run_id, mark)
            mark = batch.mark
            for event in batch.events:
                yield f"id: {event['id']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            if batch.is_over or time.monotonic() > ends_at:
                return
            if not batch.events:
                time.sleep(LOOK_SECONDS)
            if time.monotonic() - signed_at > SIGN_SECONDS:
                signed_at = time.monotonic()
                yield b": still here\n\n"
    finally:
        place.leave()


def polled(request: HttpRequest, user: User, task_id: str) -> HttpResponse:
    """The events after `after`; with nothing new it waits for some, up to `POLL_SECONDS`."""
    run, mark = run_of(user, task_id), _mark(request)
    batch = events_after(run.pk, mark)
    if batch.events:
        return answer_data(batch.events)
    place = _places.take()
    if place is None:
        return all_taken(request, _FULL)
    try:
        return answer_data(_waited(run.pk, mark).events)
    finally:
        place.leave()


def _waited(run_id: UUID, mark: Mark) -> Batch:
    ends_at = time.monotonic() + POLL_SECONDS
    while True:
        time.sleep(LOOK_SECONDS)
        batch = events_after(run_id, mark)
        if batch.events or time.monotonic() > ends_at:
            return batch


def _mark(request: HttpRequest) -> Mark:
    after = Parameters(request, "after").integer("after", LARGEST_ID)
    if after is None and (last := request.headers.get("Last-Event-ID", "")):
        if not (last.isascii() and last.isdigit() and int(last[:20]) <= LARGEST_ID):
            raise ApiError(400, "Last-Event-ID is not the id of an event.")
        after = int(last)
    return Mark.of(after or 0)
