"""GET /api/v1/messages/"""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from api.tests.answers import wrong_fields
from api.v1.whatsapp.tests.support import MESSAGES, ids
from modules.whatsapp.models import Bulk, Message
from modules.whatsapp.tests.factories import ALICE, NUMBERS, connected, send

pytestmark = pytest.mark.django_db
START = timezone.now() - timedelta(hours=10)


@pytest.fixture
def history(user, session):
    """Five messages, an hour apart, the oldest first."""
    rows = [
        send(user, ALICE, client_reference="order-1"),
        send(user, NUMBERS[1]),
        send(user, ALICE),
        Message.objects.create(
            user=user, session=session, recipient=ALICE, direction="inbound", status="received", message_type="image"
        ),
        send(user, NUMBERS[2]),
    ]
    for index, row in enumerate(rows):
        Message.objects.filter(pk=row.pk).update(created_at=START + timedelta(hours=index))
    Message.objects.filter(pk=rows[1].pk).update(status="failed", error_code="not_on_whatsapp")
    bulk = Bulk.objects.create(user=user, session=session, accepted=1)
    Message.objects.filter(pk=rows[4].pk).update(bulk=bulk)
    return [str(row.pk) for row in rows]


def test_only_who_may_read_is_let_in(closed, history):
    closed("get", MESSAGES, scope="whatsapp:read")


def test_others_see_none_of_them(as_other, as_admin, history):
    for stranger in (as_other, as_admin):
        assert ids(stranger.get(MESSAGES)) == []


def test_the_owner_and_their_live_keys_see_all_newest_first(as_user, as_key, history):
    for caller in (as_user, as_key):
        assert ids(caller.get(MESSAGES)) == history[::-1]


def test_live_and_test_keys_see_the_messages_of_their_kind(as_key, as_test_key, user, history):
    connected(user, environment="test")
    of_tests = send(user, environment="test")
    assert ids(as_test_key.get(MESSAGES)) == [str(of_tests.pk)]
    assert ids(as_key.get(MESSAGES)) == history[::-1]


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ("status=failed", [1]),
        ("status=queued", [4, 2, 0]),
        ("status=read", []),
        ("direction=inbound", [3]),
        ("direction=outbound", [4, 2, 1, 0]),
        ("message_type=image", [3]),
        ("client_reference=order-1", [0]),
        ("client_reference=order", []),
        (f"recipient={quote(ALICE)}", [3, 2, 0]),
        (f"recipient={quote('+1 (415) 555-2671')}", [3, 2, 0]),
        (f"recipient={quote(ALICE)}&direction=outbound&status=queued", [2, 0]),
        ("recipient=123456%40lid", []),
    ],
)
def test_filters(as_key, history, query, indexes):
    assert ids(as_key.get(f"{MESSAGES}?{query}")) == [history[index] for index in indexes]


def test_those_of_a_bulk(as_key, history):
    assert ids(as_key.get(f"{MESSAGES}?bulk={Bulk.objects.get().pk}")) == [history[4]]


def test_a_range_of_time_has_its_start_and_not_its_end(as_key, history):
    start, end = (quote((START + timedelta(hours=hours)).isoformat()) for hours in (1, 3))
    assert ids(as_key.get(f"{MESSAGES}?start={start}&end={end}")) == [history[2], history[1]]


def test_pages_by_cursor_both_ways_while_new_ones_come_in(as_key, user, history):
    first = as_key.get(f"{MESSAGES}?page_size=2").json()
    send(user, NUMBERS[3])
    second = as_key.get(f"{MESSAGES}?page_size=2&cursor={first['meta']['pagination']['next_cursor']}").json()
    third = as_key.get(f"{MESSAGES}?page_size=2&cursor={second['meta']['pagination']['next_cursor']}").json()
    assert [row["id"] for page in (first, second, third) for row in page["data"]] == history[::-1]
    assert third["meta"]["pagination"]["next_cursor"] is None
    back = as_key.get(f"{MESSAGES}?page_size=2&cursor={third['meta']['pagination']['previous_cursor']}")
    assert ids(back) == [row["id"] for row in second["data"]]


def test_messages_of_one_moment_are_paged_without_loss(as_key, user, history):
    Message.objects.update(created_at=START)
    seen, cursor = [], ""
    while cursor is not None:
        page = as_key.get(f"{MESSAGES}?page_size=1{cursor and f'&cursor={cursor}'}").json()
        seen += [row["id"] for row in page["data"]]
        cursor = page["meta"]["pagination"]["next_cursor"]
    assert sorted(seen) == sorted(history)


@pytest.mark.parametrize(
    "query",
    [
        "status=lost",
        "status=%00",
        "direction=sideways",
        "message_type=fax",
        "bulk=7",
        "start=yesterday",
        "end=%00",
        "recipient=%2B1",
        "recipient=%2B1415",
        "recipient=a%00b",
        f"recipient={'1' * 65}",
        f"client_reference={'x' * 101}",
        "client_reference=%00",
        "cursor=abc",
        "cursor=%00",
        f"cursor={'A' * 600}",
        "page_size=0",
        "page_size=101",
        "page_size=ten",
    ],
)
def test_a_bad_parameter_is_named(as_key, history, query):
    (field, _), *_ = wrong_fields(as_key.get(f"{MESSAGES}?{query}"))
    assert field == query.partition("=")[0]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_no_clock_says_does_no_harm(as_key, history, moment):
    assert as_key.get(f"{MESSAGES}?start={moment}").status_code in (200, 400)
