"""Listing: the first page of an account's million messages, and its ten thousandth."""

import base64
import statistics
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import orjson
from django.db import connection
from django.test import Client

from bench.messages.people import forget, make_key, make_sessions, queue
from modules.whatsapp.models import Message

PATH = "/api/v1/messages/"
PAGE_SIZE, FAR = 25, 10_000
_WARM_UP = 10
# A message a second, newest now; what is not named here is as in the first one.
_VARIED = {
    "id": "uuidv7((n - %(rows)s) * interval '1 second')",
    "recipient": "'+1415555' || (2000 + n %% 5000)",
    "content": "'Your order ' || n || ' is on its way.'",
    "client_message_id": "'SBX' || lpad(n::text, 12, '0')",
    "provider_id": "'SBX' || lpad(n::text, 12, '0')",
    **dict.fromkeys(("created_at", "position", "sent_at", "delivered_at"), "now() + (n - %(rows)s) * interval '1 second'"),
}


def measure(rows: int, calls: int, say: Callable[[str], None]) -> dict[str, Any]:
    """p50 and p95 of both pages, in ms, asked for in turns."""
    (session,) = make_sessions("lister", 1)
    queue([session], 1)
    Message.objects.update(status="delivered", attempts=1, tries=1)
    with connection.cursor() as cursor:
        began = time.monotonic()
        cursor.execute(_insert(), {"rows": rows})
        cursor.execute("VACUUM ANALYZE whatsapp_message")
        say(f"{rows:,} messages inserted in {time.monotonic() - began:.0f} s")
    client = Client(headers={"Authorization": f"ApiKey {make_key(session)}"})
    far = min(FAR, rows // PAGE_SIZE - 1)
    paths = {"page_1": f"{PATH}?page_size={PAGE_SIZE}", f"page_{far}": f"{PATH}?page_size={PAGE_SIZE}&cursor={_cursor(far)}"}
    times: dict[str, list[float]] = {name: [] for name in paths}
    for number in range(_WARM_UP + calls):
        for name, path in paths.items():
            began = time.perf_counter()
            answer = client.get(path)
            elapsed = (time.perf_counter() - began) * 1000
            if answer.status_code != 200 or len(answer.json()["data"]) != PAGE_SIZE:
                raise RuntimeError(f"{path}: {answer.content[:200]!r}")
            if number >= _WARM_UP:
                times[name].append(elapsed)
    forget()
    result = {}
    for name, found in times.items():
        cuts = statistics.quantiles(found, n=20)
        result[name] = {"p50_ms": round(cuts[9], 1), "p95_ms": round(cuts[18], 1)}
        say(f"{name.replace('_', ' ')} of {rows:,} messages: {result[name]}")
    first, last = result.values()
    return {**result, "rows": rows, "ratio_p50": round(last["p50_ms"] / first["p50_ms"], 2)}


def _insert() -> str:
    columns = [str(field.column) for field in Message._meta.concrete_fields]
    values = ", ".join(_VARIED.get(name, f"first.{name}") for name in columns)
    return (
        f"INSERT INTO whatsapp_message ({', '.join(columns)}) "
        f"SELECT {values} FROM generate_series(1, %(rows)s - 1) AS n, whatsapp_message AS first"
    )


def _cursor(page: int) -> str:
    """The cursor after the last row of the page before, as that page would name it."""
    row = Message.objects.order_by("-created_at", "-id").only("created_at", "id")[(page - 1) * PAGE_SIZE - 1]
    return quote(base64.urlsafe_b64encode(orjson.dumps(["n", row.created_at, row.pk])).rstrip(b"=").decode())
