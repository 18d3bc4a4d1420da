"""GET /api/v1/chat/rooms/{id}/export/"""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.v1.chat.tests.message_support import closed, fill, of, reader_of, refused
from api.v1.chat.tests.room_support import at
from core.models import AuditEntry
from modules.chat import selectors
from modules.chat.models import Member, Message
from modules.chat.tests.factories import make_room, put_in, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(user, other):
    """A room with two people."""
    return make_room(user, other)


def exported(caller, room):
    answer = caller.get(at(room, "export"))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="room-{room.pk}.ndjson"'
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def test_only_members_with_the_scope_are_let_in(api, user, room):
    closed(api, room, user, lambda caller: caller.get(at(room, "export")), scope="chat:read")


def test_only_owners_and_administrators(api, as_other, as_guest, guest, other, room):
    put_in(room, guest, "guest")
    for caller in (as_other, as_guest, reader_of(api, room)):
        refused(lambda caller=caller: caller.get(at(room, "export")), 403, "role_insufficient")
    Member.objects.filter(user=other).update(role="moderator")
    refused(lambda: as_other.get(at(room, "export")), 403, "role_insufficient")
    Member.objects.filter(user=other).update(role="admin")
    assert exported(as_other, room) == []


def test_every_message_is_a_line_the_oldest_first(as_user, user, other, room):
    root = write(room, user, "line\nbreak \u2028 <b>")
    gone = write(room, other, "gone")
    write(room, other, "answer", root_id=root.pk)
    as_user.delete(of(gone))
    rows = exported(as_user, room)
    assert [(row["text"], row["root"]) for row in rows] == [
        ("line\nbreak \u2028 <b>", None),
        ("", None),
        ("answer", str(root.pk)),
    ]
    assert rows[0]["author"]["name"] == user.username
    assert "my_reactions" not in rows[0]
    assert AuditEntry.objects.get(action="chat.room_exported").target_id == str(room.pk)


def test_it_is_read_in_steps_that_cost_the_same(as_user, user, room, monkeypatch):
    monkeypatch.setattr(selectors, "EXPORT_STEP", 10)
    fill(room, user, 35)
    # Some of the same moment: the step ends among them.
    Message.objects.filter(number__range=(8, 13)).update(created_at=Message.objects.get(number=8).created_at)
    exported(as_user, room)
    with CaptureQueriesContext(connection) as queries:
        rows = exported(as_user, room)
    assert sorted(row["number"] for row in rows) == list(range(1, 36))
    # Four steps of two queries, and who asks, where, and what auditors read.
    assert len(queries) <= 4 * 2 + 4


def test_who_sees_only_the_present_exports_only_that(as_other, user, other):
    room = make_room(user, history="since_joining")
    write(room, user, "past")
    put_in(room, other, "admin")
    write(room, user, "present")
    assert [row["text"] for row in exported(as_other, room)] == ["present"]
