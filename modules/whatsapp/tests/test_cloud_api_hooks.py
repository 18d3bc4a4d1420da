"""What Meta calls us with: signatures, many things in one call, and what each says."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from modules.whatsapp.choices import MessageStatus, MessageType
from modules.whatsapp.gateways.base import Acknowledgement, BadHook, Incoming, IncomingFile
from modules.whatsapp.gateways.cloud_api import CloudAPI, verify_token
from modules.whatsapp.tests.fake_cloud_hooks import envelope, failure, message, sign, status, value

DRIVER = CloudAPI()
AT = 1_763_744_400
MOMENT = datetime.fromtimestamp(AT, UTC)
ONE, TWO, SENDER = "106540352242922", "206540352242922", "393331234567"
# RFC 4231's second test case, and a body whose characters are escaped as Meta escapes them.
VECTORS = [
    ("Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ("key", b"The quick brown fox jumps over the lazy dog", "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"),
]


def read(payload):
    """What all of a call says."""
    return [word for part in DRIVER.split_hook(payload) for word in DRIVER.read(part.payload)]


def told(kind="text", **content):
    """What one message that came in is read as."""
    (word,) = read(envelope(value(ONE, messages=[message(SENDER, kind, message_id="wamid.IN", at=AT, **content)], name="Kim")))
    assert isinstance(word, Incoming)
    return word


@pytest.mark.parametrize(("secret", "body", "digest"), VECTORS)
def test_the_signature_is_that_of_the_published_vectors(secret, body, digest):
    DRIVER.verify_hook({"app_secret": secret}, {"x-hub-signature-256": f"sha256={digest}"}, body)
    DRIVER.verify_hook({"app_secret": secret}, {"x-hub-signature-256": f"sha256={digest.upper()}"}, body)
    assert sign(secret, body) == f"sha256={digest}"


def test_the_raw_bytes_are_signed_and_not_what_they_mean():
    body = json.dumps({"text": "Grüße"}).encode()
    headers = {"x-hub-signature-256": sign("secret", body)}
    DRIVER.verify_hook({"app_secret": "secret"}, headers, body)
    with pytest.raises(BadHook):
        DRIVER.verify_hook({"app_secret": "secret"}, headers, json.dumps({"text": "Grüße"}, ensure_ascii=False).encode())


GOOD = hmac.new(b"secret", b"body", hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    "given",
    [
        "",
        GOOD,
        f"sha1={GOOD}",
        f"SHA256={GOOD}",
        f"sha256={GOOD[:-1]}",
        f"sha256={GOOD}0",
        f"sha256= {GOOD}",
        f"sha256={'0' * 64}",
        "sha256=",
        "sha256=é",
        f"sha256={GOOD[:-1]}é",
        "sha256=" + hmac.new(b"secret", b"body", hashlib.sha512).hexdigest(),
        "sha256=" + hmac.new(b"", b"body", hashlib.sha256).hexdigest(),
    ],
)
def test_a_call_whose_signature_is_not_exactly_right_is_refused(given):
    with pytest.raises(BadHook):
        DRIVER.verify_hook({"app_secret": "secret"}, {"x-hub-signature-256": given}, b"body")


def test_a_call_without_a_signature_is_refused():
    with pytest.raises(BadHook):
        DRIVER.verify_hook({"app_secret": "secret"}, {}, b"body")


def test_nothing_is_taken_where_no_secret_is_known(settings):
    settings.WHATSAPP_CLOUD_API_APP_SECRET = ""
    for secrets in ({}, {"app_secret": ""}):
        with pytest.raises(BadHook):
            DRIVER.verify_hook(secrets, {"x-hub-signature-256": sign("", b"body")}, b"body")


def test_a_sessions_own_secret_goes_before_the_operators(settings):
    settings.WHATSAPP_CLOUD_API_APP_SECRET, settings.WHATSAPP_CLOUD_API_VERIFY_TOKEN = "operator", "operator-token"
    DRIVER.verify_hook({}, {"x-hub-signature-256": sign("operator", b"body")}, b"body")
    DRIVER.verify_hook({"app_secret": "own"}, {"x-hub-signature-256": sign("own", b"body")}, b"body")
    with pytest.raises(BadHook):
        DRIVER.verify_hook({"app_secret": "own"}, {"x-hub-signature-256": sign("operator", b"body")}, b"body")
    assert (verify_token({}), verify_token({"verify_token": "own"})) == ("operator-token", "own")


def test_a_call_of_many_entries_is_split_into_its_parts_each_for_its_number():
    calls = envelope(
        value(ONE, statuses=[status("wamid.A", "sent", recipient=SENDER), status("wamid.A", "read", recipient=SENDER)]),
        value(TWO, messages=[message(SENDER, message_id="wamid.B", body="Hi")], name="Kim"),
        value(ONE, messages=[message("15550001111", message_id="wamid.C", body="Yo")], name="Lou"),
    )
    calls["entry"][0]["changes"] += calls["entry"].pop()["changes"]
    parts = DRIVER.split_hook(calls)
    assert [(part.event_id, part.routing_id) for part in parts] == [
        ("wamid.A:sent", ONE),
        ("wamid.A:read", ONE),
        ("wamid.C", ONE),
        ("wamid.B", TWO),
    ]
    assert [word.name for word in read(calls) if isinstance(word, Incoming)] == ["Lou", "Kim"]


def test_statuses_and_messages_in_one_change_are_both_read():
    both = value(ONE, statuses=[status("wamid.A", "sent", recipient=SENDER)], messages=[message(SENDER, body="Hi")])
    assert [type(word) for word in read(envelope(both))] == [Acknowledgement, Incoming]


def test_every_sender_in_a_call_keeps_the_own_name():
    several = value(ONE, messages=[message(number, body="Hi") for number in (SENDER, "15550001111", "4915112345678")])
    several["contacts"] = [{"wa_id": SENDER, "profile": {"name": "Kim"}}, {"wa_id": "4915112345678", "profile": {"name": "Lou"}}]
    assert [word.name for word in read(envelope(several))] == ["Kim", "", "Lou"]


def test_the_same_call_twice_has_the_same_ids_and_each_status_its_own():
    first, again = (
        DRIVER.split_hook(envelope(value(ONE, statuses=[status("wamid.A", kind, recipient=SENDER, at=at) for kind in kinds])))
        for kinds, at in ((("sent", "delivered", "read"), AT), (("read", "sent", "delivered"), AT))
    )
    assert {part.event_id for part in first} == {part.event_id for part in again}
    assert len({part.event_id for part in first}) == 3


def test_a_long_id_still_has_an_event_id_for_each_status():
    told_of = [status("wamid." + "x" * 122, kind, recipient=SENDER) for kind in ("sent", "delivered", "read", "failed")]
    ids = {part.event_id for part in DRIVER.split_hook(envelope(value(ONE, statuses=told_of)))}
    assert len(ids) == 4
    assert max(map(len, ids)) <= 128


def test_our_own_id_comes_back_with_each_status():
    ours = uuid4()
    kinds = ("sent", "delivered", "read", "failed")
    statuses = [status("wamid.A", kind, recipient=SENDER, at=AT, biz_opaque_callback_data=str(ours)) for kind in kinds]
    assert [word.message_id for word in read(envelope(value(ONE, statuses=statuses)))] == [ours] * 4


@pytest.mark.parametrize("data", ["", "an id of somebody else", "0" * 31, None, 7, ["019a4c5e-7b1a-7c3e-9f00-3d2b8a6f5e11"]])
def test_a_status_with_data_that_is_not_ours_is_found_by_metas_id(data):
    (word,) = read(envelope(value(ONE, statuses=[status("wamid.A", "sent", recipient=SENDER, biz_opaque_callback_data=data)])))
    assert (word.provider_id, word.message_id) == ("wamid.A", None)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("sent", MessageStatus.SENT),
        ("delivered", MessageStatus.DELIVERED),
        ("read", MessageStatus.READ),
        ("played", MessageStatus.READ),
        ("failed", MessageStatus.FAILED),
    ],
)
def test_a_status_says_what_became_of_a_message_and_when(kind, expected):
    (word,) = read(envelope(value(ONE, statuses=[status("wamid.A", kind, recipient=SENDER, at=AT)])))
    assert (word.status, word.at, word.provider_id) == (expected, MOMENT, "wamid.A")


def test_delivered_may_be_skipped_and_the_order_be_any():
    kinds = ("read", "sent")
    statuses = [status("wamid.A", kind, recipient=SENDER, at=AT + place) for place, kind in enumerate(kinds)]
    assert [word.status for word in read(envelope(value(ONE, statuses=statuses)))] == [MessageStatus.READ, MessageStatus.SENT]


def test_a_failed_status_says_why():
    broken = status("wamid.A", "failed", recipient=SENDER, errors=[failure(131047, "Re-engagement message"), failure(131026)])
    (word,) = read(envelope(value(ONE, statuses=[broken])))
    assert word.error_code == "conversation_window_closed"
    assert "template" in word.error_message


@pytest.mark.parametrize(
    "errors", [None, [], {}, "131047", [None], ["131047"], [[]], [{}], [{"code": "131047"}], [{"code": True}]]
)
def test_a_failed_status_whose_errors_make_no_sense_is_still_failed(errors):
    (word,) = read(envelope(value(ONE, statuses=[status("wamid.A", "failed", recipient=SENDER, errors=errors)])))
    assert (word.status, word.error_code) == (MessageStatus.FAILED, "rejected_by_whatsapp")


def test_only_a_failed_status_has_an_error():
    (word,) = read(envelope(value(ONE, statuses=[status("wamid.A", "sent", recipient=SENDER, errors=[failure(131047)])])))
    assert (word.error_code, word.error_message) == ("", "")


@pytest.mark.parametrize("kind", ["deleted", "warning", "accepted", "something new"])
def test_a_status_we_do_not_know_says_nothing(kind):
    assert read(envelope(value(ONE, statuses=[status("wamid.A", kind, recipient=SENDER)]))) == []


def test_a_text_that_came_in_is_read_with_its_sender():
    word = told(body="Ciao", context={"from": "15550783881", "id": "wamid.OUT"})
    assert word == Incoming(
        "wamid.IN", f"+{SENDER}", MessageType.TEXT, "Ciao", MOMENT, chat_id=SENDER, name="Kim", reply_to="wamid.OUT"
    )


@pytest.mark.parametrize("kind", ["image", "video", "audio", "document"])
def test_a_file_that_came_in_is_named_and_can_be_fetched(kind):
    word = told(kind, id="4711", mime_type="application/x", sha256="x", caption="Look", filename="a.pdf")
    assert (word.kind, word.content, word.file) == (kind, "Look", IncomingFile("4711", "application/x", "a.pdf"))


@pytest.mark.parametrize("reference", [None, "", 4711, "..", "../../me", "x" * 129, {"id": "4711"}])
def test_a_file_whose_id_is_none_is_no_file_but_the_message_counts(reference):
    word = told("image", id=reference, caption="Look")
    assert (word.kind, word.content, word.file) == (MessageType.IMAGE, "Look", None)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("button", {"text": "Stop", "payload": "stop"}),
        ("interactive", {"type": "button_reply", "button_reply": {"id": "1", "title": "Stop"}}),
        ("interactive", {"type": "list_reply", "list_reply": {"id": "1", "title": "Stop", "description": "x"}}),
    ],
)
def test_a_button_that_was_pressed_says_what_stood_on_it(kind, content):
    word = told(kind, **content)
    assert (word.kind, word.content) == (MessageType.TEXT, "Stop")


@pytest.mark.parametrize("kind", ["location", "contacts", "reaction", "sticker", "unsupported", "order", "something new"])
def test_what_we_have_no_word_for_still_came_in(kind):
    assert told(kind, x=1).kind == MessageType.OTHER


@pytest.mark.parametrize("at", ["", "soon", None, [], {}, "1e9", 1e400, float("nan"), 10**30, "9" * 5000, -(10**15)])
def test_a_time_that_makes_no_sense_is_no_time(at):
    odd = {**status("wamid.A", "sent", recipient=SENDER), "timestamp": at}
    (word,) = read(envelope(value(ONE, statuses=[odd])))
    assert word.at is None


@pytest.mark.parametrize("sender", ["US.13491208655302741918", "٣٩٣٣٣", "0039333", "1" * 16, "1234"])
def test_a_sender_without_a_number_is_called_by_its_id(sender):
    (word,) = read(envelope(value(ONE, messages=[message(sender, body="Hi")])))
    assert (word.sender, word.chat_id) == (sender, sender)


def test_changes_of_other_things_are_passed_over():
    other = {"id": "1", "changes": [{"field": "message_template_status_update", "value": {"event": "APPROVED"}}]}
    assert DRIVER.split_hook({"object": "whatsapp_business_account", "entry": [other]}) == []
    assert DRIVER.split_hook(envelope({"messaging_product": "whatsapp", "metadata": {"phone_number_id": ONE}})) == []
