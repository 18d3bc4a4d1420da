"""POST /api/v1/messages/send-text/."""

import pytest

from modules.whatsapp.models import Message
from modules.whatsapp.tests.factories import ALICE, connected

pytestmark = pytest.mark.django_db
URL = "/api/v1/messages/send-text/"


def test_a_text_is_accepted_at_once_and_queued(as_key, user):
    connected(user)
    answer = as_key.post(URL, {"recipient": "+1 (415) 555-2671", "content": "hello", "client_reference": "order-1"})
    assert answer.status_code == 202, answer.json()
    data = answer.json()["data"]
    assert (data["status"], data["recipient"], data["content"]) == ("queued", ALICE, "hello")
    assert answer.headers["Location"] == f"/api/v1/messages/{data['id']}/"
    assert as_key.get(answer.headers["Location"]).json()["data"]["client_reference"] == "order-1"
    listed = as_key.get("/api/v1/messages/", {"recipient": ALICE, "status": "queued"}).json()["data"]
    assert [row["id"] for row in listed] == [data["id"]]
    assert Message.objects.get().quota_day is not None
