"""What goes wrong with sessions, and what the keeper makes of it by itself."""

import pytest

from modules.whatsapp.services import sessions
from modules.whatsapp.tests.factories import reload
from modules.whatsapp.tests.fake_waha_kit import fake
from modules.whatsapp.tests.keeper_kit import after, asked, due_in, hear_news, look, next_look, opened, told, working

__all__ = ["fake"]

pytestmark = pytest.mark.django_db(transaction=True)


class TestBouncing:
    """Gateways reconnect; that is nobody's business while it is quick."""

    def test_working_starting_working_within_half_a_minute_tells_nobody(self, user, fake):
        session = working(user, fake)
        heard, since = told(user), session.connected_at
        fake.become(session.gateway_name, "STARTING", tell=False)
        hear_news(session)
        look()
        for _ in range(14):
            shown = after(session, seconds=2)
            assert (shown.status, due_in(session)) == ("connected", 2.0)
        fake.become(session.gateway_name, "WORKING", tell=False)
        hear_news(session)
        look()
        assert reload(session).status == "connected"
        assert reload(session).connected_at < since
        assert told(user) == heard

    def test_one_that_does_not_come_back_is_told_of(self, user, fake):
        session = working(user, fake)
        fake.become(session.gateway_name, "STARTING", tell=False)
        for _ in range(50):
            after(session, seconds=2)
        shown = reload(session)
        assert (shown.status, shown.connected_at) == ("connecting", None)
        assert told(user)[2:] == [("connecting", "")]

    def test_one_that_was_not_looked_at_for_long_is_told_of_at_once(self, user, fake):
        session = working(user, fake)
        fake.become(session.gateway_name, "STARTING", tell=False)
        assert after(session, minutes=10).status == "connecting"


class TestStuck:
    """Starting, and starting, and starting."""

    def test_one_is_restarted_after_two_minutes(self, user, fake):
        session = opened(user)
        look()
        fake.become(session.gateway_name, "STARTING", tell=False)
        for _ in range(60):
            assert after(session, seconds=2).status in ("qr_ready", "connecting")
        assert asked(fake, "restart") == 0
        for _ in range(4):
            after(session, seconds=2)
        assert asked(fake, "restart") == 1
        assert reload(session).status == "qr_ready"

    def test_it_gets_another_two_minutes_then(self, user, fake):
        session = opened(user)
        look()
        fake.sessions[session.gateway_name].unready = 1000
        after(session, seconds=5)
        for _ in range(90):
            after(session, seconds=2)
        assert asked(fake, "restart") == 1
        for _ in range(60):
            after(session, seconds=2)
        assert asked(fake, "restart") == 2


class TestFailed:
    """Restarted, but not without end at full speed."""

    def test_one_is_told_of_and_restarted(self, user, fake):
        session = working(user, fake)
        fake.become(session.gateway_name, "FAILED", tell=False)
        assert after(session, seconds=60).status == "failed"
        assert due_in(session) == 2.0
        assert after(session, seconds=2).status == "connected"
        assert told(user)[2:] == [("failed", ""), ("connected", "")]
        assert reload(session).care_failures == 0

    @pytest.mark.parametrize("starts", [0, 1], ids=["failing at once", "starting in between"])
    def test_the_waits_grow_while_it_fails_again(self, user, fake, starts):
        session = working(user, fake)
        fake.become(session.gateway_name, "FAILED", tell=False)
        after(session, seconds=60)
        waits = [due_in(session)]
        for _ in range(10):
            fake.tell("status", path="/restart", code=201, body={})
            fake.sessions[session.gateway_name].unready = starts
            shown = next_look(session)
            for _ in range(starts):
                assert shown.status == "connecting"
                shown = next_look(session)
            assert shown.status == "failed"
            waits.append(due_in(session))
        assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 600.0, 600.0]


class TestUnlinked:
    """The phone, or somebody at the gateway, ended it while we thought it connected."""

    @pytest.mark.parametrize("to", ["STOPPED", "SCAN_QR_CODE"])
    def test_it_is_told_and_a_new_code_is_shown(self, user, fake, to):
        session = working(user, fake)
        fake.sessions[session.gateway_name].phone = ""
        fake.become(session.gateway_name, to, tell=False)
        after(session, seconds=60)
        assert told(user)[2][1] == "unlinked"
        shown = after(session, seconds=5)
        assert (shown.status, shown.connected_at) == ("qr_ready", None)
        assert shown.qr_code
        fake.become(session.gateway_name, "WORKING", tell=False)
        assert after(session, seconds=5).status == "connected"

    def test_one_that_the_gateway_forgot_is_made_anew(self, user, fake):
        session = working(user, fake)
        del fake.sessions[session.gateway_name]
        shown = after(session, seconds=60)
        assert (shown.status, shown.status_reason) == ("disconnected", "unlinked")
        assert after(session, seconds=2).status == "qr_ready"


