"""Whether the Hub answers, and what the errors of its client come from."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

ANSWER_SECONDS, ANSWER_KEPT = 5, 60.0  # how long it is waited for; after how many seconds it is looked for again
# Names of the HTTP client's errors: the client is httpx or httpx2, by the version of huggingface_hub.
BROKEN_OFF = {"RemoteProtocolError", "ReadError", "ReadTimeout", "WriteError", "WriteTimeout", "CloseError"}
BROKEN_OFF |= {"XetDownloadError"}
UNREACHABLE = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "ConnectionError"}
DOWN = (429, 500, 502, 503, 504)  # statuses at which its client asks again for minutes, or for as long as it is told
# When the Hub did not answer, by the monotonic clock, and what it did instead; at most one.
_looked: list[tuple[float, str]] = []


def look_at_hub() -> None:
    """Where the Hub does not answer, or with a fault of its own, its client is told to be offline: else it would ask it
    again and again, for minutes, before it takes what is in the caches or gives up."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if _looked and time.monotonic() - _looked[-1][0] < ANSWER_KEPT:
        return
    if constants.HF_HUB_OFFLINE and not _looked:
        return  # by the user
    try:
        _set_offline(False)
        status = get_session().head(constants.ENDPOINT, timeout=ANSWER_SECONDS).status_code
        said = f"answered with status {status}, a server error" if status in DOWN else ""
    except Exception as error:  # the client is httpx or httpx2
        if not {type(e).__name__ for e in causes(error)} & (UNREACHABLE | BROKEN_OFF):
            return  # an answer, whatever it says
        said = f"did not answer within {ANSWER_SECONDS} seconds"
    _looked[:] = [(time.monotonic(), said)] if said else []
    _set_offline(bool(said))


def _set_offline(is_so: bool) -> None:
    from huggingface_hub import constants

    constants.HF_HUB_OFFLINE = is_so
    if "datasets" in sys.modules:  # it copies the constant when it is imported
        sys.modules["datasets"].config.HF_HUB_OFFLINE = is_so


def silence() -> str:
    """What the Hub did instead of answering when it was looked for; empty where it answered."""
    return _looked[-1][1] if _looked else ""


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and in turn what each was raised from or in the handling of."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
