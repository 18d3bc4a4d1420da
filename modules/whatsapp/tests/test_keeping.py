"""The keeper brings a session to where its owner wants it: codes, connecting, stopping, suspending."""

import pytest

from modules.whatsapp.services import sandbox, sessions
from modules.whatsapp.tests.factories import reload, send, send_all
from modules.whatsapp.tests.fake_waha_kit import fake
from modules.whatsapp.tests.keeper_kit import after, due_in, hear_news, look, opened, told, working

__all__ = ["fake"]

pytestmark = pytest.mark.django_db(transaction=True)
NUMBER = "+15550123456"


class TestSandbox:
    """It connects by itself."""

    def test_an_opened_session_shows_a_code_at_once_and_connects_a_moment_later(self, user):
        session = opened(user, driver="sandbox")
        assert session.status == "qr_ready"
        assert session.qr_code.startswith("SANDBOX,")
        still = after(session, seconds=1)
        assert (still.status, still.qr_code) == ("qr_ready", session.qr_code)
        done = after(session, seconds=1)
        assert (done.status, done.qr_code, done.phone_number) == ("connected", "", "+15550100000")
        assert done.connected_at is not None
        assert told(user) == [("qr_ready", ""), ("connected", "")]

    def test_with_a_number_it_shows_a_code_to_type(self, user):
        session = opened(user, driver="sandbox", pairing_number=NUMBER)
        assert (session.status, session.qr_code, len(session.pairing_code)) == ("qr_ready", "", 9)
        done = after(session, seconds=2)
        assert (done.status, done.pairing_code, done.phone_number) == ("connected", "", NUMBER)

    def test_what_was_accepted_before_is_sent_when_it_is_connected(self, user):
        session = opened(user, driver="sandbox")
        message = send(user)
        assert send_all() == 0
        after(session, seconds=2)
        assert send_all() == 1
        assert reload(message).status == "sent"

    def test_it_waits_as_long_as_it_was_told_to(self, user):
        session = opened(user, driver="sandbox")
        sandbox.behave(session=session, scan_after_ms=60_000)
        assert after(session, seconds=59).status == "qr_ready"
        assert after(session, seconds=2).status == "connected"


class TestComingUp:
    """From the wish to the number, at a WAHA server."""

    def test_a_session_is_made_shows_a_code_and_is_connected_when_that_is_scanned(self, user, fake):
        session = opened(user)
        assert (session.status, session.qr_code) == ("disconnected", "")
        look()
        shown = reload(session)
        assert (shown.status, shown.qr_code[:2]) == ("qr_ready", "2@")
        assert fake.sessions[session.gateway_name].hook_url.endswith(f"/api/v1/whatsapp/hooks/waha/{session.pk}/")
        fake.become(session.gateway_name, "WORKING", tell=False)
        done = after(session, seconds=5)
        assert (done.status, done.phone_number, done.display_name) == ("connected", "+15550100000", "Shop")
        assert (done.qr_code, done.status_reason) == ("", "")
        assert told(user) == [("qr_ready", ""), ("connected", "")]

    def test_the_code_is_fetched_anew_while_nobody_scans_and_each_is_told(self, user, fake):
        session = opened(user)
        codes = [after(session, seconds=5).qr_code for _ in range(3)]
        assert len(set(codes)) == 3
        assert told(user) == [("qr_ready", "")] * 3

    def test_a_pairing_code_stays_while_somebody_types_it(self, user, fake):
        session = opened(user, pairing_number=NUMBER)
        codes = {after(session, seconds=5).pairing_code for _ in range(5)}
        assert codes == {"ABCD-0001"}
        assert opened(user, pairing_number=NUMBER).pairing_code == "ABCD-0001"
        look()
        assert reload(session).pairing_code == "ABCD-0001"

    def test_each_pairing_code_has_its_full_time(self, user, fake):
        session = opened(user, pairing_number=NUMBER)
        look()
        shown = [after(session, seconds=5).pairing_code for _ in range(60)]
        assert 30 <= shown.count("ABCD-0001") <= 40
        assert set(shown) == {"ABCD-0001", "ABCD-0002"}

    @pytest.mark.parametrize(
        ("theirs", "ours", "reason"),
        [
            ("STARTING", "connecting", ""),
            ("PASSKEY_REQUIRED", "action_required", "passkey_required"),
            ("PASSKEY_CONFIRMATION_REQUIRED", "action_required", "passkey_required"),
            ("FAILED", "failed", ""),
            ("STOPPED", "disconnected", ""),
        ],
    )
    def test_where_it_stands_on_the_way_is_told_and_it_still_arrives(self, user, fake, theirs, ours, reason):
        session = opened(user)
        look()
        fake.become(session.gateway_name, theirs, tell=False)
        shown = after(session, seconds=5)
        assert (shown.status, shown.status_reason, shown.qr_code) == (ours, reason, "")
        assert told(user)[-1] == (ours, reason)
        fake.become(session.gateway_name, "WORKING", tell=False)
        assert after(session, minutes=5).status == "connected"

    def test_news_from_the_gateway_make_it_look_at_once(self, user, fake):
        session = working(user, fake)
        assert due_in(session) > 50
        fake.become(session.gateway_name, "STOPPED", tell=False)
        hear_news(session)
        assert due_in(session) <= 0
        look()
        assert reload(session).status_reason == "unlinked"

    def test_one_that_is_not_configured_waits_for_somebody_to_mend_that(self, user, fake, settings):
        session = opened(user)
        url, settings.WHATSAPP_WAHA_URL = settings.WHATSAPP_WAHA_URL, ""
        shown = after(session, seconds=1)
        assert (shown.status, shown.status_reason) == ("action_required", "not_configured")
        settings.WHATSAPP_WAHA_URL = url
        after(session, minutes=5)
        assert after(session, seconds=2).status == "qr_ready"


