"""Calls that are signed and still make no sense: they are refused whole, and what was let through can always be read."""

import contextlib
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.whatsapp.gateways.base import BadHook, HookPart
from modules.whatsapp.gateways.cloud_api import CloudAPI
from modules.whatsapp.tests.fake_cloud_hooks import envelope, failure, message, status, value

DRIVER = CloudAPI()
ODD = [None, True, 0, -1, 1.5, "", "x", "\x00", [], [None], ["x"], [[]], {}, {"x": 1}, [{}], "x" * 5000]
WHOLE = envelope(
    value(
        "106540352242922",
        statuses=[status("wamid.A", "failed", recipient="393331234567", errors=[failure(131047, "Title")])],
        messages=[
            message("393331234567", message_id="wamid.B", body="Hi", context={"id": "wamid.C"}),
            message("393331234567", "image", message_id="wamid.D", id="4711", mime_type="image/png", caption="Look"),
            message("393331234567", "interactive", message_id="wamid.E", type="button_reply", button_reply={"title": "Yes"}),
        ],
        name="Kim",
    )
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


def read_all(payload: Any) -> None:
    """Nothing but BadHook may come of it, and what is let through has ids that can be kept."""
    try:
        parts = DRIVER.split_hook(payload)
    except BadHook:
        return
    for part in parts:
        assert isinstance(part, HookPart)
        assert 0 < len(part.event_id) <= 128
        assert 0 < len(part.routing_id) <= 128
        assert (part.event_id + part.routing_id).isprintable()
        # It was kept as JSON in between.
        for word in DRIVER.read(json.loads(json.dumps(part.payload))):
            assert len(getattr(word, "provider_id", "")) <= 128
            assert len(getattr(word, "sender", "")) <= 64
            assert len(getattr(word, "error_message", "")) <= 300
            assert len(getattr(word, "error_code", "")) <= 64


def places(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a call."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, *path, key)


def replaced(path: tuple[Any, ...], new: Any) -> Any:
    """The whole call with something else in one place."""
    made = copy.deepcopy(WHOLE)
    holder = made
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = new
    return made


@pytest.mark.parametrize("path", list(places(WHOLE)), ids=lambda path: ".".join(map(str, path)))
def test_anything_in_any_place_is_refused_or_read(path):
    for odd in ODD:
        read_all(replaced(path, odd))
    holder = made = copy.deepcopy(WHOLE)
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    read_all(made)


@pytest.mark.parametrize("odd", [None, True, 7, "x", {"x": 1}, [None], ["x"], [[]], [7]])
@pytest.mark.parametrize("path", [("entry",), ("entry", 0), ("entry", 0, "changes"), ("entry", 0, "changes", 0)])
def test_a_call_without_its_frame_is_refused(path, odd):
    with pytest.raises(BadHook):
        DRIVER.split_hook(replaced(path, odd))


@pytest.mark.parametrize("path", ["metadata", "statuses", "messages", "contacts"])
@pytest.mark.parametrize("odd", [True, 7, "x", {"x": 1}, [None], ["x"], [[]], [7]])
def test_a_change_of_another_shape_is_refused(path, odd):
    with pytest.raises(BadHook):
        DRIVER.split_hook(replaced(("entry", 0, "changes", 0, "value", path), odd))


@pytest.mark.parametrize("odd", [None, True, 7, "", "\x00", "a\nb", [], {}, "x" * 129])
@pytest.mark.parametrize(
    "path", [("statuses", 0, "id"), ("statuses", 0, "status"), ("messages", 0, "id"), ("metadata", "phone_number_id")]
)
def test_an_id_that_cannot_be_kept_is_refused(path, odd):
    with pytest.raises(BadHook):
        DRIVER.split_hook(replaced(("entry", 0, "changes", 0, "value", *path), odd))


@given(anything)
@settings(max_examples=300, deadline=None)
def test_nonsense_is_refused(payload):
    read_all(payload)


@given(st.sampled_from(list(places(WHOLE))), anything)
@settings(max_examples=500, deadline=None)
def test_nonsense_in_one_place_is_refused_or_read(path, odd):
    read_all(replaced(path, odd))


@given(st.dictionaries(st.sampled_from(["status", "message", "name", "x"]), anything))
@settings(max_examples=300, deadline=None)
def test_a_part_that_nobody_let_through_is_refused_or_read(part):
    with contextlib.suppress(BadHook):
        DRIVER.read(part)
