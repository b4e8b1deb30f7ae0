"""Requests to the Hub: a silent connection ends, and a request that the Hub refuses as one too many is sent again."""

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

Answer = TypeVar("Answer")

#: Seconds without progress after which a connection counts as lost: to connect, to read, to write; and no limit for
#: the wait for a free connection. The Hub needs a while to answer a large commit.
TIMEOUTS = (15.0, 300.0, 60.0, None)
#: How often a request is sent at most, and the longest wait between two tries in seconds.
TRIES, LONGEST_WAIT = 4, 300


def with_retries(request: Callable[[], Answer]) -> Answer:
    """The result of a request. Where the Hub refuses it as one too many (429), wait and send it again.

    A refused request had no effect, so that sending it again is safe. huggingface_hub retries uploads only.
    """
    from huggingface_hub.errors import HfHubHTTPError

    for attempt in range(1, TRIES + 1):
        try:
            return request()
        except HfHubHTTPError as error:
            if error.response.status_code != 429 or attempt == TRIES:
                raise
            wait = requested_wait(error.response.headers) or 2**attempt
            if wait > LONGEST_WAIT:
                raise
            time.sleep(wait)
    raise AssertionError("unreachable")


def requested_wait(headers: Mapping[str, str]) -> int | None:
    """The seconds that the Hub asks to wait: Retry-After, or t of its RateLimit header.

    >>> requested_wait({"Retry-After": "7"}), requested_wait({"RateLimit": '"api";r=0;t=30'}), requested_wait({})
    (7, 30, None)
    """
    found = re.fullmatch(r"(\d+)", headers.get("Retry-After", "")) or re.search(
        r";\s*t\s*=\s*(\d+)", headers.get("RateLimit", "")
    )
    return int(found[1]) if found else None


@contextlib.contextmanager
def timeouts() -> Iterator[None]:
    """Give the client of the Hub these TIMEOUTS. By default it waits for ever."""
    from huggingface_hub import get_session

    session = get_session()
    before = session.timeout
    session.timeout = TIMEOUTS
    try:
        yield
    finally:
        session.timeout = before
