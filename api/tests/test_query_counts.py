"""The committed table of queries per list endpoint: the same for one row and for twenty."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from analytics.models import UsageStats
from api_keys.tests.factories import make_key
from conftest import Caller
from events.tests.support import publish
from modules.chat.models import Admission, Ban, IncomingWebhook, InviteLink, Member, Message, MessageEdit, Reaction, Report, Room
from modules.chat.tests.factories import make_room, put_in, write
from modules.whatsapp.choices import OptOutSource
from modules.whatsapp.models import Bulk, Contact, Media, WhatsAppSession
from modules.whatsapp.tests.factories import connected, send
from users.models import User
from users.services import sessions
from users.tests.factories import make_user
from webhooks.models import WebhookEndpoint
from webhooks.tests.factories import deliver_to_queue, make_endpoint

# Without the gate's own query, which a warm cache spares. Page numbers take a count and a page; cursors a page alone; what reads
# rollups in bulk says so first (analytics.bulk), and what is of a WhatsApp session looks for that first.
QUERIES = {
    "v1:user-list": 2,
    "v1:api-key-list": 2,
    "v1:api-key-scopes": 0,
    "v1:auth-session-list": 2,
    "v1:usage-stats-list": 2,
    "v1:api-log-list": 1,
    "v1:analytics-timeseries": 2,
    "v1:event-list": 2,
    "v1:event-streams": 0,
    "v1:webhook-list": 2,
    "v1:webhook-event-types": 0,
    "v1:webhook-endpoint-deliveries": 2,
    "v1:whatsapp-drivers": 0,
    "v1:whatsapp-message-list": 2,
    "v1:whatsapp-bulk-list": 1,
    "v1:whatsapp-media-list": 1,
    "v1:whatsapp-conversation-list": 2,
    "v1:whatsapp-opt-out-list": 2,
    "v1:chat-room-list": 3,
    "v1:chat-room-discover": 1,
    "v1:chat-member-list": 2,
    "v1:chat-ban-list": 2,
    "v1:chat-link-list": 2,
    "v1:chat-invitation-list": 2,
    "v1:chat-request-list": 2,
    "v1:chat-own-invitation-list": 1,
    "v1:chat-message-list": 4,
    "v1:chat-message-edits": 3,
    "v1:chat-reactions": 3,
    "v1:chat-thread": 4,
    "v1:chat-pin-list": 3,
    "v1:chat-report-list": 2,
    "v1:chat-thread-list": 1,
    "v1:chat-mention-list": 2,
    "v1:chat-unread": 1,
    "v1:chat-search": 7,
    "v1:chat-incoming-webhooks": 3,
}
# What a list cannot be asked without.
QUERY_STRINGS = {
    "v1:event-list": "?stream=user:{admin}&since=0",
    "v1:chat-reactions": "?emoji=%F0%9F%91%8D",
    "v1:chat-search": "?q=hello",
}
# Lists of one thing's: the thing is made with this id, which is also what the schema is compared by.
ONE, ROOM, MESSAGE = (UUID(f"019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e{end}") for end in (11, 12, 13))
OF_ROOM = ("member", "ban", "link", "invitation", "request", "message", "pin", "report")
OF_ONE: dict[str, dict[str, UUID]] = {
    "v1:webhook-endpoint-deliveries": {"pk": ONE},
    **{f"v1:chat-{name}-list": {"room_id": ROOM} for name in OF_ROOM},
    "v1:chat-incoming-webhooks": {"room_id": ROOM},
    **{f"v1:chat-{name}": {"room_id": ROOM, "message_id": MESSAGE} for name in ("message-edits", "reactions", "thread")},
}


def _path(name: str) -> str:
    return reverse(name, kwargs=OF_ONE.get(name, {}))


def _more_of_everything(admin: User, number: int) -> None:
    today = datetime.now(UTC).date()
    for index in range(number):
        user = make_user()
        make_key(user)
        sessions.open_session(user=admin)
        publish(stream=f"user:{admin.pk}")
        UsageStats.objects.create(user=user, date=today - timedelta(days=index))
        made = make_endpoint(admin).endpoint
        if number == 1:
            WebhookEndpoint.objects.filter(pk=made.pk).update(id=ONE)
    deliver_to_queue(admin, number)
    _more_of_whatsapp(admin, number)
    _more_of_chat(admin, number)


def _more_of_whatsapp(admin: User, number: int) -> None:
    session = WhatsAppSession.objects.filter(user=admin).first() or connected(admin)
    for _ in range(number):
        media = Media.objects.create(user=admin, kind="image")
        message = send(admin)
        message.media, message.bulk = media, Bulk.objects.create(user=admin, session=session)
        message.save()
        Contact.objects.create(
            session=session, phone_number=str(media.pk), opted_out_at=timezone.now(), opt_out_source=OptOutSource.API
        )


def _more_of_chat(admin: User, number: int) -> None:
    room = Room.objects.filter(pk=ROOM).first()
    if room is None:
        made = make_room(admin, kind="public")
        Member.objects.filter(room=made).delete()
        Room.objects.filter(pk=made.pk).update(id=ROOM)
        room = Room.objects.get(pk=ROOM)
        Member.objects.create(room=room, user=admin, role="owner")
        Message.objects.create(id=MESSAGE, room=room, number=1, sender=admin, text="hello root")
        Room.objects.filter(pk=ROOM).update(last_number=1)
    root = Message.objects.get(pk=MESSAGE)
    for _ in range(number):
        person = make_user()
        put_in(room, person)
        message = write(room, person, f"hello @{admin.username}")
        Message.objects.filter(pk=message.pk).update(pinned_at=timezone.now(), reactions={"👍": 1})
        Reaction.objects.create(message=root, user=person, emoji="👍")
        write(room, person, f"hello @{admin.username}", root_id=root.pk)
        MessageEdit.objects.create(message=root, text="before")
        Report.objects.create(room=room, message=message, reporter=person, reason="spam")
        Ban.objects.create(room=room, user=make_user())
        InviteLink.objects.create(room=room, digest=secrets.token_bytes(32))
        IncomingWebhook.objects.create(room=room, name="hook", digest=secrets.token_bytes(32))
        for kind in ("invitation", "request"):
            Admission.objects.create(room=room, user=make_user(), kind=kind)
        elsewhere = make_room(person, kind="public")
        Admission.objects.create(room=elsewhere, user=admin, kind="invitation")
        make_room(admin)


def _count(caller: Caller, url: str) -> tuple[int, Any]:
    # On a busy machine the cache forgets the caller while rows are made, or in between: the list itself takes the fewest.
    caller.get(url)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            answer = caller.get(url)
        assert answer.status_code == 200, answer.content
        counts.append(len(queries))
    return min(counts), answer.json()["data"]


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(QUERIES))
def test_a_list_takes_the_same_queries_for_one_row_and_for_twenty(
    name: str, admin: User, as_admin: Caller, load_spool: Any
) -> None:
    url = _path(name) + QUERY_STRINGS.get(name, "").format(admin=admin.pk)
    _more_of_everything(admin, 1)
    as_admin.get(url)
    load_spool()
    few, rows = _count(as_admin, url)
    _more_of_everything(admin, 20)
    load_spool()
    many, more_rows = _count(as_admin, url)
    assert many == few == QUERIES[name]
    assert len(more_rows) >= len(rows)


def test_every_list_of_the_schema_is_in_the_table() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    listed = set()
    for path, operations in schema["paths"].items():
        content = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {}).get("application/json")
        if content and content["schema"]["properties"]["data"].get("type") == "array":
            listed.add(path)
    asked = {_path(name) for name in QUERIES}
    for one in (ONE, ROOM, MESSAGE):
        asked = {path.replace(str(one), "{}") for path in asked}
    assert {re.sub(r"\{\w+\}", "{}", path) for path in listed} == asked
