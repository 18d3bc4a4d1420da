"""Sending: what is taken is numbered without gaps, once for each cid, and told in the room's stream."""

import threading
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from core.exceptions import Invalid, Unavailable
from events.models import Event
from modules.chat import joining, places, sending
from modules.chat.choices import Role, RoomKind
from modules.chat.exceptions import Muted, RightMissing, RoomNotFound
from modules.chat.models import Member, Mention, Message, ThreadFollower
from modules.chat.sending import Draft, Sent
from modules.chat.tests.factories import make_room, put_in, write
from users.models import User
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)


def test_messages_are_numbered_from_one_without_gaps(user: User, other: User) -> None:
    room = make_room(user, other)
    numbers = [write(room, one, str(number)).number for number, one in enumerate((user, other, user, other))]
    assert numbers == [1, 2, 3, 4]
    room.refresh_from_db()
    assert room.last_number == 4


def test_each_is_an_event_of_the_room_with_all_that_a_client_shows(user: User, other: User) -> None:
    room = make_room(user, other)
    message = write(room, user, f"look, @{other.username}")
    event = Event.objects.get(stream=f"room:{room.pk}", type="message.created")
    assert event.payload["message"] == str(message.pk)
    assert event.payload["author"]["user"] == str(user.pk)
    assert event.payload["number"] == 1
    assert event.payload["mentions"] == [str(other.pk)]
    assert Event.objects.filter(stream=f"user:{other.pk}", type="chat.mentioned").count() == 1
    assert Mention.objects.get().user_id == other.pk


def test_the_same_cid_of_one_sender_is_one_message(user: User, other: User) -> None:
    room, cid = make_room(user, other), uuid4()
    draft = Draft(room.pk, user.pk, "once", cid=cid)
    first, again = sending.send_one(draft), sending.send_one(draft)
    assert (again.message_id, again.number, again.duplicate) == (first.message_id, first.number, True)
    theirs = sending.send_one(Draft(room.pk, other.pk, "mine", cid=cid))
    assert not theirs.duplicate
    assert Message.objects.count() == 2


def test_a_cid_twice_in_one_batch_is_one_message(user: User) -> None:
    room = make_room(user)
    draft = Draft(room.pk, user.pk, "once", cid=uuid4())
    first, second = sending.send([draft, draft])
    assert isinstance(first, Sent)
    assert isinstance(second, Sent)
    assert second.duplicate
    assert second.message_id == first.message_id


def test_what_is_refused_refuses_nothing_else(user: User, other: User) -> None:
    mine, theirs = make_room(user), make_room(other)
    outcomes = sending.send(
        [
            Draft(mine.pk, user.pk, "one"),
            Draft(theirs.pk, user.pk, "not mine"),
            Draft(mine.pk, user.pk, " \u200b "),
            Draft(mine.pk, user.pk, "two"),
        ]
    )
    assert [type(outcome) for outcome in outcomes] == [Sent, RoomNotFound, Invalid, Sent]
    assert [message.text for message in Message.objects.order_by("number")] == ["one", "two"]


