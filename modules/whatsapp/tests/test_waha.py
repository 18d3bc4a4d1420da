"""The WAHA driver against a fake that is as strict as the contract."""

import pytest

from modules.whatsapp.choices import SessionStatus
from modules.whatsapp.gateways.base import NumberCheck, Verdict
from modules.whatsapp.gateways.waha import LOOK_SECONDS, PAIRING_SECONDS
from modules.whatsapp.tests.fake_waha import API_KEY, HMAC_KEY
from modules.whatsapp.tests.fake_waha_kit import CHAT, NAME, NUMBER, WAHA, fake, link, linked, refused, text

__all__ = ["fake", "linked"]


class TestStarting:
    """From nothing to a connected session."""

    def test_a_new_session_is_created_with_its_hook_and_shows_a_code(self, fake):
        standing = WAHA.start(link())
        assert standing.status == SessionStatus.QR_READY
        assert standing.qr_code.startswith("2@")
        assert (fake.sessions[NAME].hook_url, fake.sessions[NAME].hmac_key) == ("http://127.0.0.1:9/hook", HMAC_KEY)

    def test_one_that_exists_is_started(self, linked):
        linked.sessions[NAME].status = "STOPPED"
        assert WAHA.start(link()).status == SessionStatus.CONNECTED
        assert [call.path for call in linked.log.calls[-3:]] == [
            "/api/sessions",
            f"/api/sessions/{NAME}/start",
            f"/api/sessions/{NAME}",
        ]

    def test_starting_one_that_runs_is_harmless(self, linked):
        assert WAHA.start(link()).status == WAHA.start(link()).status == SessionStatus.CONNECTED

    def test_the_code_is_fetched_anew_each_time(self, fake):
        first = WAHA.start(link()).qr_code
        assert first != WAHA.status(link(status=SessionStatus.QR_READY)).qr_code

    def test_a_connected_one_tells_its_number_and_name(self, linked):
        standing = WAHA.status(link())
        assert (standing.status, standing.phone_number, standing.display_name) == (
            SessionStatus.CONNECTED,
            "+15550100000",
            "Shop",
        )

    def test_one_that_is_starting_is_connecting(self, linked):
        linked.sessions[NAME].unready = 1
        assert WAHA.status(link()).status == SessionStatus.CONNECTING
        assert WAHA.status(link()).status == SessionStatus.CONNECTED

    @pytest.mark.parametrize(
        ("theirs", "ours", "reason"),
        [
            ("STOPPED", SessionStatus.DISCONNECTED, ""),
            ("STARTING", SessionStatus.CONNECTING, ""),
            ("PASSKEY_REQUIRED", SessionStatus.ACTION_REQUIRED, "passkey_required"),
            ("PASSKEY_CONFIRMATION_REQUIRED", SessionStatus.ACTION_REQUIRED, "passkey_required"),
            ("FAILED", SessionStatus.FAILED, ""),
        ],
    )
    def test_each_state_has_a_word_of_ours(self, linked, theirs, ours, reason):
        linked.become(NAME, theirs, tell=False)
        standing = WAHA.status(link())
        assert (standing.status, standing.reason, standing.qr_code) == (ours, reason, "")

    def test_one_that_the_server_does_not_know_is_disconnected(self, fake):
        standing = WAHA.status(link())
        assert (standing.status, standing.reason) == (SessionStatus.DISCONNECTED, "unlinked")

    @pytest.mark.parametrize("body", [b"<html>", b"", [], {}, {"status": 7}, {"status": "DANCING"}])
    def test_an_answer_without_a_state_is_asked_for_again(self, fake, body):
        fake.tell("status", code=200, body=body)
        error = refused(lambda: WAHA.status(link()))
        assert (error.verdict, error.code) == (Verdict.RETRY, "gateway_nonsense")

    @pytest.mark.parametrize(
        "me", [None, 7, {"id": 7}, {"id": "1" * 40 + "@c.us"}, {"id": "x@c.us"}, {"id": "15550100000@c.us.evil"}]
    )
    def test_a_number_that_is_none_is_not_taken(self, fake, me):
        fake.tell("status", code=200, body={"status": "WORKING", "me": me})
        assert WAHA.status(link()).phone_number == ""

    def test_a_name_is_one_that_the_database_takes(self, fake):
        fake.tell("status", code=200, body={"status": "WORKING", "me": {"pushName": "Sh\x00op" + "x" * 200}})
        assert WAHA.status(link()).display_name == "Shop" + "x" * 96

    @pytest.mark.parametrize("value", ["", None, 7, "x" * 2001])
    def test_a_code_that_fits_on_no_picture_is_asked_for_again(self, fake, value):
        WAHA.start(link())
        fake.tell("status", path="/qr", code=200, body={"value": value})
        assert refused(lambda: WAHA.status(link())).code == "gateway_nonsense"

    def test_one_that_connects_while_its_code_is_fetched_is_asked_again(self, linked):
        linked.tell("status", path=NAME, code=200, body={"status": "SCAN_QR_CODE"})
        error = refused(lambda: WAHA.status(link()))
        assert (error.verdict, error.code) == (Verdict.RETRY, "session_not_ready")


