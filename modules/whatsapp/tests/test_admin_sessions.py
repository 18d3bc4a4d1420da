"""What the admin promises about sessions."""

from base64 import b64encode
from datetime import timedelta

import pytest
from django.utils import timezone

from core.models import AuditEntry
from modules.whatsapp.choices import SessionStatus, Wish
from modules.whatsapp.codes import png
from modules.whatsapp.models import WhatsAppSession
from modules.whatsapp.tests.admin_support import ids, listing, offered, page, rows, text_of
from modules.whatsapp.tests.factories import connected, reload, send
from users.tests.factories import make_user

pytestmark = pytest.mark.django_db

ACTIONS = ("restart", "log_out", "suspend", "release", "set_pace")


class TestTheList:
    @pytest.fixture
    def several(self, user, other):
        return {
            "live": connected(user, phone_number="+15550100001"),
            "test": connected(user, environment="test", phone_number=""),
            "failed": connected(other, driver="waha", status=SessionStatus.FAILED, phone_number="+14155552671"),
            "suspended": connected(make_user(username="third"), driver="cloud_api", is_suspended=True, phone_number=""),
        }

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({}, {"live", "test", "failed", "suspended"}),
            ({"driver__exact": "waha"}, {"failed"}),
            ({"status__exact": "connected"}, {"live", "test", "suspended"}),
            ({"environment__exact": "test"}, {"test"}),
            ({"is_suspended__exact": "1"}, {"suspended"}),
            ({"user": "owner"}, {"live", "test"}),
            ({"q": "outsider"}, {"failed"}),
            ({"q": "owner@example"}, {"live", "test"}),
            ({"q": "5550100001"}, {"live"}),
            ({"q": "nobody"}, set()),
        ],
    )
    def test_filters_and_searches(self, chief, several, query, names):
        assert rows(chief, "whatsappsession", **query) == ids(*(several[name] for name in names))

    def test_says_why_one_does_not_send(self, chief, user):
        connected(user, status_reason="phone_banned", paused_until=timezone.now() + timedelta(minutes=30))
        content = text_of(chief, listing("whatsappsession"))
        assert "phone banned" in content
        assert f"{timezone.now() + timedelta(minutes=30):%Y}" in content


class TestThePage:
    def test_shows_the_code_as_a_picture_and_looks_again_while_it_waits(self, chief, user):
        session = connected(user, status=SessionStatus.QR_READY, qr_code="2@abc,def", phone_number="")
        answer = chief.get(page(session))
        assert f'src="data:image/png;base64,{b64encode(png("2@abc,def")).decode()}"' in answer.content.decode()
        assert int(answer["Refresh"]) > 0

    def test_shows_the_pairing_code(self, chief, user):
        session = connected(user, status=SessionStatus.QR_READY, pairing_code="AB12-CD34", pairing_number="+14155552671")
        content = text_of(chief, page(session))
        assert "AB12-CD34" in content
        assert "data:image/png" not in content

    def test_of_one_that_is_connected_has_no_code_and_stands_still(self, chief, user):
        answer = chief.get(page(connected(user)))
        assert "data:image/png" not in answer.content.decode()
        assert "Refresh" not in answer

    def test_says_where_it_stands_and_why(self, chief, user):
        session = connected(
            user,
            status=SessionStatus.ACTION_REQUIRED,
            status_reason="unlinked",
            status_detail="The phone unlinked <this> session.",
            pause_reason="spam_limit",
            paused_until=timezone.now() + timedelta(minutes=30),
        )
        content = text_of(chief, page(session))
        for told in ("action required", "unlinked", "The phone unlinked &lt;this&gt; session.", "spam_limit"):
            assert told in content

    @pytest.mark.parametrize(
        ("pace", "told"),
        [
            ({"messages_per_second": None, "burst": None}, "20 a second, 20 at once (what suits the driver)"),
            ({"messages_per_second": 0.5, "burst": 3}, "0.5 a second, 3 at once (set for this session)"),
            ({"messages_per_second": 0.0}, "as fast as it can (set for this session)"),
        ],
    )
    def test_says_how_fast_it_sends(self, chief, user, pace, told):
        assert told in text_of(chief, page(connected(user, **pace)))

    def test_leads_to_its_messages_contacts_events_and_history(self, chief, user):
        session = connected(user)
        content = text_of(chief, page(session))
        for name in ("message", "contact", "inboundevent"):
            assert f"{listing(name)}?session={session.pk}" in content
        assert page(session, "history") in content