def test_two_threads_on_one_room_leave_no_gap(user: User, other: User) -> None:
    room = make_room(user, other)
    together = threading.Barrier(2)
    errors: list[BaseException] = []

    def run(one: User) -> None:
        try:
            together.wait()
            for number in range(15):
                sending.send([Draft(room.pk, one.pk, str(number), cid=uuid4())])
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(one,)) for one in (user, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list(Message.objects.order_by("number").values_list("number", flat=True)) == list(range(1, 31))
    events = Event.objects.filter(stream=f"room:{room.pk}", type="message.created").order_by("seq")
    assert [event.payload["number"] for event in events] == list(range(1, 31))


def test_an_answer_goes_to_the_thread_and_is_numbered_there(user: User, other: User) -> None:
    room = make_room(user, other)
    root = write(room, user, "question")
    answers = [write(room, other, "answer", root_id=root.pk), write(room, user, "thanks", root_id=root.pk)]
    assert [answer.number for answer in answers] == [1, 2]
    root.refresh_from_db()
    room.refresh_from_db()
    assert root.reply_count == 2
    assert room.last_number == 1
    followers = {one.user_id: one.read_number for one in ThreadFollower.objects.filter(root=root)}
    assert followers == {user.pk: 2, other.pk: 1}


@pytest.mark.parametrize("field", ["root_id", "reply_to"])
def test_what_is_answered_must_be_in_the_room(user: User, other: User, field: str) -> None:
    room, elsewhere = make_room(user), make_room(other, user)
    foreign = write(elsewhere, other)
    with pytest.raises(Invalid) as refused:
        write(room, user, **{field: foreign.pk})
    assert refused.value.details[0].field == {"root_id": "root", "reply_to": "reply_to"}[field]


def test_one_s_own_message_is_read(user: User, other: User) -> None:
    room = make_room(user, other)
    write(room, user)
    assert Member.objects.get(room=room, user=user).read_number == 1
    assert Member.objects.get(room=room, user=other).read_number == 0


@pytest.mark.parametrize(("kind", "role"), [(RoomKind.BROADCAST, Role.MEMBER), (RoomKind.PRIVATE, Role.READ_ONLY)])
def test_who_may_not_write_is_refused(user: User, kind: str, role: str) -> None:
    room, quiet = make_room(user, kind=kind), make_user(username="quiet")
    put_in(room, quiet, role)
    with pytest.raises(RightMissing):
        write(room, quiet)
    assert not Message.objects.exists()


def test_who_was_muted_is_refused(user: User, other: User) -> None:
    room = make_room(user, other)
    Member.objects.filter(user=other).update(muted_until=timezone.now() + timedelta(hours=1))
    with pytest.raises(Muted):
        write(room, other)


@pytest.mark.parametrize("change", ["banned", "muted"])
def test_who_was_put_out_or_silenced_while_a_message_waited_is_refused(user: User, other: User, change: str) -> None:
    room = make_room(user, other)
    locked, outcome = threading.Event(), list[object]()

    def moderate() -> None:
        try:
            with transaction.atomic():
                found = joining.locked(room.pk)
                locked.set()
                # The message arrives meanwhile and waits for the room.
                time.sleep(0.5)
                if change == "banned":
                    joining.remove(found, Member.objects.get(room=room, user=other), "banned")
                else:
                    Member.objects.filter(room=room, user=other).update(muted_until=timezone.now() + timedelta(hours=1))
        finally:
            connection.close()

    thread = threading.Thread(target=moderate)
    thread.start()
    assert locked.wait(5)
    outcome = sending.send([Draft(room.pk, other.pk, "quick")])
    thread.join()
    assert type(outcome[0]) is {"banned": RoomNotFound, "muted": Muted}[change]
    assert not Message.objects.exists()


def test_a_crowd_of_mentions_in_many_rooms_at_once_meets_no_deadlock(user: User, other: User) -> None:
    people = [user, other, *(make_user(username=f"person-{number}") for number in range(10))]
    rooms = [make_room(user, *people[1:]) for _ in range(6)]
    text = " ".join(f"@{person.username}" for person in people)
    errors: list[BaseException] = []
    together = threading.Barrier(2)

    def run(order: int) -> None:
        try:
            together.wait()
            for _ in range(3):
                drafts = [Draft(room.pk, people[order].pk, text) for room in rooms[:: order or -1] for _ in range(4)]
                assert all(isinstance(one, Sent) for one in sending.send(drafts))
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(order,)) for order in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_room_that_somebody_holds_harms_no_messages_of_others(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_PATIENCE", "SET LOCAL lock_timeout = '100ms'")
    held, free = make_room(user), make_room(user)
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            joining.locked(held.pk)
            holding.set()
            done.wait(20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert holding.wait(10)
        drafts = [Draft(room.pk, user.pk, "hello", cid=uuid4()) for room in (held, free, held, free)]
        outcomes = sending.send(drafts)
    finally:
        done.set()
        holder.join()
    assert [outcome.number for outcome in outcomes if isinstance(outcome, Sent)] == [1, 2]
    for outcome in (outcomes[0], outcomes[2]):
        assert isinstance(outcome, Unavailable)
        assert outcome.retry_after == 1.0
    # Sent again, they are there.
    again = sending.send([drafts[0], drafts[2]])
    assert [outcome.number for outcome in again if isinstance(outcome, Sent)] == [1, 2]
