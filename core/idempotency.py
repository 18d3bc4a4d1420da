"""Idempotency-Key: the same POST sent twice does its work once and gets the same answer.

The record is written in the transaction of the work: a crash between work and answer leaves both or neither. An advisory lock
held by that transaction is the mark of a request still running, so a crash leaves no mark behind.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.response import Response

from core import crypto
from core.exceptions import Conflict, Invalid, Unprocessable
from core.models import IdempotencyRecord
from core.responses import dumps

MAX_LENGTH = 255
LIFETIME = timedelta(hours=24)
REPLAYED_HEADER = "Idempotency-Replayed"


def checked_key(raw: str) -> str:
    """The key. Raises Invalid when it is empty, over 255 characters or not printable ASCII."""
    if not raw or len(raw) > MAX_LENGTH or not raw.isascii() or not raw.isprintable():
        raise Invalid.field("Idempotency-Key", f"1 to {MAX_LENGTH} printable ASCII characters.", "invalid_idempotency_key")
    return raw


def run_once(*, caller: str, method: str, route: str, key: str, payload: bytes, work: Callable[[], Response]) -> Response:
    """Do `work` and keep its answer, or give the kept one.

    `payload` is what must be the same when the key is. Raises Conflict (`idempotency_in_progress`) while the first request runs,
    Unprocessable (`idempotency_key_reused`) when the payload differs. An answer of 400 or above is not kept.
    """
    fingerprint = crypto.sha256(payload)
    scope = {"caller": caller, "method": method, "route": route, "key": key}
    with transaction.atomic():
        _lock("\x1f".join(scope.values()))
        record = IdempotencyRecord.objects.filter(**scope).first()
        if record is not None and record.created_at > timezone.now() - LIFETIME:
            return _replay(record, fingerprint)
        if record is not None:
            record.delete()
        response = work()
        if response.status_code < 400:
            IdempotencyRecord.objects.create(
                **scope,
                fingerprint=fingerprint,
                status_code=response.status_code,
                body=crypto.encrypt(dumps({"data": response.data, "headers": _own_headers(response)})),
            )
        return response


def purge() -> int:
    """Delete the records past their day; how many."""
    return IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - LIFETIME).delete()[0]


def _lock(scope: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 4771))", [scope])
        row = cursor.fetchone()
    if not (row and row[0]):
        raise Conflict("A request with this Idempotency-Key is still running.", code="idempotency_in_progress", retry_after=1)


def _replay(record: IdempotencyRecord, fingerprint: bytes) -> Response:
    if bytes(record.fingerprint) != fingerprint:
        raise Unprocessable("This Idempotency-Key was used with another request.", code="idempotency_key_reused")
    body = crypto.decrypt(bytes(record.body))
    if body is None:
        raise Conflict("The kept answer can no longer be read; use a new key.", code="idempotency_unreadable")
    kept: dict[str, Any] = orjson.loads(body)
    return Response(kept["data"], status=record.status_code, headers={**kept["headers"], REPLAYED_HEADER: "true"})


def _own_headers(response: Response) -> dict[str, str]:
    """What the view itself said in headers (`Location`, `Cache-Control`); the rest is added to every answer anew."""
    return {name: value for name, value in response.headers.items() if name.lower() != "content-type"}
