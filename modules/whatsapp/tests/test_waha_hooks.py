"""What a WAHA server tells us: signed, and in every engine's shape."""

import json
from datetime import UTC, datetime

import pytest

from modules.whatsapp.choices import MessageStatus, MessageType
from modules.whatsapp.gateways.base import Acknowledgement, BadHook, Incoming, IncomingFile, SessionNews
from modules.whatsapp.gateways.waha_hooks import key_of
from modules.whatsapp.tests import fake_waha_hooks as hooks
from modules.whatsapp.tests.fake_waha_kit import CHAT, KEY, WAHA, told

VECTOR = b'{"event":"message","session":"default","engine":"WEBJS"}'
VECTOR_HMAC = (
    "208f8a55dde9e05519e898b10b89bf0d0b3b0fdf11fdbf09b6b90476301b98d8"
    "097c462b2b17a6ce93b6b47a136cf2e78a33a63f6752c2c1631777076153fa89"
)


def signed(key: str, body: bytes) -> dict[str, str]:
    """A call's headers as a driver gets them."""
    return {name.lower(): value for name, value in hooks.sign(key, body).items()}


class TestSignature:
    """Calls are signed over the raw body."""

    def test_the_documented_vector_is_accepted(self, settings):
        settings.WHATSAPP_WAHA_HMAC_KEY = "my-secret-key"
        assert hooks.sign("my-secret-key", VECTOR)["X-Webhook-Hmac"].startswith("208f8a55dde9e055")
        WAHA.verify_hook({}, {"x-webhook-hmac": VECTOR_HMAC, "x-webhook-hmac-algorithm": "sha512"}, VECTOR)
        WAHA.verify_hook({}, {"x-webhook-hmac": VECTOR_HMAC.upper()}, VECTOR)

    def test_a_sessions_own_key_goes_before_the_operators(self, settings):
        settings.WHATSAPP_WAHA_HMAC_KEY = "the operator's"
        WAHA.verify_hook({"hmac_key": "own"}, signed("own", b"{}"), b"{}")
        with pytest.raises(BadHook):
            WAHA.verify_hook({"hmac_key": "own"}, signed("the operator's", b"{}"), b"{}")

    def test_the_operators_key_signs_nothing_for_a_server_of_the_sessions_own(self, settings):
        settings.WHATSAPP_WAHA_HMAC_KEY = "the operator's"
        with pytest.raises(BadHook):
            WAHA.verify_hook({"url": "https://waha.example"}, signed("the operator's", b"{}"), b"{}")

    @pytest.mark.parametrize(
        "change",
        [
            {"x-webhook-hmac": ""},
            {"x-webhook-hmac": "00" * 64},
            {"x-webhook-hmac": VECTOR_HMAC[:-1]},
            {"x-webhook-hmac": "é" * 128},
            {"x-webhook-hmac-algorithm": "sha256"},
            {"x-webhook-hmac-algorithm": ""},
        ],
    )
    def test_any_other_signature_is_refused(self, settings, change):
        settings.WHATSAPP_WAHA_HMAC_KEY = "my-secret-key"
        with pytest.raises(BadHook):
            WAHA.verify_hook({}, {**signed("my-secret-key", VECTOR), **change}, VECTOR)

    def test_a_changed_body_is_refused(self, settings):
        settings.WHATSAPP_WAHA_HMAC_KEY = "my-secret-key"
        with pytest.raises(BadHook):
            WAHA.verify_hook({}, signed("my-secret-key", VECTOR), VECTOR + b" ")

    def test_without_a_key_nothing_is_accepted(self, settings):
        settings.WHATSAPP_WAHA_HMAC_KEY = ""
        with pytest.raises(BadHook):
            WAHA.verify_hook({}, signed("", b"{}"), b"{}")


class TestKeys:
    """A message is known by the KEY in whatever an engine calls it."""

    @pytest.mark.parametrize(
        "shape",
        [
            KEY,
            f"true_{CHAT}_{KEY}",
            f"false_{CHAT}_{KEY}",
            f"true_86000111222333@lid_{KEY}",
            f"true_15550123456:12@s.whatsapp.net_{KEY}",
            f"false_120363040000000000@g.us_{KEY}_{CHAT}",
            f"false_120363040000000000@g.us_{KEY}_86000111222333@lid",
            {"id": KEY},
            {"id": f"true_{CHAT}_{KEY}"},
            {"id": {"_serialized": f"true_{CHAT}_{KEY}", "id": "another"}},
            {"id": {"id": KEY, "fromMe": True}},
            {"id": {"_serialized": "", "id": KEY}},
            {"id": None, "key": {"id": KEY}},
            {"key": {"id": KEY, "remoteJid": "15550123456@s.whatsapp.net"}},
        ],
    )
    def test_every_engines_shape_holds_it(self, shape):
        assert key_of(shape) == KEY

    @pytest.mark.parametrize(
        "shape", [None, 7, [], {}, {"id": 7}, {"id": []}, {"key": KEY}, "", "x" * 129, "\x00", "kéy", "a\nb"]
    )
    def test_what_holds_none_has_none(self, shape):
        assert key_of(shape) == ""


