"""Refresh tokens under concurrency, against two real server processes."""

from collections import Counter

import pytest

from config.tests.live import LiveProduct, together

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

ROUNDS, USES = 20, 16


def test_of_sixteen_concurrent_uses_of_a_refresh_token_exactly_one_wins(live: LiveProduct) -> None:
    _, username, password = live.make_person()
    refresh = live.sign_in(username, password)["refresh"]
    callers = [caller for mine in live.callers_by_worker(USES // 2).values() for caller in mine]
    outcomes = Counter[tuple[int, ...]]()

    for _ in range(ROUNDS):
        answers = together(USES, lambda index, token=refresh: callers[index].post("/api/v1/auth/refresh/", {"refresh": token}))
        won = [answer for answer in answers if answer.status == 200]
        assert len(won) == 1, Counter(answer.status for answer in answers)
        assert all(answer.status == 401 for answer in answers if answer not in won)
        refresh = won[0].data["refresh"]
        outcomes[tuple(sorted(Counter(answer.status for answer in answers).values()))] += 1

    assert outcomes == {(1, USES - 1): ROUNDS}


def test_after_the_race_the_winner_goes_on_and_the_losers_have_nothing(live: LiveProduct) -> None:
    _, username, password = live.make_person()
    first = live.sign_in(username, password)["refresh"]
    callers = [caller for mine in live.callers_by_worker(4).values() for caller in mine]

    answers = together(8, lambda index: callers[index].post("/api/v1/auth/refresh/", {"refresh": first}))
    winner = next(answer for answer in answers if answer.status == 200)

    assert live.caller(f"Bearer {winner.data['access']}").get("/api/v1/auth/me/").status == 200
    assert live.caller().post("/api/v1/auth/refresh/", {"refresh": winner.data["refresh"]}).status == 200
