"""Changing messages from several sides at once."""

import threading
from collections.abc import Callable, Sequence

import pytest
from django.db import connection

from core.exceptions import DomainError
from modules.chat.exceptions import TooManyPins
from modules.chat.models import Message, Reaction
from modules.chat.selectors import member_of
from modules.chat.services import messages, pins, reactions
from modules.chat.tests.factories import make_room, put_in, write
from users.models import User
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(works: Sequence[Callable[[], object]]) -> list[DomainError]:
    """Do all of it at the same moment; what was refused."""
    together, refused, broken = threading.Barrier(len(works)), [], []

    def run(work: Callable[[], object]) -> None:
        try:
            together.wait()
            work()
        except DomainError as error:
            refused.append(error)
        except BaseException as error:
            broken.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []
    return refused


def test_reactions_at_the_same_moment_are_all_counted(user: User) -> None:
    room = make_room(user)
    message = write(room, user)
    people = [make_user() for _ in range(6)]
    places = [put_in(room, person) for person in people]
    # Each twice: once is what counts.
    works = [
        lambda place=place: reactions.add_reaction(member=place, message=message, emoji="👍")
        for place in places
        for _ in range(2)
    ]
    assert at_once(works) == []
    message.refresh_from_db()
    assert message.reactions == {"👍": 6}
    assert Reaction.objects.count() == 6


def test_pins_at_the_same_moment_keep_the_bound(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "MAX_PINS", 3)
    room = make_room(user)
    place = member_of(room.pk, user.pk)
    written = [write(room, user, str(number)) for number in range(6)]
    refused = at_once([lambda one=one: pins.pin_message(member=place, message=one, actor=user) for one in written])
    assert [type(error) for error in refused] == [TooManyPins] * 3
    assert Message.objects.filter(pinned_at__isnull=False).count() == 3


def test_answering_editing_and_deleting_wait_for_each_other_and_never_in_a_circle(user: User, other: User) -> None:
    room = make_room(user, other)
    place = member_of(room.pk, user.pk)
    for _ in range(5):
        root = write(room, user, "question")
        at_once(
            [
                lambda root=root: write(room, user, "mine", root_id=root.pk),
                lambda root=root: write(room, other, "theirs", root_id=root.pk),
                lambda root=root: messages.edit_message(member=place, message=root, text=f"better @{other.username}"),
                lambda root=root: messages.delete_message(member=place, message=root, actor=user),
            ]
        )
        root.refresh_from_db()
        assert root.deleted_at is not None
        assert root.reply_count == Message.objects.filter(root=root).count()
        assert (root.text, root.mentions) == ("", [])
