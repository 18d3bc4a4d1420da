"""Removing what has run out, and nothing else."""

from datetime import timedelta

import pytest
from django.utils import timezone

from users import tasks
from users.apps import UsersConfig
from users.models import OutgoingMail, Session, User
from users.services import sessions
from users.tests.factories import make_guest, make_user

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def session_with(**fields):
    session = sessions.open_session(user=make_user()).session
    Session.objects.filter(pk=session.pk).update(**fields)
    return session.pk


def test_sessions_are_kept_for_a_month_after_their_end():
    now = timezone.now()
    living = session_with()
    just_ended = session_with(revoked_at=now - 29 * DAY)
    just_expired = session_with(expires_at=now - 29 * DAY)
    session_with(revoked_at=now - 31 * DAY)
    session_with(expires_at=now - 31 * DAY)
    assert tasks.purge()["sessions"] == 2
    assert set(Session.objects.values_list("pk", flat=True)) == {living, just_ended, just_expired}


def test_letters_are_kept_for_a_week():
    now = timezone.now()
    for age in (6, 8):
        OutgoingMail.objects.create(kind="username_taken", to="a@example.com", created_at=now - age * DAY)
    assert tasks.purge()["mails"] == 1
    assert OutgoingMail.objects.get().created_at > now - 7 * DAY


def test_guests_are_deactivated_a_month_after_their_end_and_never_deleted():
    now = timezone.now()
    old = make_guest(guest_expires_at=now - 31 * DAY)
    recent = make_guest(guest_expires_at=now - 29 * DAY)
    account = make_user()
    assert tasks.purge()["guests"] == 1
    assert set(User.objects.filter(is_active=True)) == {recent, account}
    assert User.objects.filter(pk=old.pk).exists()


def test_a_second_purge_finds_nothing():
    make_guest(guest_expires_at=timezone.now() - 40 * DAY)
    session_with(revoked_at=timezone.now() - 40 * DAY)
    tasks.purge()
    assert tasks.purge() == {"sessions": 0, "mails": 0, "guests": 0}


def test_the_sweep_and_the_purge_are_on_the_schedule_under_their_real_names():
    scheduled = {entry["task"] for entry in UsersConfig.beat_schedule.values()}
    assert scheduled == {tasks.sweep_mails.name, tasks.purge.name}
