"""POST /api/v1/messages/send-template/"""

import pytest

from api.tests.answers import error, wrong_fields
from api.v1.whatsapp.tests.support import MESSAGES, everything, sent_today
from modules.whatsapp.models import Message
from modules.whatsapp.tests.factories import ALICE, connected, reload, send_all

pytestmark = pytest.mark.django_db
PATH = f"{MESSAGES}send-template/"
TEMPLATE = {"name": "order_shipped", "language": "en_US", "parameters": ["Alice", "1042"]}
BODY = {"recipient": ALICE, "template": TEMPLATE}


def test_only_who_may_send_is_let_in(closed, session):
    closed("post", PATH, BODY, scope="whatsapp:send")


def test_a_template_is_queued_with_what_fills_it(as_key, user, session):
    answer = as_key.post(PATH, {**BODY, "client_reference": "order-1"})
    assert answer.status_code == 202, answer.json()
    data = answer.json()["data"]
    assert (data["message_type"], data["template"], data["content"]) == ("template", TEMPLATE, "")
    assert (Message.objects.get().template, sent_today(user)) == (TEMPLATE, 1)


def test_without_places_to_fill_it_needs_no_parameters(as_key, session):
    assert as_key.post(PATH, {"recipient": ALICE, "template": {"name": "hello_world", "language": "de"}}).status_code == 202


def test_the_cloud_api_takes_one_from_who_never_wrote(as_key, user):
    connected(user, driver="cloud_api")
    assert as_key.post(PATH, BODY).status_code == 202


def test_a_driver_without_templates_says_so(as_key, user):
    connected(user, driver="waha")
    before = everything()
    assert error(as_key.post(PATH, BODY)) == (409, "not_supported_by_driver")
    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_it_goes_out(as_key, user):
    connected(user)
    as_key.post(PATH, BODY)
    assert send_all() == 1
    assert Message.objects.get().status == "sent"


def test_a_test_key_sends_by_the_test_session_alone(as_test_key, user, session):
    assert error(as_test_key.post(PATH, BODY)) == (409, "session_not_connected")
    of_tests = connected(user, environment="test")
    assert as_test_key.post(PATH, BODY).status_code == 202
    assert (reload(of_tests).messages.count(), reload(session).messages.count()) == (1, 0)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"name": "Order Shipped"}, ("template.name", "invalid")),
        ({"name": "order\nshipped"}, ("template.name", "invalid")),
        ({"name": ""}, ("template.name", "blank")),
        ({"name": "x" * 513}, ("template.name", "max_length")),
        ({"language": "english"}, ("template.language", "invalid")),
        ({"language": None}, ("template.language", "null")),
        ({"parameters": "Alice"}, ("template.parameters", "not_a_list")),
        ({"parameters": ["x"] * 21}, ("template.parameters", "max_length")),
        ({"parameters": ["Alice", "x" * 1025]}, ("template.parameters.1", "max_length")),
        ({"parameters": ["a\x00b"]}, ("template.parameters.0", "null_characters_not_allowed")),
        ({"parameters": [None]}, ("template.parameters.0", "null")),
        ({"parameters": [""]}, ("template.parameters.0", "blank")),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_queued_or_counted(as_key, session, change, wrong):
    before = everything()
    assert wrong_fields(as_key.post(PATH, {**BODY, "template": {**TEMPLATE, **change}})) == [wrong]
    assert everything() == before


@pytest.mark.parametrize(("template", "code"), [(None, "null"), ("order_shipped", "invalid"), ([TEMPLATE], "invalid")])
def test_a_template_that_is_no_object_is_named(as_key, session, template, code):
    assert wrong_fields(as_key.post(PATH, {**BODY, "template": template})) == [("template", code)]
    assert not Message.objects.exists()
