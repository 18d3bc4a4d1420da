"""Sending through the WAHA driver, and what is known of a message when it did not go well."""

import time

import pytest

from modules.whatsapp.choices import MessageType
from modules.whatsapp.gateways.base import Verdict
from modules.whatsapp.tests.fake_waha import FakeWaha, bytes_of
from modules.whatsapp.tests.fake_waha_contract import SHAPES
from modules.whatsapp.tests.fake_waha_kit import CHAT, NAME, WAHA, fake, link, linked, media, refused, text

__all__ = ["fake", "linked"]


class TestSending:
    """Texts and files."""

    @pytest.mark.parametrize("engine", sorted(SHAPES))
    def test_a_text_is_known_by_its_key_whatever_the_engine_answers(self, linked: FakeWaha, engine):
        linked.engine = engine
        receipt = WAHA.send(link(), text("hello\nwörld 👋"))
        [sent] = linked.sent
        assert (sent.kind, sent.recipient, sent.content, sent.session) == ("sendText", CHAT, "hello\nwörld 👋", NAME)
        assert (receipt.provider_id, receipt.chat_id) == (sent.id, CHAT)

    def test_it_goes_to_the_chat_that_is_known(self, linked):
        assert WAHA.send(link(), text(chat_id="86000111222333@lid")).chat_id == "86000111222333@lid"
        assert linked.sent[0].recipient == "86000111222333@lid"

    def test_a_reply_names_what_it_replies_to(self, linked):
        WAHA.send(link(), text(reply_to="3EB0A1B2C3D4"))
        assert linked.sent[0].reply_to == "3EB0A1B2C3D4"

    def test_the_same_id_twice_is_one_message(self, linked):
        message = text(client_message_id=WAHA.reserve_id(link()))
        first, second = WAHA.send(link(), message), WAHA.send(link(), message)
        assert first == second
        assert first.provider_id == message.client_message_id
        assert [one.times for one in linked.sent] == [2]

    def test_ids_are_asked_for_one_by_one(self, linked):
        assert WAHA.reserve_id(link()) != WAHA.reserve_id(link())

    @pytest.mark.parametrize("body", [b"<html>", {}, {"id": 7}])
    def test_an_answer_without_an_id_is_asked_for_again(self, linked, body):
        linked.tell("status", code=200, body=body, path="/new-message-id")
        error = refused(lambda: WAHA.reserve_id(link()))
        assert (error.verdict, error.code) == (Verdict.RETRY, "gateway_nonsense")

    def test_an_engine_without_ids_gives_none_and_still_sends(self, linked):
        linked.makes_ids = False
        assert WAHA.reserve_id(link()) == ""
        assert WAHA.send(link(), text()).provider_id == linked.sent[0].id

    @pytest.mark.parametrize(
        ("kind", "mime_type", "path"),
        [
            (MessageType.IMAGE, "image/jpeg", "sendImage"),
            (MessageType.VIDEO, "video/mp4", "sendVideo"),
            (MessageType.AUDIO, "audio/ogg", "sendVoice"),
            (MessageType.DOCUMENT, "application/pdf", "sendFile"),
        ],
    )
    def test_a_file_goes_out_as_bytes_with_its_caption(self, linked, kind, mime_type, path):
        WAHA.send(link(), media(kind, mime_type))
        [sent] = linked.sent
        assert (sent.kind, bytes_of(sent)) == (path, b"\x00\xffbytes")
        assert (sent.file["mimetype"], sent.file["filename"]) == (mime_type, "näme.bin")
        assert sent.content == ("" if kind == MessageType.AUDIO else "look")

    @pytest.mark.parametrize(("mime_type", "converted"), [("audio/mpeg", True), ("audio/ogg; codecs=opus", False)])
    def test_a_sound_that_phones_do_not_play_is_converted(self, linked, mime_type, converted):
        WAHA.send(link(), media(MessageType.AUDIO, mime_type))
        assert linked.log.calls[-1].json.get("convert", False) == converted


