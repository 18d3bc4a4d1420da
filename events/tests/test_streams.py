"""Names of streams, and who may follow one."""

import re
import time
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.principals import Principal
from core.registry import domain_apps
from events import streams
from events.exceptions import StreamNotFound
from events.streams import StreamKind, check_may_follow, followers, parse, stream_kinds
from users.streams import USER

names = st.text(st.sampled_from("abzAZ019_-: .\n\0é٣"), max_size=110)


def caller(**fields):
    values = {
        "kind": "session",
        "user_id": uuid4(),
        "credential_id": uuid4(),
        "is_staff": False,
        "is_guest": False,
        "scopes": None,
        "expires_at": time.time() + 60,
        "limits": (),
    }
    return Principal(**{**values, **fields})


def key(*scopes, **fields):
    return caller(kind="api_key", scopes=frozenset(scopes), **fields)


@pytest.fixture
def rooms(monkeypatch):
    """A second kind, with a scope of its own, that everybody may follow but in `closed`."""
    asked = []

    def may_follow(principal, identifier):
        asked.append(identifier)
        return identifier != "closed"

    room = StreamKind("room", "Messages.", may_follow, lambda _: [], scope="rooms:read")
    monkeypatch.setattr(streams, "stream_kinds", lambda: {"user": USER, "room": room})
    return asked


@given(names | st.from_regex(r"\A[a-z_]{0,34}:[A-Za-z0-9_-]{0,66}\Z") | names.map("user:{}".format))
@example("user:" + "a" * 63)
@example("user:" + "a" * 64)
@example("user:a\n")
@example("user:٣")
def test_a_name_is_taken_exactly_when_it_is_a_known_kind_and_a_plain_id(name):
    kind, _, identifier = name.partition(":")
    fits = kind in stream_kinds() and re.fullmatch(r"[A-Za-z0-9_-]{1,63}", identifier) is not None
    try:
        parsed = parse(name)
    except StreamNotFound:
        assert not fits
    else:
        assert fits
        assert (parsed[0].name, parsed[1]) == (kind, identifier)


def test_the_longest_name_fits_the_column():
    from events.models import Event, Stream

    assert streams.MAX_NAME == Stream._meta.get_field("key").max_length == Event._meta.get_field("stream").max_length
    assert streams.MAX_NAME >= 32 + 1 + 63


def test_each_installed_kind_is_known_once_by_a_valid_name():
    declared = [path for config in domain_apps() for path in config.stream_kinds]
    assert len(stream_kinds()) == len(declared)
    for name, kind in stream_kinds().items():
        assert re.fullmatch(r"[a-z][a-z_]{0,31}", name)
        assert kind.description.endswith(".")
    assert stream_kinds()["user"] is USER


class TestFollowing:
    def test_oneself_and_nobody_else(self):
        me = caller()
        check_may_follow(me, f"user:{me.user_id}")
        for name in (f"user:{uuid4()}", f"user:{str(me.user_id).upper()}", f"user:{me.user_id.hex}", "user:x"):
            with pytest.raises(StreamNotFound):
                check_may_follow(me, name)

    def test_an_administrator_does_not_follow_other_people(self):
        with pytest.raises(StreamNotFound):
            check_may_follow(caller(is_staff=True), f"user:{uuid4()}")

    def test_a_key_needs_the_scope(self):
        allowed, bare = key("events:read"), key("usage:read")
        check_may_follow(allowed, f"user:{allowed.user_id}")
        with pytest.raises(StreamNotFound):
            check_may_follow(bare, f"user:{bare.user_id}")

    def test_a_key_needs_the_scope_of_the_kind_besides(self, rooms):
        check_may_follow(key("events:read", "rooms:read"), "room:1")
        for scopes in (("events:read",), ("rooms:read",), ()):
            with pytest.raises(StreamNotFound):
                check_may_follow(key(*scopes), "room:1")
        assert rooms == ["1"], "without the scopes nothing is looked up"
        check_may_follow(caller(), "room:1")

    def test_the_kind_decides(self, rooms):
        with pytest.raises(StreamNotFound):
            check_may_follow(caller(), "room:closed")

    def test_a_kind_that_is_off_and_one_that_is_forbidden_look_the_same(self, rooms):
        seen = set()
        for name in ("planet:1", "room:closed", "nonsense"):
            with pytest.raises(StreamNotFound) as refusal:
                check_may_follow(caller(), name)
            seen.add((refusal.value.message, refusal.value.stable_code))
        assert len(seen) == 1


def test_webhooks_of_the_user_hear_of_the_users_stream_and_of_no_unknown_kind():
    someone = uuid4()
    assert list(followers(f"user:{someone}")) == [someone]
    assert list(followers("planet:1")) == []
    assert list(followers("nonsense")) == []
