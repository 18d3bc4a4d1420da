"""An account that is deleted leaves its rooms in order: counted right, owned by somebody, without its reactions."""

import pytest

from core.models import AuditEntry
from events.models import Event
from modules.chat import housekeeping
from modules.chat.models import Member, Message, Reaction, Room
from modules.chat.selectors import member_of
from modules.chat.services import reactions, rooms
from modules.chat.tests.factories import make_room, put_in, write
from users.models import User
from users.services.accounts import delete_user
from users.tests.factories import make_guest, make_user

pytestmark = pytest.mark.django_db


def delete(user, admin):
    delete_user(user=User.objects.get(pk=user.pk), actor=admin)


def told(stream, kind):
    return [event.payload for event in Event.objects.filter(stream=stream, type=kind).order_by("seq")]


def roles(room):
    return dict(Member.objects.filter(room=room).values_list("user_id", "role"))


def test_the_room_counts_right_hears_of_it_and_keeps_what_was_written(user, other, admin):
    room = make_room(user, other)
    message = write(room, other, "stays")
    delete(other, admin)
    room.refresh_from_db()
    assert (room.member_count, room.deleted_at) == (1, None)
    assert [(one["user"], one["reason"]) for one in told(f"room:{room.pk}", "member.left")] == [(str(other.pk), "left")]
    kept = Message.objects.get(pk=message.pk)
    assert (kept.text, kept.sender) == ("stays", None)


def test_where_the_last_owner_goes_the_eldest_of_the_next_rank_owns_it(user, other, admin):
    room = make_room(user, other)
    eldest, younger = make_user(), make_user()
    for moderator in (eldest, younger):
        put_in(room, moderator, "moderator")
    delete(user, admin)
    assert roles(room) == {other.pk: "member", eldest.pk: "owner", younger.pk: "moderator"}
    assert [(one["user"], one["role"]) for one in told(f"room:{room.pk}", "member.updated")] == [(str(eldest.pk), "owner")]
    assert AuditEntry.objects.filter(action="chat.owner_succeeded", target_id=str(room.pk)).count() == 1


def test_with_another_owner_nobody_rises(user, other, admin):
    room = make_room(user)
    put_in(room, other, "owner")
    third = make_user()
    put_in(room, third, "admin")
    delete(user, admin)
    assert roles(room) == {other.pk: "owner", third.pk: "admin"}


def test_somebody_who_may_not_sign_in_inherits_nothing(user, other, admin):
    room = make_room(user, other)
    away = make_user(is_active=False)
    put_in(room, away, "admin")
    delete(user, admin)
    assert roles(room) == {other.pk: "owner", away.pk: "admin"}


@pytest.mark.parametrize("guests", [0, 1])
def test_a_room_without_anybody_who_could_own_it_ends(user, admin, guests):
    room = make_room(user)
    for _ in range(guests):
        put_in(room, make_guest(), "guest")
    delete(user, admin)
    assert Room.objects.get(pk=room.pk).deleted_at is not None
    assert len(told(f"room:{room.pk}", "room.deleted")) == 1


def test_a_direct_room_stays_for_the_other_one_and_ends_with_both(user, other, admin):
    room, _ = rooms.open_direct(actor=user, other_id=other.pk)
    delete(user, admin)
    room.refresh_from_db()
    assert (room.member_count, room.deleted_at) == (1, None)
    delete(other, admin)
    room.refresh_from_db()
    assert (room.member_count, room.deleted_at is None) == (0, False)


def test_its_reactions_are_taken_back_and_those_of_others_stay(user, other, admin):
    room = make_room(user, other)
    first, second = write(room, user), write(room, user)
    for person, message, emoji in ((user, first, "👍"), (other, first, "👍"), (other, first, "🎉"), (other, second, "🎉")):
        reactions.add_reaction(member=member_of(room.pk, person.pk), message=Message.objects.get(pk=message.pk), emoji=emoji)
    delete(other, admin)
    assert Message.objects.get(pk=first.pk).reactions == {"👍": 1}
    assert Message.objects.get(pk=second.pk).reactions == {}
    assert Reaction.objects.count() == 1


def test_it_takes_few_queries_for_each_room(user, other, admin, django_assert_max_num_queries):
    for _ in range(5):
        make_room(user, other)
    with django_assert_max_num_queries(200):
        delete(other, admin)
    assert Member.objects.count() == 5


def test_a_guest_whose_account_ended_is_taken_out_of_the_room(user):
    room = make_room(user)
    ended, living = make_guest(), make_guest()
    for guest in (ended, living):
        put_in(room, guest, "guest")
    User.objects.filter(pk=ended.pk).update(is_active=False)
    assert housekeeping.purge()["guests"] == 1
    assert set(roles(room)) == {user.pk, living.pk}
    assert Room.objects.get(pk=room.pk).member_count == 2
    assert [one["user"] for one in told(f"room:{room.pk}", "member.left")] == [str(ended.pk)]
    assert housekeeping.purge()["guests"] == 0


def test_who_is_only_deactivated_may_come_back(user, other):
    room = make_room(user, other)
    User.objects.filter(pk=other.pk).update(is_active=False)
    assert housekeeping.purge()["guests"] == 0
    assert Room.objects.get(pk=room.pk).member_count == 2
