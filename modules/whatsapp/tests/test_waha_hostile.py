"""Hostile calls in WAHA's name: they are refused or read, and nothing else happens."""

import contextlib
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from modules.whatsapp.gateways.base import BadHook, Incoming, SessionNews
from modules.whatsapp.tests import fake_waha_hooks as hooks
from modules.whatsapp.tests.fake_waha_kit import CHAT, KEY, WAHA, told

WRONG: tuple[Any, ...] = (7, 1.5, True, "text", [], [{}], {"a": 1})


class TestHostileBodies:
    """Whatever a body holds, it is refused or read; nothing else happens."""

    @pytest.mark.parametrize("wrong", [None, *WRONG])
    def test_a_payload_of_another_type_is_refused(self, wrong):
        if not isinstance(wrong, dict):
            with pytest.raises(BadHook):
                WAHA.split_hook({**hooks.envelope("message", "s", {}), "payload": wrong})

    @pytest.mark.parametrize("event_id", [None, "", "x" * 129, "\x00", "a\nb", *WRONG[:3], *WRONG[4:]])
    def test_an_event_without_a_usable_id_is_refused(self, event_id):
        with pytest.raises(BadHook):
            WAHA.split_hook({**hooks.envelope("session.status", "s", {}), "id": event_id})

    @pytest.mark.parametrize(
        ("event", "name", "right"),
        [
            ("message.ack", "ack", int),
            ("message.ack", "fromMe", bool),
            ("message", "from", str),
            ("message", "body", str),
            ("message", "fromMe", bool),
            ("message", "hasMedia", bool),
            ("message", "media", dict),
        ],
    )
    @pytest.mark.parametrize("wrong", WRONG)
    def test_a_field_of_another_type_is_refused(self, event, name, right, wrong):
        inner = hooks.ack(KEY, CHAT, "read") if event == "message.ack" else hooks.message(CHAT, "hello")
        if type(wrong) is not right:
            with pytest.raises(BadHook):
                told(event, {**inner, name: wrong})

    @pytest.mark.parametrize("name", ["url", "mimetype", "filename"])
    @pytest.mark.parametrize("wrong", [7, True, [], {}])
    def test_a_file_with_a_field_of_another_type_is_refused(self, name, wrong):
        with pytest.raises(BadHook):
            told("message", hooks.message(CHAT, "", hasMedia=True, media={name: wrong}))

    @pytest.mark.parametrize("wrong", [True, [], {}, "soon", "²"])
    def test_a_time_of_another_type_is_refused(self, wrong):
        with pytest.raises(BadHook):
            told("message", hooks.message(CHAT, "hello", timestamp=wrong) | {"timestamp": wrong})

    @pytest.mark.parametrize("kept", [{}, {"event": 7}, {"event": []}, {"event": "message"}, {"event": "message.ack", "ack": []}])
    def test_what_was_never_kept_so_is_not_read(self, kept):
        with pytest.raises(BadHook):
            WAHA.read(kept)


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([KEY, CHAT, "1763744400", "\ud800", "\x00"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "_serialized", "url", "key", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = [
    "id",
    "key",
    "from",
    "to",
    "fromMe",
    "ack",
    "ackName",
    "timestamp",
    "body",
    "hasMedia",
    "media",
    "replyTo",
    "participant",
]
sound = st.sampled_from(
    [hooks.ack(KEY, CHAT, "read"), hooks.message(CHAT, "hello"), hooks.message(CHAT, "", hasMedia=True, media={"url": "u"})]
)
inners = (
    st.builds(lambda base, change: {**base, **change}, sound, st.dictionaries(st.sampled_from(NAMES), junk, max_size=3)) | junk
)
payloads = st.builds(
    lambda inner, event, change: {**hooks.envelope(event, "s", inner), **change},
    inners,
    st.sampled_from(["message", "message.ack", "session.status"]),
    st.dictionaries(st.sampled_from(["id", "event", "timestamp", "session"]), junk, max_size=1),
)


@effort(max_examples=600, deadline=None)
@given(payloads | junk)
def test_whatever_comes_is_refused_or_kept_in_a_form_the_database_takes_and_read(payload):
    if not isinstance(payload, Mapping):
        return
    try:
        parts = WAHA.split_hook(payload)
    except BadHook:
        return
    for part in parts:
        # orjson refuses lone surrogates, and would make a NaN null; PostgreSQL refuses U+0000.
        kept = orjson.dumps(part.payload)
        assert b"\\u0000" not in kept
        assert orjson.loads(kept) == part.payload
        assert 0 < len(part.event_id) <= 128
        for word in WAHA.read(part.payload):
            if isinstance(word, Incoming):
                assert 0 < len(word.sender) <= 64
                assert len(word.reply_to) <= 128
            if not isinstance(word, SessionNews):
                assert 0 < len(word.provider_id) <= 128


@effort(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.text(), junk)
    | st.builds(lambda event, more: {"event": event, **more}, junk, st.dictionaries(st.text(), junk))
)
def test_reading_what_was_never_kept_raises_nothing_else(kept):
    with contextlib.suppress(BadHook):
        WAHA.read(kept)
