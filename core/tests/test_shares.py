"""How a sender's slots are shared: whatever comes and goes, some are left to receivers that are known to answer."""

from collections import Counter
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from core import shares
from core.shares import Shares

SIZE, EACH = 16, 4
GOOD = UUID(int=0)
steps = st.lists(st.tuples(st.integers(min_value=1, max_value=40), st.sampled_from(["quick", "slow", "hangs"])), max_size=60)


def take_all(slots: Shares, wanted: dict[UUID, int]) -> Counter[UUID]:
    """Take what is offered to endpoints that want so many each, as a claim does."""
    taken: Counter[UUID] = Counter()
    for offer in slots.offers():
        left = offer.limit
        for endpoint, number in wanted.items():
            count = min(number - taken[endpoint], offer.rooms.get(endpoint, offer.each), left)
            for _ in range(max(0, count)):
                slots.take(endpoint)
                taken[endpoint] += 1
                left -= 1
    return +taken


@given(steps)
def test_no_endpoint_and_no_sort_of_endpoint_has_more_than_its_share(sequence):
    slots, held = Shares(SIZE, EACH), Counter[UUID]()
    answers: dict[UUID, bool] = {}
    for number, answer in sequence:
        endpoint = UUID(int=number)
        allowed = EACH if answers.get(endpoint) else 1
        before = held[endpoint]
        taken = take_all(slots, {endpoint: 9})
        held += taken
        assert held[endpoint] <= max(allowed, before)
        assert held.total() <= SIZE
        if taken:
            sort = [one for one in held if answers.get(one) is answers.get(endpoint)]
            whole = {True: SIZE, None: SIZE // 2, False: SIZE // 4}[answers.get(endpoint)]
            assert sum(held[one] for one in sort) <= whole
        if answer != "hangs" and held[endpoint]:
            slots.give_back(endpoint, quick=answer == "quick")
            held -= Counter([endpoint])
            answers[endpoint] = answer == "quick"


def test_whatever_new_and_slow_ones_hold_a_quarter_is_left_to_one_that_answers():
    slots = Shares(SIZE, EACH)
    slow, new = [UUID(int=n) for n in range(1, 50)], [UUID(int=n) for n in range(50, 100)]
    for endpoint in slow:
        slots.take(endpoint)
        slots.give_back(endpoint, quick=False)
    slots.take(GOOD)
    slots.give_back(GOOD, quick=True)
    assert take_all(slots, dict.fromkeys([*slow, *new], 9)).total() == SIZE // 4 + SIZE // 2
    assert take_all(slots, {GOOD: 9}) == {GOOD: EACH}


def test_a_new_one_has_its_whole_share_as_soon_as_it_has_answered():
    slots = Shares(SIZE, EACH)
    assert take_all(slots, {GOOD: 9}) == {GOOD: 1}
    slots.give_back(GOOD, quick=True)
    assert take_all(slots, {GOOD: 9}) == {GOOD: EACH}
    for _ in range(EACH):
        slots.give_back(GOOD, quick=False)
    assert take_all(slots, {GOOD: 9}) == {GOOD: 1}


def test_what_is_remembered_is_bounded_and_the_longest_silent_is_forgotten(monkeypatch):
    monkeypatch.setattr(shares, "MAX_KNOWN", 3)
    slots = Shares(SIZE, EACH)
    for number in (1, 2, 3, 1, 4):
        slots.take(UUID(int=number))
        slots.give_back(UUID(int=number), quick=True)
    assert [take_all(slots, {UUID(int=number): 9}).total() for number in (2, 3, 4)] == [1, EACH, EACH]


def test_a_sender_with_one_slot_serves_everyone():
    slots = Shares(1, EACH)
    for quick in (True, False, True):
        assert take_all(slots, {GOOD: 9}) == {GOOD: 1}
        slots.give_back(GOOD, quick=quick)
