"""The Cloud API's driver against a strict fake: what it sends, and what it makes of what goes wrong."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from modules.whatsapp.choices import MessageType, SessionStatus
from modules.whatsapp.gateways.base import Attachment, GatewayError, Standing, Verdict
from modules.whatsapp.gateways.cloud_api import CloudAPI
from modules.whatsapp.tests.fake_cloud_api import NUMBER_ID, TOKEN, FakeCloudAPI, error
from modules.whatsapp.tests.fake_cloud_fixtures import PDF, link, outgoing, serving

DRIVER = CloudAPI()


@pytest.fixture
def cloud(settings) -> Iterator[FakeCloudAPI]:
    yield from serving(settings)


def failure(*args, **kwargs) -> GatewayError:
    """How sending fails."""
    with pytest.raises(GatewayError) as caught:
        DRIVER.send(*args, **kwargs)
    return caught.value


def test_a_text_is_sent_with_our_id_and_the_answer_names_it(cloud):
    message = outgoing("Ciao 👋\nriga due")
    receipt = DRIVER.send(link(), message)
    (sent,) = cloud.sent
    assert (receipt.provider_id, sent.recipient, sent.kind, sent.content) == (
        sent.id,
        "393331234567",
        "text",
        "Ciao 👋\nriga due",
    )
    assert sent.data == str(message.id)
    assert sent.inner == {"body": "Ciao 👋\nriga due", "preview_url": False}


def test_a_reply_names_the_message_it_answers(cloud):
    DRIVER.send(link(), outgoing(reply_to="wamid.ABC"))
    assert cloud.sent[0].reply_to == "wamid.ABC"


def test_a_template_is_sent_with_its_parameters(cloud):
    template = {"name": "order_ready", "language": "de_DE", "parameters": ["Ada", "42"]}
    DRIVER.send(link(), outgoing("", MessageType.TEMPLATE, template=template))
    parameters = [{"type": "text", "text": "Ada"}, {"type": "text", "text": "42"}]
    components = [{"type": "body", "parameters": parameters}]
    assert cloud.sent[0].inner == {"name": "order_ready", "language": {"code": "de_DE"}, "components": components}


@pytest.mark.parametrize("more", [{}, {"parameters": []}])
def test_a_template_without_parameters_has_no_components(cloud, more):
    DRIVER.send(link(), outgoing("", MessageType.TEMPLATE, template={"name": "hello_world", "language": "en", **more}))
    assert cloud.sent[0].inner == {"name": "hello_world", "language": {"code": "en"}}


@pytest.mark.parametrize(
    ("kind", "mime_type", "told"),
    [
        (MessageType.IMAGE, "image/png", {"caption"}),
        (MessageType.VIDEO, "video/mp4", {"caption"}),
        (MessageType.AUDIO, "audio/ogg", set()),
        (MessageType.DOCUMENT, "application/pdf", {"caption", "filename"}),
    ],
)
def test_a_file_is_uploaded_first_and_sent_by_its_id(cloud, kind, mime_type, told):
    content = os.urandom(100_000) + b"\r\n--\r\n"
    DRIVER.send(link(), outgoing("Look", kind, attachment=Attachment(content, mime_type, "a b.bin")))
    assert cloud.calls == [f"POST /{NUMBER_ID}/media", f"POST /{NUMBER_ID}/messages"]
    (sent,), ((media_id, file),) = cloud.sent, cloud.files.items()
    assert (file.content, file.mime_type, file.filename) == (content, mime_type, "a b.bin")
    assert set(sent.inner) == {"id"} | told
    assert sent.inner["id"] == media_id


def test_a_file_without_caption_and_name_is_sent_without_them(cloud):
    DRIVER.send(link(), outgoing("", MessageType.DOCUMENT, attachment=replace(PDF, filename="")))
    assert set(cloud.sent[0].inner) == {"id"}


def test_a_name_in_any_letters_reaches_the_recipient(cloud):
    DRIVER.send(link(), outgoing("", MessageType.DOCUMENT, attachment=replace(PDF, filename='Prüfung "1".pdf')))
    assert cloud.sent[0].inner["filename"] == 'Prüfung "1".pdf'


@pytest.mark.parametrize("kind", [MessageType.IMAGE, MessageType.TEMPLATE])
def test_a_message_whose_content_is_gone_fails_and_calls_nobody(cloud, kind):
    assert failure(link(), outgoing("", kind)).verdict == Verdict.FAIL
    assert cloud.calls == []


@pytest.mark.parametrize("behaviour", ["drop_after_accept", "wrong_body", "truncated"])
def test_a_message_whose_answer_was_lost_may_have_been_sent(cloud, behaviour):
    cloud.tell(behaviour)
    assert failure(link(), outgoing()).verdict == Verdict.AMBIGUOUS
    assert len(cloud.sent) == 1


@pytest.mark.parametrize("behaviour", ["drop_before", "hang"])
def test_a_call_that_broke_off_is_not_told_from_one_that_was_done(cloud, settings, behaviour):
    settings.WHATSAPP_TIMEOUT_SECONDS = 0.3
    cloud.tell(behaviour)
    assert failure(link(), outgoing()).verdict == Verdict.AMBIGUOUS
    assert cloud.sent == []


def test_an_answer_that_takes_too_long_is_waited_for_no_longer_and_may_have_been_sent(cloud, settings):
    settings.WHATSAPP_TIMEOUT_SECONDS = 0.3
    cloud.tell("slow", seconds=3)
    started = time.monotonic()
    assert failure(link(), outgoing()).code == "gateway_timed_out"
    assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    "body", [[], {}, {"messages": []}, {"messages": [7]}, {"messages": [{"id": 7}]}, {"messages": {"id": "x"}}]
)
def test_an_answer_that_names_no_message_may_have_sent_it(cloud, body):
    cloud.tell("status", code=200, body=body)
    assert failure(link(), outgoing()).verdict == Verdict.AMBIGUOUS


def test_an_id_that_cannot_be_kept_is_no_id(cloud):
    cloud.tell("status", code=200, body={"messages": [{"id": "wamid." + "x" * 123}]})
    assert failure(link(), outgoing()).verdict == Verdict.AMBIGUOUS


def test_nothing_was_sent_where_nobody_listens(cloud, settings):
    settings.WHATSAPP_CLOUD_API_URL = "http://127.0.0.1:1/v23.0"
    assert failure(link(), outgoing()).verdict == Verdict.RETRY


@pytest.mark.parametrize("behaviour", ["drop_before", "drop_after_accept", "wrong_body", "truncated"])
def test_an_upload_that_broke_off_is_repeated_as_nobody_saw_it(cloud, behaviour):
    message = outgoing("", MessageType.DOCUMENT, attachment=PDF)
    cloud.tell(behaviour, path="/media")
    assert failure(link(), message).verdict == Verdict.RETRY
    assert cloud.sent == []
    DRIVER.send(link(), message)
    assert len(cloud.sent) == 1


def test_a_token_that_was_refused_asks_for_a_new_one(cloud):
    found = failure(link(access_token="another"), outgoing())
    assert (found.verdict, found.code) == (Verdict.ACTION, "token_expired")
    assert cloud.sent == []


@pytest.mark.parametrize("token", ["E’AJ", "EAAJ\r\nX-Injected: 1", "EAAJ\x00"])
def test_a_token_that_no_header_can_hold_asks_for_another_and_calls_nobody(cloud, token):
    assert failure(link(access_token=token), outgoing()).verdict == Verdict.ACTION
    assert DRIVER.status(link(access_token=token)).status == SessionStatus.ACTION_REQUIRED
    assert cloud.calls == []


def test_a_token_pasted_with_a_line_break_works(cloud):
    DRIVER.send(link(access_token=f" {TOKEN}\n"), outgoing())
    assert len(cloud.sent) == 1


@pytest.mark.parametrize("number_id", ["", "..", ".", "1/2", "1?x=", "1#", "%2e%2e", "١٢٣", "12\n", "1" * 65])
def test_a_number_id_leads_nowhere_but_to_a_number(cloud, number_id):
    found = failure(link(phone_number_id=number_id), outgoing())
    assert (found.verdict, found.code) == (Verdict.ACTION, "phone_number_id_malformed")
    assert DRIVER.status(link(phone_number_id=number_id)).status == SessionStatus.ACTION_REQUIRED
    assert cloud.calls == []


@pytest.mark.parametrize("ask", [DRIVER.start, DRIVER.status, DRIVER.restart])
def test_a_good_token_is_a_connected_session(cloud, ask):
    assert ask(link()) == Standing(SessionStatus.CONNECTED, phone_number="+15550783881", display_name="Atelier Test")


def test_a_token_that_is_refused_leaves_the_session_to_its_owner(cloud):
    standing = DRIVER.status(link(access_token="old"))
    assert (standing.status, standing.reason) == (SessionStatus.ACTION_REQUIRED, "token_expired")


def test_a_number_that_is_another_ones_leaves_the_session_to_its_owner(cloud):
    standing = DRIVER.status(link(phone_number_id="4711"))
    assert (standing.status, standing.reason) == (SessionStatus.ACTION_REQUIRED, "whatsapp_100")


def test_a_number_that_is_locked_leaves_the_session_to_its_owner(cloud):
    cloud.tell("status", code=403, body=error(131031))
    assert DRIVER.status(link()).reason == "account_locked"


@pytest.mark.parametrize(
    "told",
    [
        {"behaviour": "drop_before"},
        {"behaviour": "wrong_body"},
        {"behaviour": "truncated"},
        {"behaviour": "status", "code": 503},
        {"behaviour": "status", "code": 429},
        {"behaviour": "status", "code": 400, "body": error(4)},
        {"behaviour": "status", "code": 200, "body": {"display_phone_number": "none"}},
    ],
)
def test_a_number_that_cannot_be_asked_for_now_says_nothing_of_the_session(cloud, told):
    cloud.tell(**told)
    with pytest.raises(GatewayError) as caught:
        DRIVER.status(link())
    assert caught.value.verdict == Verdict.RETRY


def test_stopping_tells_nobody(cloud):
    DRIVER.stop(link(), forget=True)
    assert cloud.calls == []


@pytest.mark.parametrize("missing", ["phone_number_id", "access_token"])
def test_a_session_needs_a_number_and_a_token(cloud, missing):
    assert DRIVER.is_configured(link().secrets)
    assert not DRIVER.is_configured(link(**{missing: ""}).secrets)


def test_a_session_needs_a_secret_to_check_calls_with_its_own_or_the_operators(cloud, settings):
    settings.WHATSAPP_CLOUD_API_APP_SECRET = ""
    assert not DRIVER.is_configured(link().secrets)
    assert DRIVER.is_configured(link(app_secret="own").secrets)
