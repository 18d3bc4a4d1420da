"""GET /api/v1/events/streams/"""

import pytest

from api.tests.answers import assert_anonymous, assert_lacks_scope
from api.v1.events.tests.support import KINDS
from events import streams
from events.streams import StreamKind, stream_kinds
from users.streams import USER

pytestmark = pytest.mark.django_db


def test_an_anonymous_caller_is_refused(api):
    assert_anonymous(api.get(KINDS))


def test_a_key_without_the_scope_is_refused(as_bare_key):
    assert_lacks_scope(as_bare_key.get(KINDS), "events:read")


def test_every_kind_is_listed_and_the_own_stream_is_the_example(as_user, as_reading_key, user):
    # A key to events alone has no kinds that need a scope besides.
    free = {kind.name for kind in stream_kinds().values() if kind.scope is None}
    for caller, kinds in ((as_user, set(stream_kinds())), (as_reading_key, free)):
        rows = caller.get(KINDS).json()["data"]
        assert {row["kind"] for row in rows} == kinds
        own = next(row for row in rows if row["kind"] == "user")
        assert own == {
            "kind": "user",
            "description": USER.description,
            "scope": "events:read",
            "example": f"user:{user.pk}",
        }
        assert caller.get("/api/v1/events/", {"stream": own["example"]}).status_code == 200


def test_a_kind_with_a_scope_of_its_own_is_for_keys_that_have_it(as_user, as_key, as_reading_key, monkeypatch):
    room = StreamKind("room", "Messages.", lambda principal, _: True, lambda _: [], scope="api_keys:read")
    monkeypatch.setattr(streams, "stream_kinds", lambda: {"user": USER, "room": room})
    for caller, kinds in ((as_user, ["room", "user"]), (as_key, ["room", "user"]), (as_reading_key, ["user"])):
        rows = caller.get(KINDS).json()["data"]
        assert [row["kind"] for row in rows] == kinds
        assert {row["scope"] for row in rows if row["kind"] == "room"} <= {"api_keys:read"}
        status = caller.get("/api/v1/events/", {"stream": "room:1"}).status_code
        assert status == (200 if "room" in kinds else 404)


def test_it_costs_no_query_once_the_caller_is_known(as_user, django_assert_num_queries):
    as_user.get(KINDS)
    with django_assert_num_queries(0):
        as_user.get(KINDS)
