"""What the tests of the keeper share: sessions at the fake WAHA, and time that passes without waiting."""

import json
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from events.models import Event
from modules.whatsapp import keeping
from modules.whatsapp.models import WhatsAppSession
from modules.whatsapp.services import hooks, sessions
from modules.whatsapp.tests import fake_waha_hooks as waha_hooks
from modules.whatsapp.tests.factories import hear_all, reload
from modules.whatsapp.tests.fake_waha import HMAC_KEY, FakeWaha

_MOMENTS = ("status_changed_at", "last_active_at", "code_since", "care_due_at", "connected_at")


def opened(user: Any, **options: Any) -> WhatsAppSession:
    """A session that its owner wants connected; the keeper has not seen it yet."""
    return sessions.open_session(user=user, environment="live", **{"driver": "waha", **options})


def look() -> int:
    """Let a keeper look after what is due, once; how many sessions."""
    taken = keeping.claim(8)
    for care in taken:
        keeping.settle(keeping.look_after(care))
    return len(taken)


def after(session: WhatsAppSession, **span: float) -> WhatsAppSession:
    """The session when so much time has passed and a keeper looked, if it was due by then."""
    moved = {name: F(name) - timedelta(**span) for name in _MOMENTS}
    WhatsAppSession.objects.filter(pk=session.pk).update(**moved)
    look()
    found: WhatsAppSession = reload(session)
    return found


def next_look(session: WhatsAppSession) -> WhatsAppSession:
    """The session after the keeper looked when it was due."""
    wait = due_in(session)
    assert wait is not None
    return after(session, seconds=max(wait, 0.0) + 0.1)


def due_in(session: WhatsAppSession) -> float | None:
    """The seconds until the keeper looks again; None: it does not."""
    due_at = reload(session).care_due_at
    return None if due_at is None else round((due_at - timezone.now()).total_seconds(), 1)


def told(user: Any) -> list[tuple[str, str]]:
    """Status and reason of each change the owner was told of."""
    found = Event.objects.filter(stream=f"user:{user.pk}", type="whatsapp.session.changed").order_by("seq")
    return [(payload["status"], payload["reason"]) for payload in found.values_list("payload", flat=True)]


def asked(fake: FakeWaha, verb: str) -> int:
    """How often the gateway was asked to do that."""
    return sum(call.path.endswith(f"/{verb}") for call in fake.log.calls)


def working(user: Any, fake: FakeWaha) -> WhatsAppSession:
    """A session that was scanned and is connected."""
    session = opened(user)
    look()
    fake.become(session.gateway_name, "WORKING", tell=False)
    found = after(session, seconds=5)
    assert found.status == "connected"
    return found


def hear_news(session: WhatsAppSession) -> None:
    """The gateway says that something is new."""
    body = json.dumps(waha_hooks.envelope("session.status", session.gateway_name, {"status": "STOPPED"})).encode()
    headers = {name.lower(): value for name, value in waha_hooks.sign(HMAC_KEY, body).items()}
    hooks.take_down(driver="waha", session_id=session.pk, headers=headers, body=body)
    hear_all()
