"""POST /api/v1/messages/bulks/{id}/pause/, .../resume/ and .../cancel/"""

import pytest

from api.tests.answers import error
from api.v1.whatsapp.tests.support import BULKS, MESSAGES, everything, sent_today
from core.models import AuditEntry
from modules.whatsapp.models import Bulk, Message
from modules.whatsapp.tests.factories import NUMBERS, connected, send_all

ACTIONS = ("pause", "resume", "cancel")


@pytest.fixture
def path(user, as_key):
    """The path of a bulk of three."""
    connected(user)
    return as_key.post(f"{MESSAGES}send-bulk/", {"recipients": NUMBERS[:3], "content": "hello"}).headers["Location"]


def statuses():
    return sorted(Message.objects.values_list("status", flat=True))


class TestWhoMay:
    pytestmark = pytest.mark.django_db

    @pytest.mark.parametrize("action", ACTIONS)
    def test_only_who_may_send_is_let_in(self, closed, path, action):
        closed("post", f"{path}{action}/", scope="whatsapp:send")

    @pytest.mark.parametrize("action", ACTIONS)
    def test_others_do_not_find_it(self, as_other, as_admin, as_test_key, path, action):
        before = everything()
        for stranger in (as_other, as_admin, as_test_key):
            assert error(stranger.post(f"{path}{action}/")) == (404, "not_found")
        assert everything() == before

    @pytest.mark.parametrize("action", ACTIONS)
    def test_what_is_not_there_is_not_found(self, as_key, action):
        path = f"{BULKS}00000000-0000-7000-8000-000000000000/{action}/"
        assert error(as_key.post(path)) == (404, "not_found")

    def test_each_is_noted_for_auditors_once(self, as_key, path):
        for action in ("pause", "pause", "resume", "resume", "cancel", "cancel"):
            assert as_key.post(f"{path}{action}/").status_code == 200
        actions = AuditEntry.objects.filter(target_type="whatsapp_bulk").order_by("created_at").values_list("action", flat=True)
        assert list(actions) == ["whatsapp.bulk_paused", "whatsapp.bulk_running", "whatsapp.bulk_cancelled"]


@pytest.mark.django_db(transaction=True)
def test_while_paused_nothing_of_it_goes_out_and_resumed_all_does(as_key, path):
    assert as_key.post(f"{path}pause/").json()["data"]["status"] == "paused"
    assert send_all() == 0
    assert statuses() == ["queued"] * 3
    assert as_key.post(f"{path}resume/").json()["data"]["status"] == "running"
    assert send_all() == 3
    assert as_key.get(path).json()["data"]["status"] == "finished"


@pytest.mark.django_db
def test_cancelled_all_that_waits_is_taken_back_and_counts_no_more(as_key, user, path):
    data = as_key.post(f"{path}cancel/").json()["data"]
    assert (data["status"], data["progress"]["cancelled"], data["finished_at"] is None) == ("cancelled", 3, False)
    assert (statuses(), sent_today(user)) == (["cancelled"] * 3, 0)
    # Once.
    as_key.post(f"{path}cancel/")
    assert sent_today(user) == 0


@pytest.mark.django_db
def test_a_paused_one_can_be_cancelled(as_key, user, path):
    as_key.post(f"{path}pause/")
    assert as_key.post(f"{path}cancel/").json()["data"]["status"] == "cancelled"
    assert (statuses(), sent_today(user)) == (["cancelled"] * 3, 0)


@pytest.mark.django_db(transaction=True)
def test_what_is_out_stays_out_when_the_rest_is_cancelled(as_key, user, path):
    Message.objects.filter(recipient=NUMBERS[0]).update(status="sent")
    assert as_key.post(f"{path}cancel/").json()["data"]["progress"]["sent"] == 1
    assert (statuses(), sent_today(user)) == (["cancelled", "cancelled", "sent"], 1)


@pytest.mark.django_db
def test_a_cancelled_one_goes_no_further(as_key, path):
    as_key.post(f"{path}cancel/")
    for action in ("pause", "resume"):
        assert error(as_key.post(f"{path}{action}/")) == (409, "bulk_finished")
    assert statuses() == ["cancelled"] * 3


@pytest.mark.django_db(transaction=True)
def test_a_finished_one_is_over(as_key, path):
    send_all()
    for action in ACTIONS:
        assert error(as_key.post(f"{path}{action}/")) == (409, "bulk_finished")
    assert (Bulk.objects.get().status, statuses()) == ("finished", ["sent"] * 3)