class TestClosing:
    """Down again, and left alone then."""

    def test_to_close_is_to_unlink_the_phone(self, user, fake):
        session = working(user, fake)
        sessions.close_session(session=session, actor=user)
        look()
        assert fake.sessions == {}
        done = reload(session)
        assert (done.status, done.connected_at, due_in(session)) == ("disconnected", None, None)
        assert told(user)[-1] == ("disconnected", "")
        assert len(told(user)) == 3

    def test_it_can_keep_the_phone_and_needs_no_new_code_then(self, user, fake):
        session = working(user, fake)
        sessions.close_session(session=session, actor=user, forget=False)
        look()
        assert (fake.sessions[session.gateway_name].status, due_in(session)) == ("STOPPED", None)
        opened(user)
        look()
        assert reload(session).status == "connected"
        assert fake.sessions[session.gateway_name].status == "WORKING"

    def test_a_gateway_that_is_away_is_told_again_and_the_owner_hears_nothing_of_it(self, user, fake):
        session = working(user, fake)
        sessions.close_session(session=session, actor=user)
        heard = told(user)
        fake.tell("status", times=3, code=500)
        waits = []
        for _ in range(3):
            after(session, minutes=10)
            waits.append(round(due_in(session)))
        assert waits == [2, 4, 8]
        assert (reload(session).status, told(user)) == ("disconnected", heard)
        after(session, seconds=8)
        assert (fake.sessions, due_in(session)) == ({}, None)

    def test_news_of_a_closed_session_wake_nobody(self, user, fake):
        session = working(user, fake)
        sessions.close_session(session=session, actor=user, forget=False)
        look()
        hear_news(session)
        assert look() == 0


class TestSuspending:
    """The kill switch."""

    def test_a_suspended_session_is_stopped_and_keeps_its_reason(self, user, admin, fake):
        session = working(user, fake)
        sessions.suspend_session(session=session, actor=admin)
        look()
        shown = reload(session)
        assert (shown.status, shown.status_reason, shown.connected_at) == ("disconnected", "suspended", None)
        assert (fake.sessions[session.gateway_name].status, due_in(session)) == ("STOPPED", None)
        assert told(user)[2:] == [("disconnected", "suspended")]

    def test_news_of_it_wake_nobody(self, user, admin, fake):
        session = working(user, fake)
        sessions.suspend_session(session=session, actor=admin)
        look()
        hear_news(session)
        assert look() == 0

    def test_it_is_stopped_in_the_end_though_the_gateway_is_away(self, user, admin, fake):
        session = working(user, fake)
        sessions.suspend_session(session=session, actor=admin)
        fake.tell("status", times=2, code=401)
        after(session, seconds=1)
        shown = after(session, minutes=10)
        assert (shown.status, shown.status_reason) == ("disconnected", "suspended")
        after(session, minutes=10)
        assert (fake.sessions[session.gateway_name].status, due_in(session)) == ("STOPPED", None)

    def test_a_code_that_was_shown_cannot_be_scanned_any_more(self, user, admin, fake):
        session = opened(user)
        look()
        assert sessions.suspend_session(session=session, actor=admin).qr_code == ""
        look()
        assert fake.sessions[session.gateway_name].status == "STOPPED"
        assert told(user) == [("qr_ready", ""), ("disconnected", "suspended")]

    def test_released_it_is_connected_without_a_new_scan(self, user, admin, fake):
        session = working(user, fake)
        sessions.suspend_session(session=session, actor=admin)
        look()
        sessions.release_session(session=session, actor=admin)
        look()
        shown = reload(session)
        assert (shown.status, shown.status_reason, shown.qr_code) == ("connected", "", "")
