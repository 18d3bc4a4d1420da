"""What tours are made of: a small client that calls a running server, and numbered steps that say how they went.

The tour has a client of its own, since `core.outgoing` rightly refuses to talk to this machine.
"""

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

ATTEMPT_SECONDS = 10.0
# How long the log, its statistics and the relay may lag; usually under a second.
PATIENCE_SECONDS = 30.0
T = TypeVar("T")


class TourFailed(Exception):
    """A step did not turn out as promised; the message says which and how."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def data(self) -> Any:
        """The envelope's content."""
        return self.body["data"]

    @property
    def code(self) -> str:
        """The error's code, empty for a success."""
        return str(self.body["error"]["code"]) if isinstance(self.body, dict) and "error" in self.body else ""


@dataclass(frozen=True, slots=True)
class Client:
    """Calls one server with one credential."""

    url: str
    credential: str = ""

    def call(self, method: str, path: str, body: Any = None, *, request_id: str = "") -> Answer:
        """One request. Raises TourFailed when nobody answers."""
        headers = {"Content-Type": "application/json"}
        if request_id:
            headers["X-Request-ID"] = request_id
        return self._ask(method, path, None if body is None else json.dumps(body).encode(), headers)

    def upload(self, path: str, filename: str, content: bytes) -> Answer:
        """Hand in a file, as the field `file` of a form. Raises TourFailed when nobody answers."""
        boundary = secrets.token_hex(16)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
        form = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        return self._ask("POST", path, form, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def _ask(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        headers["Accept"] = "application/json"
        if self.credential:
            headers["Authorization"] = self.credential
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - checked by Tour
        try:
            with urllib.request.urlopen(request, timeout=ATTEMPT_SECONDS) as response:  # noqa: S310
                return _answer(response)
        except urllib.error.HTTPError as response:
            with response:
                return _answer(response)
        except OSError as error:
            raise TourFailed(f"nobody answers at {self.url} ({error}); start the product with `make run`") from error

    def expect(self, status: HTTPStatus, method: str, path: str, body: Any = None, *, request_id: str = "") -> Answer:
        """One request that must be answered with `status`. Raises TourFailed."""
        answer = self.call(method, path, body, request_id=request_id)
        if answer.status != status:
            raise TourFailed(f"{method} {path} was answered {answer.status} instead of {status.value}: {answer.body}")
        return answer


def _answer(response: Any) -> Answer:
    raw = response.read()
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        body = raw[:200].decode("utf-8", "replace")
    return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, body)


@dataclass(frozen=True, slots=True)
class Guide:
    """Who a module's part of the tour is walked with: the administrator, and an integrator with a key of the tour's account."""

    admin: Client
    integrator: Client
    user_id: str


class Steps:
    """Numbered steps. `say` gets a line for each."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self.say = say
        self.count = 0

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """A step: says how it went, and names itself when it fails."""
        self.count += 1
        seen: list[str] = []
        try:
            yield seen.append
        except TourFailed as error:
            raise TourFailed(f"step {self.count}, {title.removeprefix('... ')!r}: {error}") from error
        except (KeyError, TypeError, IndexError) as error:
            raise TourFailed(f"step {self.count}, {title!r}: the answer has another shape ({error!r})") from error
        self.say(f"  {self.count:2}  {title}" + (f": {seen[-1]}" if seen else ""))


def check(promise: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not promise:
        raise TourFailed(otherwise)


def until(ask: Callable[[], T | None], otherwise: str = "does the shipper run?") -> T:
    """Ask until there is something. Raises TourFailed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := ask()):
        check(time.monotonic() < deadline, f"nothing after {PATIENCE_SECONDS:.0f} s; {otherwise}")
        time.sleep(0.2)
    return found