class TestPairing:
    """A code to type into the phone."""

    def test_it_is_asked_for_the_number(self, fake):
        standing = WAHA.start(link(pairing_number=NUMBER))
        assert (standing.status, standing.pairing_code, standing.qr_code) == (SessionStatus.QR_READY, "ABCD-0001", "")

    def test_it_stays_the_same_while_somebody_types_it(self, fake):
        WAHA.start(link(pairing_number=NUMBER))
        for age in (0, LOOK_SECONDS - 1, PAIRING_SECONDS - 1, PAIRING_SECONDS + LOOK_SECONDS + 1):
            standing = WAHA.status(link(status=SessionStatus.QR_READY, age=age, pairing_number=NUMBER))
            assert (standing.status, standing.pairing_code) == (SessionStatus.QR_READY, "")
        assert sum(call.path.endswith("request-code") for call in fake.log.calls) == 1

    def test_another_is_asked_for_when_it_is_over_or_the_owner_asks(self, fake):
        WAHA.start(link(pairing_number=NUMBER))
        over = link(status=SessionStatus.QR_READY, age=PAIRING_SECONDS + 1, pairing_number=NUMBER)
        assert WAHA.status(over).pairing_code == "ABCD-0002"
        assert WAHA.start(link(status=SessionStatus.QR_READY, pairing_number=NUMBER)).pairing_code == "ABCD-0003"
        assert WAHA.restart(link(status=SessionStatus.QR_READY, pairing_number=NUMBER)).pairing_code == "ABCD-0004"

    @pytest.mark.parametrize("code", ["", None, 7, "x" * 17])
    def test_one_that_is_none_is_asked_for_again(self, fake, code):
        fake.tell("status", path="/request-code", code=201, body={"code": code})
        assert refused(lambda: WAHA.start(link(pairing_number=NUMBER))).verdict == Verdict.RETRY

    def test_a_server_that_hangs_over_it_is_not_waited_for(self, fake, settings):
        settings.WHATSAPP_TIMEOUT_SECONDS = 0.3
        fake.tell("hang", path="/request-code")
        error = refused(lambda: WAHA.start(link(pairing_number=NUMBER)))
        assert (error.verdict, error.code) == (Verdict.RETRY, "gateway_timed_out")


class TestStopping:
    """Down again."""

    def test_a_stopped_one_keeps_its_phone(self, linked):
        WAHA.stop(link(), forget=False)
        assert WAHA.status(link()).status == SessionStatus.DISCONNECTED
        assert WAHA.start(link()).status == SessionStatus.CONNECTED

    def test_a_forgotten_one_is_logged_out_and_gone(self, linked):
        WAHA.stop(link(), forget=True)
        assert linked.sessions == {}
        assert [(call.method, call.path) for call in linked.log.calls[-2:]] == [
            ("POST", f"/api/sessions/{NAME}/logout"),
            ("DELETE", f"/api/sessions/{NAME}"),
        ]

    @pytest.mark.parametrize("forget", [True, False])
    def test_stopping_what_is_not_there_is_harmless(self, fake, forget):
        WAHA.stop(link(), forget=forget)
        WAHA.stop(link(), forget=forget)

    def test_a_logout_that_fails_removes_nothing(self, linked):
        linked.tell("status", path="/logout", code=500)
        assert refused(lambda: WAHA.stop(link(), forget=True)).verdict == Verdict.RETRY
        assert NAME in linked.sessions

    def test_a_restart_keeps_the_phone(self, linked):
        linked.sessions[NAME].status = "FAILED"
        assert WAHA.restart(link()).status == SessionStatus.CONNECTED

    def test_a_restart_of_what_is_gone_creates_it(self, fake):
        assert WAHA.restart(link()).status == SessionStatus.QR_READY