class TestAcknowledgements:
    """message.ack."""

    @pytest.mark.parametrize(
        ("kind", "status"),
        [
            ("sent", MessageStatus.SENT),
            ("delivered", MessageStatus.DELIVERED),
            ("read", MessageStatus.READ),
            ("played", MessageStatus.READ),
            ("error", MessageStatus.FAILED),
        ],
    )
    @pytest.mark.parametrize("chat", [CHAT, "86000111222333@lid"])
    def test_each_says_what_became_of_the_message_of_its_key(self, kind, status, chat):
        [word] = told("message.ack", hooks.ack(KEY, chat, kind), timestamp=1_763_744_400_123)
        assert isinstance(word, Acknowledgement)
        assert (word.status, word.provider_id, word.client_message_id) == (status, KEY, KEY)
        assert word.at == datetime(2025, 11, 21, 17, 0, 0, 123000, UTC)
        assert bool(word.error_code) == (status == MessageStatus.FAILED)

    @pytest.mark.parametrize("more", [{"ack": 0}, {"ack": 9}, {"ack": None}, {"fromMe": False}])
    def test_what_says_nothing_of_ours_is_dropped(self, more):
        assert told("message.ack", {**hooks.ack(KEY, CHAT, "read"), **more}) == []

    @pytest.mark.parametrize("inner_id", [None, "", 7, {}, "x" * 200])
    def test_one_of_no_message_is_refused_for_it_would_fit_any(self, inner_id):
        with pytest.raises(BadHook):
            told("message.ack", {**hooks.ack(KEY, CHAT, "read"), "id": inner_id})

    @pytest.mark.parametrize("at", [None, 0, -5, 10**30, 9_999_999_999_999])
    def test_a_clock_out_of_its_mind_tells_no_time(self, at):
        [word] = told("message.ack", hooks.ack(KEY, CHAT, "read"), timestamp=at)
        assert word.at is None


class TestMessages:
    """message."""

    def test_a_text_has_its_sender_time_and_content(self):
        [word] = told("message", hooks.message(CHAT, "hello\x00 you", key=KEY, at=1_763_744_400))
        assert word == Incoming(
            provider_id=KEY,
            sender="+15550123456",
            kind=MessageType.TEXT,
            content="hello you",
            at=datetime(2025, 11, 21, 17, tzinfo=UTC),
            chat_id=CHAT,
        )

    def test_a_reply_names_what_it_replies_to(self):
        [word] = told("message", hooks.message(CHAT, "yes", replyTo={"id": KEY, "body": "Tomorrow?"}))
        assert word.reply_to == KEY

    def test_a_chat_with_a_device_in_it_is_the_persons(self):
        [word] = told("message", hooks.message("15550123456:17@s.whatsapp.net", "hello"))
        assert (word.sender, word.chat_id) == ("+15550123456", CHAT)

    def test_somebody_whose_number_is_hidden_is_known_by_the_lid(self):
        [word] = told("message", hooks.message("86000111222333@lid", "hello"))
        assert word.sender == word.chat_id == "86000111222333@lid"

    @pytest.mark.parametrize(
        ("mime_type", "kind"),
        [
            ("image/jpeg", MessageType.IMAGE),
            ("video/mp4", MessageType.VIDEO),
            ("audio/ogg; codecs=opus", MessageType.AUDIO),
            ("application/pdf", MessageType.DOCUMENT),
            (None, MessageType.DOCUMENT),
        ],
    )
    def test_a_file_is_of_the_kind_its_type_says(self, mime_type, kind):
        media = {"url": "http://waha:3000/api/files/atl_1/x", "mimetype": mime_type, "filename": None}
        [word] = told("message", hooks.message(CHAT, None, hasMedia=True, media=media))
        assert (word.kind, word.content) == (kind, "")
        assert word.file == IncomingFile(media["url"], mime_type or "", "")

    @pytest.mark.parametrize("url", [None, "", "http://waha/" + "x" * 1000])
    def test_a_file_that_the_server_could_not_keep_is_still_a_message(self, url):
        media = {"url": url, "mimetype": "image/png", "filename": "a.png"}
        [word] = told("message", hooks.message(CHAT, "look", hasMedia=True, media=media))
        assert (word.kind, word.content, word.file) == (MessageType.IMAGE, "look", None)

    def test_what_is_neither_text_nor_file_is_something_else(self):
        [word] = told("message", hooks.message(CHAT, ""))
        assert word.kind == MessageType.OTHER

    @pytest.mark.parametrize(
        "chat",
        ["120363040000000000@g.us", "status@broadcast", "1234@newsletter", "", "x@c.us", "٣٣٣٣٣٣@c.us", "1" * 16 + "@c.us"],
    )
    def test_groups_stories_and_whoever_is_no_person_are_dropped(self, chat):
        assert told("message", hooks.message(chat, "hello")) == []

    def test_ones_own_are_dropped(self):
        assert told("message", hooks.message(CHAT, "hello", fromMe=True)) == []

    def test_nothing_is_kept_but_what_is_read(self):
        [part] = WAHA.split_hook(
            hooks.envelope("message", "atl_1", hooks.message(CHAT, "hello", _data={"secret": "x" * 100_000}))
        )
        assert "secret" not in json.dumps(part.payload)


class TestOthers:
    """Changes of a session, and what was not asked for."""

    def test_a_change_of_state_is_news(self):
        assert told("session.status", {"status": "WORKING"}) == [SessionNews()]

    def test_its_event_id_is_what_it_is_known_by(self):
        [part] = WAHA.split_hook(hooks.envelope("session.status", "atl_1", {}, event_id="evt_1"))
        assert (part.event_id, part.routing_id) == ("evt_1", "")

    def test_other_events_are_dropped(self):
        assert WAHA.split_hook(hooks.envelope("presence.update", "atl_1", {"id": 7})) == []
