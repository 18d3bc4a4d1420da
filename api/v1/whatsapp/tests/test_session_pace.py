"""PATCH /api/v1/sessions/pace/"""

import pytest

from api.tests.answers import error, wrong_fields
from api.v1.whatsapp.tests.support import SESSIONS
from core.models import AuditEntry
from modules.whatsapp.tests.factories import reload

pytestmark = pytest.mark.django_db
PATH = f"{SESSIONS}pace/"


def test_only_who_may_manage_sessions_is_let_in(closed, session):
    closed("patch", PATH, {"burst": 5}, scope="whatsapp:sessions")


def test_others_have_none_to_set(as_other, as_test_key, session):
    for stranger in (as_other, as_test_key):
        assert error(stranger.patch(PATH, {"burst": 5})) == (404, "not_found")
    assert reload(session).burst is None


def test_what_is_named_is_set_and_the_rest_stays(as_key, session):
    data = as_key.patch(PATH, {"messages_per_second": 2.5}).json()["data"]
    assert (data["messages_per_second"], data["burst"]) == (2.5, None)
    data = as_key.patch(PATH, {"burst": 7}).json()["data"]
    assert (data["messages_per_second"], data["burst"]) == (2.5, 7)
    data = as_key.patch(PATH, {"messages_per_second": None}).json()["data"]
    assert (data["messages_per_second"], data["burst"]) == (None, 7)
    session = reload(session)
    assert (session.messages_per_second, session.burst) == (None, 7)


def test_a_change_is_noted_for_auditors_and_none_is_not(as_key, session):
    as_key.patch(PATH, {"burst": 7})
    as_key.patch(PATH, {"burst": 7})
    as_key.patch(PATH, {})
    assert AuditEntry.objects.get(action="whatsapp.pace_changed").changes == {"burst": [None, 7]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages_per_second": -1}, "messages_per_second"),
        ({"messages_per_second": 1001}, "messages_per_second"),
        ({"messages_per_second": "nan"}, "messages_per_second"),
        ({"messages_per_second": "inf"}, "messages_per_second"),
        ({"messages_per_second": "fast"}, "messages_per_second"),
        ({"messages_per_second": []}, "messages_per_second"),
        ({"burst": 0}, "burst"),
        ({"burst": 1001}, "burst"),
        ({"burst": 1.5}, "burst"),
        ({"burst": {}}, "burst"),
    ],
)
def test_what_is_out_of_range_is_named_and_not_set(as_key, session, body, field):
    assert [name for name, _ in wrong_fields(as_key.patch(PATH, body))] == [field]
    assert (reload(session).messages_per_second, reload(session).burst) == (0.0, None)
