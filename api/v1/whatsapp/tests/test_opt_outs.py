"""GET and POST /api/v1/messages/opt-outs/, DELETE .../{id}/"""

from uuid import uuid4

import pytest

from api.tests.answers import error, wrong_fields
from api.v1.whatsapp.tests.support import MESSAGES, everything, ids, sent_today
from core.models import AuditEntry
from modules.whatsapp.models import Contact, Message
from modules.whatsapp.tests.factories import ALICE, NUMBERS, connected, hear_all, reload, send

pytestmark = pytest.mark.django_db
PATH = f"{MESSAGES}opt-outs/"
BODY = {"recipient": ALICE}


@pytest.fixture
def listed(as_key, session):
    """The path of somebody who opted out."""
    return f"{PATH}{as_key.post(PATH, BODY).json()['data']['id']}/"


class TestTheList:
    def test_is_for_who_may_read(self, closed, listed):
        closed("get", PATH, scope="whatsapp:read")

    def test_is_empty_for_others_and_the_other_environment(self, as_other, as_admin, as_test_key, session_for_tests, listed):
        for stranger in (as_other, as_admin, as_test_key):
            assert ids(stranger.get(PATH)) == []

    def test_has_the_last_first_and_nobody_else(self, as_key, as_user, session, listed):
        last = as_key.post(PATH, {"recipient": NUMBERS[1]}).json()["data"]["id"]
        Contact.objects.create(session=session, phone_number=NUMBERS[2])
        for caller in (as_key, as_user):
            assert ids(caller.get(PATH)) == [last, listed.split("/")[-2]]
        assert ids(as_key.get(f"{PATH}?opt_out_source=api&recipient=%2B14155552671")) == [listed.split("/")[-2]]
        assert ids(as_key.get(f"{PATH}?opt_out_source=inbound")) == []
        first = as_key.get(f"{PATH}?page_size=1").json()
        assert len(ids(as_key.get(f"{PATH}?page_size=1&cursor={first['meta']['pagination']['next_cursor']}"))) == 1

    @pytest.mark.parametrize("query", ["recipient=%2B1", "opt_out_source=post", "cursor=abc", "page_size=0"])
    def test_names_a_bad_parameter(self, as_key, query):
        (field, _), *_ = wrong_fields(as_key.get(f"{PATH}?{query}"))
        assert field == query.partition("=")[0]

    @pytest.mark.django_db(transaction=True)
    def test_has_who_answers_stop_by_itself(self, as_key, user):
        connected(user)
        message = send(user)
        as_key.post("/api/v1/sessions/sandbox/receive/", {"sender": ALICE, "text": " Stop\n"})
        hear_all()
        (row,) = as_key.get(PATH).json()["data"]
        assert (row["recipient"], row["opt_out_source"]) == (ALICE, "inbound")
        assert (reload(message).status, reload(message).error_code) == ("cancelled", "recipient_opted_out")


class TestAdding:
    def test_is_for_who_may_send(self, closed, session):
        closed("post", PATH, BODY, scope="whatsapp:send")

    def test_takes_back_what_waits_and_lets_nothing_through(self, as_key, user, session):
        messages = [send(user), send(user), send(user, NUMBERS[1])]
        answer = as_key.post(PATH, {"recipient": "+1 (415) 555-2671"})
        assert answer.status_code == 201
        assert (answer.json()["data"]["recipient"], answer.json()["data"]["opt_out_source"]) == (ALICE, "api")
        assert [reload(message).status for message in messages] == ["cancelled", "cancelled", "queued"]
        assert sent_today(user) == 1
        refused = as_key.post(f"{MESSAGES}send-text/", {**BODY, "content": "hello"})
        assert error(refused) == (409, "recipient_opted_out")

    def test_twice_is_harmless(self, as_key, listed):
        before = Contact.objects.get().opted_out_at
        assert as_key.post(PATH, BODY).status_code == 201
        assert Contact.objects.get().opted_out_at == before
        assert AuditEntry.objects.filter(action="whatsapp.opted_out").count() == 1

    def test_needs_a_session_of_ones_own(self, as_other, as_test_key, session):
        for stranger in (as_other, as_test_key):
            assert error(stranger.post(PATH, BODY)) == (409, "session_not_connected")
        assert not Contact.objects.exists()

    def test_by_a_test_key_holds_for_the_test_session_alone(self, as_key, as_test_key, session, session_for_tests):
        as_test_key.post(PATH, BODY)
        assert Contact.objects.get().session == session_for_tests
        assert as_key.post(f"{MESSAGES}send-text/", {**BODY, "content": "hello"}).status_code == 202
        assert Message.objects.get().session == session

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({}, "required"),
            ({"recipient": ""}, "blank"),
            ({"recipient": None}, "null"),
            ({"recipient": "4155552671"}, "phone_not_international"),
            ({"recipient": "+1415"}, "phone_not_possible"),
            ({"recipient": [ALICE]}, "invalid"),
            ({"recipient": "+1415\x00"}, "null_characters_not_allowed"),
        ],
    )
    def test_names_what_is_wrong(self, as_key, session, body, code):
        before = everything()
        assert wrong_fields(as_key.post(PATH, body)) == [("recipient", code)]
        assert everything() == before


class TestRemoving:
    def test_is_for_who_may_send(self, closed, listed):
        closed("delete", listed, scope="whatsapp:send")

    def test_is_not_for_others(self, as_other, as_admin, as_test_key, session_for_tests, listed):
        before = everything()
        for stranger in (as_other, as_admin, as_test_key):
            assert error(stranger.delete(listed)) == (404, "not_found")
        assert everything() == before

    def test_lets_messages_through_again_and_keeps_the_conversation(self, as_key, listed):
        assert as_key.delete(listed).status_code == 204
        assert ids(as_key.get(PATH)) == []
        assert len(ids(as_key.get(f"{MESSAGES}conversations/"))) == 1
        assert as_key.post(f"{MESSAGES}send-text/", {**BODY, "content": "hello"}).status_code == 202
        assert AuditEntry.objects.filter(action="whatsapp.opted_in").count() == 1

    def test_of_who_is_not_on_the_list_is_not_found(self, as_key, session, listed):
        contact = Contact.objects.create(session=session, phone_number=NUMBERS[2])
        for key in (contact.pk, uuid4()):
            assert error(as_key.delete(f"{PATH}{key}/")) == (404, "not_found")
