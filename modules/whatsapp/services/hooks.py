"""Taking down what gateways tell: the signature is checked on the raw body, then every part is a row, once; work comes later."""

import hmac
import math
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction

from core.exceptions import Invalid
from modules.whatsapp import bell
from modules.whatsapp.choices import Driver
from modules.whatsapp.exceptions import HookRefused, HookUnknown
from modules.whatsapp.gateways import gateway
from modules.whatsapp.gateways.base import BadHook, HookPart
from modules.whatsapp.gateways.cloud_api import verify_token
from modules.whatsapp.models import InboundEvent, WhatsAppSession

MAX_PARTS = 1000
MAX_DEPTH = 32


def take_down(*, driver: str, session_id: UUID | None, headers: Mapping[str, str], body: bytes) -> int:
    """Keep what a call tells; how many parts were new. `session_id` is None where one address serves all numbers of a gateway.

    Raises HookUnknown, HookRefused, Invalid.
    """
    session = _session(driver, session_id) if session_id is not None else None
    kind = gateway(driver)
    try:
        kind.verify_hook(session.secrets if session is not None else {}, headers, body)
    except BadHook as error:
        raise HookRefused from error
    try:
        payload = _storable(orjson.loads(body), MAX_DEPTH)
        parts = kind.split_hook(payload) if isinstance(payload, dict) else None
    except (orjson.JSONDecodeError, BadHook) as error:
        raise Invalid("The body makes no sense.", code="malformed_hook") from error
    if parts is None or len(parts) > MAX_PARTS:
        raise Invalid("The body makes no sense.", code="malformed_hook")
    return _keep(driver, session, parts)


def verification(*, driver: str, session_id: UUID | None, query: Mapping[str, str]) -> str:
    """The challenge to answer when Meta verifies a webhook. Raises HookUnknown, HookRefused."""
    if driver != Driver.CLOUD_API:
        raise HookUnknown
    session = _session(driver, session_id) if session_id is not None else None
    token = verify_token(session.secrets) if session is not None else settings.WHATSAPP_CLOUD_API_VERIFY_TOKEN
    given = query.get("hub.verify_token", "")
    if (
        query.get("hub.mode") != "subscribe"
        or not token
        or not hmac.compare_digest(token.encode(), given.encode("utf-8", "replace"))
    ):
        raise HookRefused("The verification does not fit.")
    return query.get("hub.challenge", "")[:200]


def _session(driver: str, session_id: UUID) -> WhatsAppSession:
    session: WhatsAppSession | None = WhatsAppSession.objects.filter(pk=session_id, driver=driver).first()
    if session is None:
        raise HookUnknown
    return session


def _keep(driver: str, session: WhatsAppSession | None, parts: Any) -> int:
    targets = _targets(driver, session, parts)
    rows = [
        InboundEvent(session_id=target, driver=driver, event_id=part.event_id, payload=dict(part.payload))
        for part in parts
        if (target := targets.get(part.routing_id)) is not None
    ]
    if not rows:
        return 0
    with transaction.atomic():
        known = InboundEvent.objects.filter(
            session_id__in={row.session_id for row in rows}, event_id__in=[row.event_id for row in rows]
        ).count()
        InboundEvent.objects.bulk_create(rows, ignore_conflicts=True)
        bell.INBOX.ring_after_commit()
    return int(len(rows) - known)


def _targets(driver: str, session: WhatsAppSession | None, parts: list[HookPart]) -> dict[str, UUID]:
    """Which session each number is. A session's own address takes its own number's only."""
    numbers = {part.routing_id for part in parts}
    if session is not None:
        return {number: session.pk for number in numbers if number in ("", session.routing_id)}
    found = WhatsAppSession.objects.filter(driver=driver, routing_id__in=numbers - {""})
    return {str(number): key for number, key in found.values_list("routing_id", "pk")}


def _storable(value: Any, depth: int) -> Any:
    """The same without what jsonb refuses: NUL in texts, numbers beyond all bounds. Raises BadHook where it is too deep."""
    if depth < 0:
        raise BadHook
    if isinstance(value, dict):
        return {name.replace("\x00", ""): _storable(item, depth - 1) for name, item in value.items()}
    if isinstance(value, list):
        return [_storable(item, depth - 1) for item in value]
    if isinstance(value, str):
        return value.replace("\x00", "")
    return None if isinstance(value, float) and not math.isfinite(value) else value
