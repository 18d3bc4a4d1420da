"""The reference clients of docs/examples against the running product: JavaScript in a real browser."""

import asyncio
from collections.abc import Iterator

import pytest

from config.tests.example_clients import PATIENCE, Application, Browser, Person, page_open, python_client, serving_pages
from config.tests.live import UNLIMITED, LiveProduct

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]
# More than the socket sends again at once.
FAR_BEHIND = 2_300


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Where the page is that the product knows."""
    with serving_pages() as url:
        yield url


@pytest.fixture(scope="module")
def product(origin: str) -> Iterator[LiveProduct]:
    """A product of our own, which lets the page's origin in."""
    with LiveProduct(extra={**UNLIMITED, "CORS_ALLOWED_ORIGINS": origin}) as running:
        yield running


@pytest.fixture
def person(product: LiveProduct) -> Person:
    """A new account."""
    product.wait_ready()
    return Person(product)


def test_python_has_each_event_once_and_in_order_although_the_server_is_killed(person: Person) -> None:
    async def scenario() -> None:
        app = Application(person)
        await app.client.follow(person.stream)
        async with app.running() as task:
            await app.until(lambda: app.client.positions[person.stream], task)
            start = app.client.positions[person.stream][1]
            await asyncio.to_thread(person.happen, 20)
            await app.caught_up(task)
            person.product.kill("realtime")
            await asyncio.to_thread(person.happen, 30)
            await app.caught_up(task)
            await asyncio.to_thread(person.happen, 5)
            await app.caught_up(task)
            assert app.seen == person.stored(start)
            assert len(app.seen) >= 55
            assert app.resets == [person.stream]

    asyncio.run(scenario())


@pytest.mark.parametrize("position", [("another", 0), (None, 1_000_000), (None, 0)])
def test_python_loads_anew_where_its_position_means_nothing_or_is_too_far_behind(
    person: Person, position: tuple[str | None, int]
) -> None:
    if position == (None, 0):
        person.happen(FAR_BEHIND)

    async def scenario() -> None:
        app = Application(person)
        await app.client.follow(person.stream, (position[0] or person.head[0], position[1]))
        async with app.running() as task:
            await app.until(lambda: app.resets, task)
            start = person.head[1]
            await asyncio.to_thread(person.happen, 3)
            await app.caught_up(task)
            assert app.seen == person.stored(start)
            assert app.resets == [person.stream]

    asyncio.run(scenario())


def test_python_asks_for_a_new_token_when_its_session_ends_and_gives_up_when_none_helps(person: Person) -> None:
    given = []

    def sign_in() -> str:
        given.append(person.sign_in())
        return str(given[-1]["access"])

    async def scenario() -> None:
        app = Application(person, sign_in)
        await app.client.follow(person.stream)
        async with app.running() as task:
            await app.until(lambda: app.client.positions[person.stream], task)
            start = app.client.positions[person.stream][1]
            caller = person.product.caller(f"Bearer {given[-1]['access']}")
            assert caller.delete(f"/api/v1/auth/sessions/{given[-1]['session_id']}/").status == 204
            await app.until(lambda: len(given) == 2, task)
            await asyncio.to_thread(person.happen, 2)
            await app.caught_up(task)
            assert app.seen == person.stored(start)
            assert app.resets == [person.stream]
        hopeless = Application(person, lambda: given[0]["access"])
        with pytest.raises(python_client().Refused, match="4401"):
            async with asyncio.timeout(PATIENCE):
                await hopeless.client.run()

    asyncio.run(scenario())


def test_python_says_what_may_not_be_followed(person: Person, product: LiveProduct) -> None:
    other = Person(product)

    async def scenario() -> None:
        app = Application(person)
        await app.client.follow(other.stream)
        await app.client.follow(person.stream)
        async with app.running() as task:
            await app.until(lambda: app.client.positions.get(person.stream), task)
            assert app.others == [{"t": "unsubscribed", "s": other.stream, "d": {"code": "stream_not_found"}}]
            assert list(app.client.positions) == [person.stream]

    asyncio.run(scenario())


def test_python_an_event_that_the_application_could_not_take_comes_again(person: Person) -> None:
    async def scenario() -> None:
        app = Application(person)
        epoch, start = person.head
        await app.client.follow(person.stream, (epoch, start))
        await asyncio.to_thread(person.happen, 4)
        app.fail_at = start + 3
        with pytest.raises(python_client().HandlerFailed) as failed:
            await asyncio.wait_for(app.client.run(), PATIENCE)
        assert isinstance(failed.value.__cause__, LookupError)
        assert [row[0] for row in app.seen] == [start + 1, start + 2]
        async with app.running() as task:
            await app.caught_up(task)
            assert app.seen == person.stored(start)

    asyncio.run(scenario())


@pytest.fixture
def browser(chromium: int, origin: str) -> Iterator[Browser]:
    """A fresh page of the known origin."""
    with page_open(chromium, origin) as page:
        yield page


def test_javascript_has_each_event_once_and_in_order_although_the_server_is_killed(browser: Browser, person: Person) -> None:
    browser.start(person, {person.stream: None})
    _, start = browser.until(f"client.positions.get('{person.stream}')")
    person.happen(20)
    browser.caught_up(person)
    person.product.kill("realtime")
    person.happen(30)
    browser.caught_up(person)
    person.happen(5)
    seen = browser.caught_up(person)
    assert seen == person.stored(start)
    assert len(seen) >= 55
    assert browser.run("resets") == [person.stream]
    browser.run("client.stop()")
    assert browser.until("end") == "stopped"


def test_javascript_loads_anew_when_it_is_too_far_behind_and_follows_from_there(browser: Browser, person: Person) -> None:
    person.happen(FAR_BEHIND)
    start = person.head[1]
    browser.start(person, {person.stream: [person.head[0], 0]})
    browser.until("resets.length")
    person.happen(10)
    assert browser.caught_up(person) == person.stored(start)
    assert browser.run("resets") == [person.stream]


def test_javascript_loads_anew_in_another_epoch_and_says_what_may_not_be_followed(browser: Browser, person: Person) -> None:
    other = Person(person.product)
    browser.start(person, {other.stream: None, person.stream: ["another", 3]})
    assert browser.until("resets.length && resets") == [person.stream]
    start = person.head[1]
    person.happen(3)
    assert browser.caught_up(person) == person.stored(start)
    assert browser.run("others") == [{"t": "unsubscribed", "s": other.stream, "d": {"code": "stream_not_found"}}]


def test_javascript_asks_for_a_new_token_and_gives_up_when_none_helps(browser: Browser, person: Person) -> None:
    browser.start(person, {person.stream: None}, ["not-a-token", person.sign_in()["access"]])
    browser.until(f"client.positions.get('{person.stream}')")
    assert browser.run("asked") == 2
    browser.run("client.stop()")
    browser.until("end")
    browser.run("end = ''")
    browser.start(person, {person.stream: None}, ["not-a-token"])
    assert browser.until("end").startswith("Refused 4401")


def test_javascript_stops_where_its_origin_is_not_known(chromium: int, person: Person) -> None:
    with serving_pages() as stranger, page_open(chromium, stranger) as page:
        page.start(person, {person.stream: None})
        assert page.until("end").startswith("Refused 4403")