class TestRefusals:
    """What an answer says of a message that was not taken."""

    ECHO = {
        "statusCode": 500,
        "exception": {"message": "SECRET"},
        "request": {"path": "/api/sendText", "body": {"text": "SECRET"}},
    }

    @pytest.mark.parametrize(
        ("status", "body", "verdict", "code"),
        [
            (
                400,
                {"statusCode": 400, "message": ["SECRET must be a string"], "error": "Bad Request"},
                Verdict.FAIL,
                "rejected_by_gateway",
            ),
            (413, None, Verdict.FAIL, "rejected_by_gateway"),
            (401, {"message": "SECRET"}, Verdict.ACTION, "gateway_unauthorized"),
            (403, None, Verdict.ACTION, "gateway_unauthorized"),
            (301, None, Verdict.ACTION, "gateway_moved"),
            (404, {"statusCode": 404, "message": "Session not found"}, Verdict.RETRY, "session_not_ready"),
            (422, {"error": "SECRET", "status": "STARTING", "expected": ["WORKING"]}, Verdict.RETRY, "session_not_ready"),
            (422, {"statusCode": 422, "message": "Available only in Plus version."}, Verdict.FAIL, "not_supported_by_engine"),
            (422, {"statusCode": 422, "message": ["odd"]}, Verdict.RETRY, "session_not_ready"),
            (429, None, Verdict.RETRY, "gateway_rate_limited"),
            (500, ECHO, Verdict.AMBIGUOUS, "gateway_error"),
            (502, b"<html>SECRET</html>", Verdict.AMBIGUOUS, "gateway_error"),
            (503, None, Verdict.AMBIGUOUS, "gateway_error"),
            (501, {"statusCode": 501, "message": "SECRET"}, Verdict.FAIL, "not_supported_by_engine"),
        ],
    )
    def test_each_status_has_its_outcome_and_its_body_is_never_shown(self, linked, status, body, verdict, code):
        linked.tell("status", code=status, body=body, path="/sendText")
        error = refused(lambda: WAHA.send(link(), text("SECRET")))
        assert (error.verdict, error.code) == (verdict, code)
        assert linked.sent == []

    @pytest.mark.parametrize("status", [500, 502])
    def test_a_failure_of_what_sends_nothing_is_tried_again(self, linked, status):
        linked.tell("status", times=2, code=status, body=self.ECHO)
        assert refused(lambda: WAHA.status(link())).verdict == Verdict.RETRY
        assert refused(lambda: WAHA.reserve_id(link())).verdict == Verdict.RETRY

    @pytest.mark.parametrize(("given", "waits"), [("30", 30.0), ("999999", 3600.0), ("soon", None), ("-1", None), ("", None)])
    def test_the_wait_it_asks_for_is_kept(self, linked, given, waits):
        linked.tell("status", code=429, headers={"Retry-After": given}, path="/sendText")
        assert refused(lambda: WAHA.send(link(), text())).retry_after == waits

    def test_a_session_that_is_not_connected_sends_nothing(self, linked):
        linked.become(NAME, "SCAN_QR_CODE", tell=False)
        error = refused(lambda: WAHA.send(link(), text()))
        assert (error.verdict, error.code) == (Verdict.RETRY, "session_not_ready")

    def test_nor_does_one_that_the_server_does_not_know(self, fake):
        assert refused(lambda: WAHA.send(link(), text())).verdict == Verdict.RETRY


class TestLostAnswers:
    """What may have been sent is said to be so, and can be asked for again under its id."""

    @pytest.mark.parametrize(
        ("behaviour", "code"),
        [
            ("drop_after_accept", "gateway_unreachable"),
            ("wrong_body", "gateway_nonsense"),
            ("truncated", "gateway_nonsense"),
            ("slow", "gateway_timed_out"),
        ],
    )
    def test_a_message_whose_answer_was_lost_is_sent_once_all_the_same(self, linked, settings, behaviour, code):
        message = text(client_message_id=WAHA.reserve_id(link()))
        settings.WHATSAPP_TIMEOUT_SECONDS = 0.6
        linked.tell(behaviour, path="/sendText", seconds=30)
        error = refused(lambda: WAHA.send(link(), message))
        assert (error.verdict, error.code) == (Verdict.AMBIGUOUS, code)
        settings.WHATSAPP_TIMEOUT_SECONDS = 10.0
        assert WAHA.send(link(), message).provider_id == message.client_message_id
        assert [one.times for one in linked.sent] == [2]

    @pytest.mark.parametrize(("behaviour", "code"), [("drop_before", "gateway_unreachable"), ("hang", "gateway_timed_out")])
    def test_a_connection_that_broke_may_have_sent_it(self, linked, settings, behaviour, code):
        settings.WHATSAPP_TIMEOUT_SECONDS = 0.3
        linked.tell(behaviour, path="/sendText")
        error = refused(lambda: WAHA.send(link(), text()))
        assert (error.verdict, error.code) == (Verdict.AMBIGUOUS, code)

    @pytest.mark.parametrize(
        "body", [b"", b"null", [], {}, {"id": None}, {"id": ""}, {"id": "x" * 129}, {"id": "\x00"}, {"id": {"id": 7}}]
    )
    def test_an_answer_without_an_id_leaves_it_open(self, linked, body):
        linked.tell("status", code=201, body=body, path="/sendText")
        error = refused(lambda: WAHA.send(link(), text()))
        assert (error.verdict, error.code) == (Verdict.AMBIGUOUS, "gateway_nonsense")

    def test_an_answer_that_is_too_large_leaves_it_open(self, linked, settings):
        settings.OUTGOING_MAX_RESPONSE_BYTES = 1000
        linked.tell("status", code=201, body=b"x" * 2000, path="/sendText")
        error = refused(lambda: WAHA.send(link(), text()))
        assert (error.verdict, error.code) == (Verdict.AMBIGUOUS, "gateway_answer_too_large")

    def test_only_a_send_of_a_file_waits_as_long_as_files_take(self, linked, settings):
        settings.WHATSAPP_TIMEOUT_SECONDS = 0.3
        linked.tell("slow", path="/sendImage", seconds=0.6)
        assert WAHA.send(link(), media(MessageType.IMAGE, "image/png")).provider_id == linked.sent[0].id

    def test_nothing_that_asks_waits_longer_than_a_send(self, linked, settings):
        settings.WHATSAPP_TIMEOUT_SECONDS = 0.3
        linked.tell("hang", times=3)
        began = time.monotonic()
        for ask in (WAHA.status, WAHA.reserve_id, WAHA.start):
            assert refused(lambda ask=ask: ask(link())).code == "gateway_timed_out"
        assert time.monotonic() - began < 3
