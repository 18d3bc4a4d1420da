"""Whatever Redis does to the announcements, each follower gets each seq once and in order."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.hub import feed as feed_module
from events.hub import hub as hub_module
from events.hub.tests.support import aside, come_back, commit_silently, follow, hub_running, new_stream, play, until

EVENTS = 12
# What happens to the announcements, in this order: which are sent (the others are lost), some more than once.
deliveries = st.lists(st.integers(0, EVENTS - 1), max_size=3 * EVENTS)


@pytest.mark.django_db(transaction=True)
@given(deliveries=deliveries, late=st.booleans(), pauses=st.sets(st.integers(0, 3 * EVENTS), max_size=4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_loss_doubling_and_order_of_announcements_gives_each_seq_once_in_order(
    deliveries: list[int], late: bool, pauses: set[int], monkeypatch_module: None
) -> None:
    async def scenario() -> None:
        stream = new_stream()
        async with hub_running() as hub:
            early = await follow(hub, stream)
            crowd = [await follow(hub, stream) for _ in range(5)]
            messages = [message for _, message in await aside(commit_silently, stream, EVENTS)]
            for number, index in enumerate(deliveries):
                hub._announced(stream, messages[index])
                if number % 4 == 1:
                    # In the middle of a round: with one at a time some have the last frame by now and some have not.
                    await asyncio.sleep(0)
                    await come_back(hub, stream, crowd[number % 5])
                if number in pauses:
                    await asyncio.sleep(0.03)
            second = await follow(hub, stream) if late else early
            joined_at = (await hub.open(stream)).seq if late else 0
            await until(lambda: early.seqs[-1:] == [EVENTS])
            await asyncio.sleep(0.05)
            for follower in (early, *crowd):
                assert follower.seqs == list(range(1, EVENTS + 1))
            assert [told["d"]["number"] for told in early.told] == list(range(EVENTS))
            assert second.seqs == list(range(joined_at + 1, EVENTS + 1))

    play(scenario())


@pytest.fixture(scope="module")
def monkeypatch_module() -> object:
    """Short pauses, so that all ways to find a gap get their turn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub_module, "GAP_SECONDS", 0.02)
        patch.setattr(hub_module, "COMPARE_SECONDS", 0.1)
        patch.setattr(feed_module, "SPREAD_AT_ONCE", 1)
        yield
