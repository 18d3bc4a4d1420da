"""What is told of a changed message: never too much for an event, and never to who may not see it."""

import pytest
from django.db import transaction

from events.models import Event
from events.publishing import MAX_PAYLOAD_BYTES
from modules.chat import telling
from modules.chat.choices import History
from modules.chat.models import Message
from modules.chat.services import messages
from modules.chat.tests.factories import make_room, put_in, write
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


def told(message: Message) -> dict[str, object]:
    """The last message.updated of it."""
    found: dict[str, object] = (
        Event.objects.filter(type="message.updated", payload__message=str(message.pk)).latest("seq").payload
    )
    return found


def test_previews_that_do_not_fit_into_an_event_are_left_out(user: User) -> None:
    message = write(make_room(user), user, "😀" * 6000)
    one = {"url": f"https://example.com/{'😀' * 1900}", "title": "😀" * 300, "description": "😀" * 600, "site_name": "😀" * 100}
    message.previews = [one] * 5
    with transaction.atomic():
        telling.message_updated(message)
    payload = told(message)
    assert payload["previews"] == []
    assert payload["text"] == message.text
    message.previews = [one]
    with transaction.atomic():
        telling.message_updated(message)
    assert len(str(told(message)["previews"]).encode()) < MAX_PAYLOAD_BYTES
    assert told(message)["previews"] == [one]


def test_an_edit_tells_its_text_only_where_nobody_came_in_later(user: User, other: User) -> None:
    room = make_room(user, history=History.SINCE_JOINING)
    message = write(room, user, "among ourselves")
    member = room.members.get(user=user)
    messages.edit_message(member=member, message=message, text="still among ourselves")
    assert told(message)["text"] == "still among ourselves"
    put_in(room, other)
    messages.edit_message(member=member, message=message, text="the password is 7")
    assert told(message)["text"] is None
    after = write(room, user, "welcome")
    messages.edit_message(member=member, message=after, text="welcome!")
    assert told(after)["text"] == "welcome!"


def test_what_was_deleted_cannot_be_read_in_the_log_either(user: User, other: User) -> None:
    room = make_room(user, other)
    message, kept = write(room, user, f"a secret for @{other.username}"), write(room, user, "kept")
    member = room.members.get(user=user)
    messages.edit_message(member=member, message=message, text="another secret")
    before = list(Event.objects.filter(stream=f"room:{room.pk}").order_by("seq").values_list("seq", "type"))
    messages.delete_message(member=member, message=message, actor=user)
    rows = Event.objects.filter(stream=f"room:{room.pk}").order_by("seq")
    assert list(rows.values_list("seq", "type"))[: len(before)] == before
    texts = [(row.type, row.payload["text"]) for row in rows if "text" in row.payload]
    assert texts == [("message.created", ""), ("message.created", "kept"), ("message.updated", "")]
    assert "previews" not in rows.filter(type="message.created").first().payload
    kept.refresh_from_db()
    assert kept.text == "kept"