class TestTheButtons:
    @pytest.mark.parametrize(
        ("fields", "names"),
        [
            ({}, {"restart", "log_out", "suspend", "set_pace"}),
            ({"wish": Wish.STOPPED}, {"log_out", "suspend", "set_pace"}),
            ({"wish": Wish.LOGGED_OUT}, {"suspend", "set_pace"}),
            ({"is_suspended": True}, {"log_out", "release", "set_pace"}),
        ],
    )
    def test_are_those_that_its_state_allows(self, chief, user, fields, names):
        assert offered(chief, connected(user, **fields), *ACTIONS) == names

    @pytest.mark.parametrize(
        ("action", "before", "after", "entry"),
        [
            ("suspend", {}, {"is_suspended": True, "status": "disconnected"}, "session_suspended"),
            ("release", {"is_suspended": True, "wish": "stopped"}, {"is_suspended": False}, "session_released"),
            ("log_out", {}, {"wish": "logged_out", "status": "disconnected"}, "session_closed"),
            ("restart", {"status": "failed"}, {"wish": "connected", "status": "qr_ready"}, "session_restarted"),
        ],
    )
    def test_ask_first_and_go_through_the_service(self, chief, user, action, before, after, entry):
        session = connected(user, **before)
        untouched = WhatsAppSession.objects.values().get()
        assert "owner" in text_of(chief, page(session, action))
        assert WhatsAppSession.objects.values().get() == untouched
        assert chief.post(page(session, action))["Location"] == page(session)
        session = reload(session)
        assert {name: getattr(session, name) for name in after} == after
        assert AuditEntry.objects.get(action=f"whatsapp.{entry}", via="admin").actor_label == "chief"

    def test_a_refusal_of_the_service_is_told_and_changes_nothing(self, chief, user):
        session = connected(user, is_suspended=True)
        content = chief.post(page(session, "restart"), follow=True).content.decode()
        assert "An administrator has suspended this WhatsApp session." in content
        assert not reload(session).restart_wanted

    def test_the_kill_switch_takes_many_after_asking_for_them_by_name(self, chief, user, other):
        sessions = [connected(user), connected(other)]
        chosen = {"action": "suspend_chosen", "_selected_action": sorted(ids(*sessions))}
        content = chief.post(listing("whatsappsession"), chosen).content.decode()
        assert "of owner" in content
        assert "of outsider" in content
        assert not WhatsAppSession.objects.filter(is_suspended=True).exists()
        chief.post(listing("whatsappsession"), {**chosen, "confirmed": "yes"})
        assert WhatsAppSession.objects.filter(is_suspended=True).count() == 2
        chief.post(listing("whatsappsession"), {**chosen, "action": "release_chosen", "confirmed": "yes"})
        assert not WhatsAppSession.objects.filter(is_suspended=True).exists()


class TestThePace:
    def test_is_set_through_the_service(self, chief, user):
        session = connected(user, messages_per_second=None)
        chief.post(page(session, "set_pace"), {"messages_per_second": "0.5", "burst": "3"})
        session = reload(session)
        assert (session.messages_per_second, session.burst) == (0.5, 3)
        assert AuditEntry.objects.get(action="whatsapp.pace_changed").changes["burst"] == [None, 3]

    def test_left_empty_is_the_drivers_again(self, chief, user):
        session = connected(user, messages_per_second=9.0, burst=9)
        chief.post(page(session, "set_pace"), {"messages_per_second": "", "burst": ""})
        session = reload(session)
        assert (session.messages_per_second, session.burst) == (None, None)

    @pytest.mark.parametrize(
        "given", [{"messages_per_second": "-1"}, {"messages_per_second": "2000"}, {"burst": "0"}, {"burst": "x"}]
    )
    def test_out_of_bounds_is_asked_again_and_not_set(self, chief, user, given):
        session = connected(user)
        assert chief.post(page(session, "set_pace"), given).status_code == 200
        assert (reload(session).messages_per_second, reload(session).burst) == (0.0, None)

    def test_what_only_the_service_refuses_is_told_beside_the_form(self, chief, user):
        session = connected(user)
        answer = chief.post(page(session, "set_pace"), {"messages_per_second": "0.001"})
        assert answer.status_code == 200
        assert "0, or from 0.01 to 1000." in answer.content.decode()
        assert 'value="0.001"' in answer.content.decode()
        assert reload(session).messages_per_second == 0.0

    def test_the_form_says_what_suits_the_driver(self, chief, user):
        content = text_of(chief, page(connected(user, driver="waha"), "set_pace"))
        assert "Empty: what suits the driver, 1." in content


def test_what_a_suspended_session_had_queued_stays(chief, user):
    session = connected(user)
    message = send(user)
    chief.post(page(session, "suspend"))
    assert reload(message).status == "queued"