class TestUnscanned:
    """Nobody comes to scan the code."""

    def test_it_is_given_up_after_a_quarter_of_an_hour_and_stopped_at_the_gateway(self, user, fake):
        session = opened(user)
        look()
        assert after(session, minutes=14, seconds=55).status == "qr_ready"
        shown = after(session, seconds=10)
        assert (shown.status, shown.status_reason, shown.wish, shown.qr_code) == ("disconnected", "qr_expired", "stopped", "")
        look()
        assert fake.sessions[session.gateway_name].status == "STOPPED"
        shown = reload(session)
        assert (shown.status_reason, due_in(session)) == ("qr_expired", None)
        assert told(user)[-1] == ("disconnected", "qr_expired")
        assert told(user).count(("disconnected", "qr_expired")) == 1

    @pytest.mark.parametrize("starts", [0, 2])
    def test_also_where_the_gateway_fails_every_two_minutes_and_is_restarted(self, user, fake, starts):
        session = opened(user)
        look()
        for turn in range(8):
            after(session, minutes=2)
            fake.become(session.gateway_name, "FAILED", tell=False)
            after(session, seconds=5)
            fake.sessions[session.gateway_name].unready = starts
            for _ in range(3):
                after(session, seconds=2)
            # Seven turns are a quarter of an hour.
            assert reload(session).wish == ("connected" if turn < 6 else "stopped")
        assert reload(session).status_reason == "qr_expired"

    def test_who_asks_again_gets_another_quarter_of_an_hour(self, user, fake):
        session = opened(user)
        look()
        after(session, minutes=14)
        opened(user)
        look()
        assert after(session, minutes=14).status == "qr_ready"
        assert after(session, minutes=2).status_reason == "qr_expired"
        opened(user)
        look()
        shown = reload(session)
        assert (shown.status, shown.status_reason, bool(shown.qr_code)) == ("qr_ready", "", True)

    def test_one_that_was_scanned_at_the_last_moment_is_connected(self, user, fake):
        session = opened(user)
        look()
        after(session, minutes=14)
        fake.become(session.gateway_name, "STARTING", tell=False)
        assert after(session, minutes=2).status == "connecting"
        fake.become(session.gateway_name, "WORKING", tell=False)
        assert after(session, seconds=2).status == "connected"
        fake.become(session.gateway_name, "SCAN_QR_CODE", tell=False)
        assert after(session, minutes=20).status == "qr_ready"
        assert after(session, minutes=14).status == "qr_ready"


class TestGatewayAway:
    """The server itself is the trouble."""

    def test_a_connected_session_stays_so_and_is_asked_again_ever_later(self, user, fake):
        session = working(user, fake)
        fake.tell("drop_before", times=10)
        waits = []
        for _ in range(10):
            shown = after(session, minutes=10)
            assert (shown.status, shown.status_reason) == ("connected", "gateway_unreachable")
            waits.append(due_in(session))
        assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 600.0]
        shown = after(session, minutes=10)
        assert (shown.status, shown.status_reason, shown.status_detail, due_in(session)) == ("connected", "", "", 60.0)
        assert told(user)[2:] == [("connected", "gateway_unreachable"), ("connected", "")]

    def test_one_that_comes_up_is_failed_after_five_times_and_comes_up_when_it_is_back(self, user, fake):
        session = opened(user)
        look()
        fake.tell("status", times=5, code=503)
        seen = [next_look(session).status for _ in range(5)]
        assert seen == ["qr_ready"] * 4 + ["failed"]
        assert told(user)[1:] == [("qr_ready", "gateway_error"), ("failed", "gateway_error")]
        assert next_look(session).status == "qr_ready"

    def test_one_that_was_never_reached_is_tried_until_it_is(self, user, fake):
        session = opened(user)
        fake.tell("drop_before", times=7)
        for _ in range(7):
            shown = after(session, minutes=10)
            assert shown.status_reason == "gateway_unreachable"
        assert after(session, minutes=10).status == "qr_ready"
        assert len(told(user)) == 2

    def test_a_key_that_is_refused_asks_for_somebody_and_is_told_once(self, user, fake, settings):
        session = working(user, fake)
        key, settings.WHATSAPP_WAHA_API_KEY = settings.WHATSAPP_WAHA_API_KEY, "SECRET-wrong"
        for _ in range(3):
            shown = after(session, minutes=10)
            assert (shown.status, shown.status_reason) == ("action_required", "gateway_unauthorized")
        assert "SECRET" not in shown.status_detail
        assert told(user)[2:] == [("action_required", "gateway_unauthorized")]
        settings.WHATSAPP_WAHA_API_KEY = key
        assert after(session, minutes=10).status == "connected"

    def test_an_answer_without_sense_changes_nothing_but_the_reason(self, user, fake):
        session = working(user, fake)
        fake.tell("status", code=200, body={"status": "DANCING"})
        shown = after(session, minutes=1)
        assert (shown.status, shown.status_reason) == ("connected", "gateway_nonsense")

    def test_a_fault_of_ours_is_told_the_log_and_tried_again(self, user, fake, monkeypatch, caplog):
        session = working(user, fake)
        monkeypatch.setattr("modules.whatsapp.gateways.waha.Waha.status", lambda self, link: 1 / 0)
        shown = after(session, minutes=1)
        assert (shown.status, shown.status_reason) == ("connected", "internal")
        assert "could not be looked after" in caplog.text
        monkeypatch.undo()
        assert after(session, seconds=2).status_reason == ""

    def test_one_is_restarted_when_its_owner_asks(self, user, fake):
        session = working(user, fake)
        sessions.restart_session(session=session, actor=user)
        fake.tell("drop_before")
        assert after(session, seconds=1).restart_wanted
        shown = after(session, seconds=2)
        assert (shown.status, shown.restart_wanted, asked(fake, "restart")) == ("connected", False, 2)