class TestServers:
    """Whose server is called, and with what."""

    def test_a_sessions_own_server_may_not_be_on_a_private_address(self, fake):
        error = refused(lambda: WAHA.status(link(secrets={"url": fake.url, "api_key": API_KEY, "hmac_key": "own"})))
        assert (error.verdict, error.code) == (Verdict.ACTION, "gateway_address_refused")
        assert fake.log.calls == []

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1", "http://[::1]", "http://169.254.169.254", "ftp://x", "waha", "http://a:b@c.d"]
    )
    def test_nor_anything_else_that_may_not_be_called(self, fake, url):
        send = refused(lambda: WAHA.send(link(secrets={"url": url}), text()))
        assert (send.verdict, send.code) == (Verdict.ACTION, "gateway_address_refused")

    def test_it_is_called_with_the_sessions_keys_and_never_the_operators(self, fake, settings):
        settings.OUTGOING_ALLOWED_PRIVATE = frozenset([fake.place])
        WAHA.start(link(secrets={"url": fake.url, "api_key": API_KEY, "hmac_key": "own"}))
        assert fake.sessions[NAME].hmac_key == "own"
        error = refused(lambda: WAHA.status(link(secrets={"url": fake.url, "hmac_key": "own"})))
        assert error.code == "gateway_unauthorized"
        assert "x-api-key" not in fake.log.calls[-1].headers

    def test_it_is_configured_with_an_address_and_a_key_to_sign_with(self, fake, settings):
        assert WAHA.is_configured({})
        assert WAHA.is_configured({"url": "https://waha.example", "hmac_key": "own"})
        assert not WAHA.is_configured({"url": "https://waha.example", "api_key": "x"})
        settings.WHATSAPP_WAHA_URL = ""
        assert not WAHA.is_configured({"hmac_key": "own"})

    @pytest.mark.parametrize("key", ["kéy", "a\nb", "a\r\nX-Other: 1"])
    def test_a_key_that_no_header_can_hold_is_refused_before_it_is_sent(self, fake, settings, key):
        settings.WHATSAPP_WAHA_API_KEY = key
        error = refused(lambda: WAHA.send(link(), text()))
        assert (error.verdict, error.code) == (Verdict.ACTION, "bad_credentials")
        assert fake.log.calls == []

    def test_a_server_that_is_not_there_got_nothing(self, settings):
        settings.WHATSAPP_WAHA_URL = "http://127.0.0.1:9"
        error = refused(lambda: WAHA.send(link(), text()))
        assert (error.verdict, error.code) == (Verdict.RETRY, "gateway_unreachable")


class TestNumbers:
    """Whether a number has WhatsApp."""

    def test_it_says_whether_and_what_it_is_called_there(self, linked):
        assert WAHA.check_number(link(), NUMBER) == NumberCheck(exists=True, chat_id=CHAT)
        linked.lid = "86000111222333@lid"
        assert WAHA.check_number(link(), NUMBER).chat_id == "86000111222333@lid"
        assert WAHA.check_number(link(), "+15550120000") == NumberCheck(exists=False)

    @pytest.mark.parametrize("body", [b"", [], {}, {"numberExists": "true"}, {"numberExists": 1}])
    def test_an_answer_that_does_not_say_is_no_answer(self, linked, body):
        linked.tell("status", code=200, body=body)
        assert refused(lambda: WAHA.check_number(link(), NUMBER)).code == "gateway_nonsense"


class TestFiles:
    """Files of messages that came in."""

    @pytest.mark.parametrize("base", ["http://localhost:3000", "https://elsewhere.example/waha", "http://evil.example@x"])
    def test_one_is_fetched_from_the_known_server_whatever_it_calls_itself(self, linked, base):
        linked.files[f"{NAME}/false_{CHAT}_3EB0.jpeg"] = b"\xff\xd8picture"
        reference = f"{base}/api/files/{NAME}/false_15550123456%40c.us_3EB0.jpeg?x=1"
        assert WAHA.fetch(link(), reference, max_bytes=100) == b"\xff\xd8picture"

    @pytest.mark.parametrize(
        "reference",
        [
            "http://x/api/sessions",
            "http://x/api/atl_0002/chats",
            "http://x/api/files/atl_0002/false_1@c.us_3EB0.jpeg",
            f"http://x/api/files/{NAME}/../atl_0002/a.jpeg",
            f"http://x/api/files/{NAME}/%2e%2e",
            "http://x/api/files/..",
            f"http://x/api/files/{NAME}/a/b",
            f"http://x/api/files/{NAME}/a%0d%0aX: 1",
            "",
        ],
    )
    def test_nothing_else_of_the_server_can_be_read_through_it(self, linked, reference):
        calls = len(linked.log.calls)
        error = refused(lambda: WAHA.fetch(link(), reference, max_bytes=100))
        assert (error.verdict, error.code) == (Verdict.FAIL, "media_not_found")
        assert len(linked.log.calls) == calls

    def test_one_that_is_gone_is_not_asked_for_again(self, linked):
        assert refused(lambda: WAHA.fetch(link(), f"http://x/api/files/{NAME}/a.jpeg", max_bytes=100)).verdict == Verdict.FAIL

    def test_one_that_is_too_large_is_not_asked_for_again(self, linked):
        linked.files[f"{NAME}/a.jpeg"] = b"x" * 101
        error = refused(lambda: WAHA.fetch(link(), f"http://x/api/files/{NAME}/a.jpeg", max_bytes=100))
        assert (error.verdict, error.code) == (Verdict.FAIL, "gateway_answer_too_large")
