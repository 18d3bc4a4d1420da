"""Closing, restarting, suspending and slowing a session: what it is like then, and what the audit trail says."""

from datetime import timedelta

import pytest
from django.utils import timezone

from core.exceptions import Invalid
from core.models import AuditEntry
from events.models import Event
from modules.whatsapp.exceptions import SessionMissing, SessionSuspended
from modules.whatsapp.models import WhatsAppSession
from modules.whatsapp.services import messages, sandbox, sessions
from modules.whatsapp.tests.factories import connected, reload, send, send_all

pytestmark = pytest.mark.django_db


def opened(user) -> WhatsAppSession:
    return sessions.open_session(user=user, environment="live")


def trail() -> list[tuple[str, dict]]:
    """What the audit trail says."""
    return list(AuditEntry.objects.filter(target_type="whatsapp_session").order_by("pk").values_list("action", "changes"))


class TestClosing:
    """What is queued waits."""

    @pytest.mark.parametrize(("forget", "wish"), [(True, "logged_out"), (False, "stopped")])
    def test_it_is_disconnected_and_the_trail_says_how(self, user, forget, wish):
        session = connected(user)
        message = send(user)
        found = sessions.close_session(session=session, actor=user, forget=forget)
        assert (found.status, found.wish, found.connected_at, found.care_due_at) == ("disconnected", wish, None, None)
        assert trail() == [("whatsapp.session_closed", {"forget": forget})]
        assert send_all() == 0
        assert reload(message).status == "queued"
        with pytest.raises(SessionMissing):
            send(user)
        sandbox.scan(session=opened(user))
        assert send_all() == 1

    @pytest.mark.django_db(transaction=True)
    def test_twice_it_is_told_once(self, user):
        session = connected(user)
        for _ in range(2):
            sessions.close_session(session=session, actor=user)
        assert Event.objects.filter(type="whatsapp.session.changed").count() == 1

    def test_a_code_that_was_shown_is_gone(self, user):
        session = opened(user)
        found = sessions.close_session(session=session, actor=user)
        assert (found.qr_code, found.status_reason) == ("", "")

    def test_who_is_suspended_may_close_and_is_still_told_why(self, user, admin):
        session = connected(user)
        sessions.suspend_session(session=session, actor=admin)
        found = sessions.close_session(session=session, actor=user)
        assert (found.wish, found.is_suspended, found.status_reason) == ("logged_out", True, "suspended")


class TestRestarting:
    """Down and up, with the phone."""

    def test_it_is_wanted_and_the_trail_says_so(self, user):
        session = connected(user, driver="waha", paused_until=timezone.now() + timedelta(hours=1), pause_reason="x")
        found = sessions.restart_session(session=session, actor=user)
        assert (found.restart_wanted, found.wish, found.paused_until, found.pause_reason) == (True, "connected", None, "")
        assert found.care_due_at <= timezone.now()
        assert trail() == [("whatsapp.session_restarted", {})]

    @pytest.mark.parametrize("wish", ["stopped", "logged_out"])
    def test_one_that_is_closed_is_not_restarted(self, user, wish):
        session = connected(user, wish=wish, status="disconnected")
        with pytest.raises(SessionMissing):
            sessions.restart_session(session=session, actor=user)
        assert (reload(session).restart_wanted, trail()) == (False, [])

    def test_one_that_is_suspended_is_not_restarted(self, user):
        session = connected(user, is_suspended=True)
        with pytest.raises(SessionSuspended):
            sessions.restart_session(session=session, actor=user)
        assert (reload(session).restart_wanted, trail()) == (False, [])


class TestSuspending:
    """By an administrator, against the owner's will."""

    def test_nothing_is_sent_or_accepted_until_it_is_released(self, user, admin):
        session = connected(user)
        message = send(user)
        found = sessions.suspend_session(session=session, actor=admin)
        assert (found.status, found.status_reason, found.is_suspended, found.wish) == (
            "disconnected",
            "suspended",
            True,
            "connected",
        )
        assert send_all() == 0
        with pytest.raises(SessionSuspended):
            send(user)
        with pytest.raises(SessionSuspended):
            opened(user)
        found = sessions.release_session(session=session, actor=admin)
        assert (found.is_suspended, found.status_reason) == (False, "")
        sandbox.scan(session=opened(user))
        assert send_all() == 1
        assert reload(message).status == "sent"

    def test_each_is_in_the_trail_once_with_who_did_it(self, user, admin):
        session = connected(user)
        for _ in range(2):
            sessions.suspend_session(session=session, actor=admin)
        for _ in range(2):
            sessions.release_session(session=session, actor=admin)
        assert trail() == [("whatsapp.session_suspended", {}), ("whatsapp.session_released", {})]
        assert set(AuditEntry.objects.values_list("actor_id", flat=True)) == {admin.pk}

    def test_to_release_does_not_connect_what_its_owner_closed(self, user, admin):
        session = connected(user, wish="stopped", status="disconnected")
        sessions.suspend_session(session=session, actor=admin)
        WhatsAppSession.objects.update(care_due_at=None)
        found = sessions.release_session(session=session, actor=admin)
        assert (found.wish, found.care_due_at) == ("stopped", None)

    def test_a_message_of_before_can_be_taken_back_meanwhile(self, user, admin):
        session = connected(user)
        message = send(user)
        sessions.suspend_session(session=session, actor=admin)
        assert messages.cancel(message=message, actor=user).status == "cancelled"


class TestPace:
    """How fast."""

    def test_a_change_is_kept_and_in_the_trail_with_what_was(self, user):
        session = connected(user, messages_per_second=None)
        found = sessions.set_pace(session=session, actor=user, messages_per_second=0.5, burst=3)
        assert (found.messages_per_second, found.burst) == (0.5, 3)
        assert trail() == [("whatsapp.pace_changed", {"messages_per_second": [None, 0.5], "burst": [None, 3]})]

    def test_what_is_not_named_stays_and_null_is_what_suits_the_driver(self, user):
        session = connected(user, messages_per_second=2.0, burst=3)
        found = sessions.set_pace(session=session, actor=user, burst=None)
        assert (found.messages_per_second, found.burst) == (2.0, None)
        assert trail() == [("whatsapp.pace_changed", {"burst": [3, None]})]

    def test_no_change_is_not_in_the_trail(self, user):
        session = connected(user, messages_per_second=2.0, burst=3)
        sessions.set_pace(session=session, actor=user, messages_per_second=2.0, burst=3)
        sessions.set_pace(session=session, actor=user)
        assert trail() == []

    @pytest.mark.parametrize(
        ("pace", "field"),
        [
            ({"messages_per_second": -0.1}, "messages_per_second"),
            ({"messages_per_second": 0.009}, "messages_per_second"),
            ({"messages_per_second": 1000.1}, "messages_per_second"),
            ({"messages_per_second": float("nan")}, "messages_per_second"),
            ({"messages_per_second": float("inf")}, "messages_per_second"),
            ({"burst": 0}, "burst"),
            ({"burst": 1001}, "burst"),
        ],
    )
    def test_what_is_out_of_range_is_named_and_changes_nothing(self, user, pace, field):
        session = connected(user)
        with pytest.raises(Invalid) as caught:
            sessions.set_pace(session=session, actor=user, **pace)
        assert [detail.field for detail in caught.value.details] == [field]
        assert (reload(session).updated_at, trail()) == (session.updated_at, [])

    def test_nothing_else_can_be_set_by_it(self, user):
        session = connected(user)
        with pytest.raises(TypeError):
            sessions.set_pace(session=session, actor=user, is_suspended=False)
