"""The example page of chat in a real browser against the running product: two windows, 500 messages, and killed servers."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from config.local.layout import PROJECT
from config.tests.example_clients import Browser, page_open
from config.tests.live import UNLIMITED, LiveProduct

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

LONG = 500
LIMITS = dict.fromkeys(("CHAT_LIMIT_SENDER", "CHAT_LIMIT_GUEST", "CHAT_LIMIT_ROOM"), "1000000/60")
FILL = """
import sys, django
from uuid import UUID
django.setup()
from modules.chat import sending
room, user, count = UUID(sys.argv[1]), UUID(sys.argv[2]), int(sys.argv[3])
for first in range(0, count, 100):
    drafts = [sending.Draft(room, user, f"message {number}") for number in range(first, first + 100)]
    assert all(isinstance(sent, sending.Sent) for sent in sending.send(drafts))
"""
# What is in the list now, from top to bottom: [number, text] of each message that the server has.
SHOWN = (
    "[...document.querySelectorAll('#messages > li:not(.pending)')].map((li) => [+li.dataset.number, $('.text', li).textContent])"
)
HELPERS = """
window.$ = (selector, within = document) => within.querySelector(selector);
window.list = $('#messages');
window.write = (text) => {
  $('#room textarea').value = text;
  $('#room .composer').requestSubmit();
};
window.shown = () => SHOWN;
// Everything that was ever in the list, although the page holds a window only.
window.seen = new Map();
window.twice = [];
window.look = () => {
  const now = shown();
  for (const [number, text] of now) seen.set(number, text);
  if (new Set(now.map(([number]) => number)).size < now.length) twice.push(now);
};
new MutationObserver(look).observe(list, { childList: true });
look();
""".replace("SHOWN", SHOWN)
CHOOSE_PICTURE = """(async () => {
  const canvas = new OffscreenCanvas(900, 600);
  canvas.getContext('2d').fillRect(0, 0, 450, 600);
  const chosen = new DataTransfer();
  chosen.items.add(new File([await canvas.convertToBlob()], 'boat.png'));
  $('#room input[type=file]').files = chosen.files;
  $('#room input[type=file]').dispatchEvent(new Event('change'));
})()"""


@dataclass(frozen=True)
class Talker:
    """Somebody with an account."""

    id: str
    username: str
    password: str


@dataclass(frozen=True)
class Stage:
    """Two people in a room of their own."""

    product: LiveProduct
    devtools: int
    room: str
    ada: Talker
    grace: Talker

    @contextlib.contextmanager
    def window(self, talker: Talker) -> Iterator[Browser]:
        """The page in a tab of its own, with somebody signed in."""
        socket = f"http://127.0.0.1:{self.product.address.realtime_port}"
        address = f"{self.product.url}/examples/chat/index.html?socket={socket}"
        with page_open(self.devtools, address, ready="document.querySelector('#entrance')?.hidden === false") as page:
            page.state = (
                "[document.querySelector('#notice').textContent, document.querySelector('#messages').innerText.slice(-500)]"
            )
            fields = json.dumps({"username": talker.username, "password": talker.password})
            page.run(f"for (const [n, v] of Object.entries({fields})) document.querySelector(`[name=${{n}}]`).value = v")
            page.run("document.querySelector('[value=password]').click()")
            page.until("document.querySelector('#room h2').textContent === 'Quay'")
            page.run(HELPERS)
            yield page

    @property
    def stored(self) -> list[list[Any]]:
        """[number, text] of each message of the room."""
        statement = "SELECT number, text FROM chat_message WHERE room_id = %s ORDER BY number"
        return [list(row) for row in self.product.query(statement, (self.room,))]

    def fill(self, count: int) -> None:
        """Many messages at once, from a process of the product's."""
        environment = {**self.product.state.environment, **LIMITS, "PATH": os.environ["PATH"]}
        command = [sys.executable, "-c", FILL, self.room, self.ada.id, str(count)]
        subprocess.run(command, env=environment, cwd=PROJECT, check=True, timeout=120)


@pytest.fixture(scope="module")
def product() -> Iterator[LiveProduct]:
    """A product of our own without limits; its own address is one that sockets let in."""
    with LiveProduct(extra={**UNLIMITED, **LIMITS}) as running:
        yield running


@pytest.fixture
def stage(chromium: int, product: LiveProduct) -> Stage:
    """Two new people and a new room."""
    product.wait_ready()
    ada, grace = (Talker(*product.make_person()) for _ in range(2))
    caller = product.caller(f"Bearer {product.sign_in(ada.username, ada.password)['access']}")
    made = caller.post("/api/v1/chat/rooms/", {"kind": "group", "name": "Quay", "members": [grace.id]})
    assert made.status == 201, made.raw
    return Stage(product, chromium, made.data["id"], ada, grace)


def everywhere(stage: Stage, *windows: Browser) -> list[list[Any]]:
    """What is stored, when each window shows exactly that, in that order, and has nothing left to send."""
    for window in windows:
        window.until(f"!document.querySelector('.pending') && shown().length >= {len(stage.stored)}")
        window.run("look()")
    stored = stage.stored
    for window in windows:
        assert window.run("shown()") == stored
        assert window.run("twice") == []
    return stored


def test_two_windows_talk_both_ways_and_show_the_same(stage: Stage) -> None:
    with stage.window(stage.ada) as ada, stage.window(stage.grace) as grace:
        ada.until("$('#room header p').textContent === '2 here now'")
        ada.run("write('ahoy')")
        grace.until("shown().length === 1")
        grace.run("write('<b>ahoy</b> & <script>window.broken = 1</script>')")
        ada.until("shown().length === 2")
        ada.run("write('three'); write('four')")

        stored = everywhere(stage, ada, grace)
        assert [text for _, text in stored] == ["ahoy", "<b>ahoy</b> & <script>window.broken = 1</script>", "three", "four"]
        assert ada.run("window.broken ?? document.querySelector('#messages b, #messages script')") is None


def test_the_other_window_hears_of_reactions_edits_deletions_answers_and_typing(stage: Stage) -> None:
    with stage.window(stage.ada) as ada, stage.window(stage.grace) as grace:
        ada.run("write('one')")
        grace.until("shown().length === 1")
        grace.run("$('#messages [aria-label=\"React with 👍\"]').click()")
        ada.until("$('#messages .reactions button')?.textContent === '👍 1'")
        ada.run("$('#messages [aria-label=Edit]').click(); write('one, better')")
        grace.until("$('#messages .text').textContent === 'one, better' && $('#messages .note').textContent === 'edited'")
        grace.run("$('#messages [aria-label=\"Answer in a thread\"]').click()")
        grace.until("document.activeElement === $('#thread textarea')")
        grace.run("$('#thread textarea').value = 'an answer'; $('#thread .composer').requestSubmit()")
        grace.until("$('#thread li:not(.pending) .text')?.textContent === 'an answer'")
        ada.until("$('#messages .replies').textContent === '1 answer'")
        grace.run("$('#room textarea').dispatchEvent(new Event('input'))")
        ada.until("$('#typing').textContent.includes('typing')")
        ada.run("$('#messages [aria-label=Delete]').click()")
        grace.until("!!$('#messages .deleted')")
        assert "one" not in grace.run("$('#messages').textContent")


def test_a_picture_is_sent_and_its_smaller_copy_is_seen(stage: Stage) -> None:
    with stage.window(stage.ada) as ada, stage.window(stage.grace) as grace:
        ada.run(CHOOSE_PICTURE)
        ada.until("$('.attached').textContent.includes('boat.png')")
        ada.run("write('look')")
        for window in (ada, grace):
            window.until("$('#messages img')?.naturalWidth === 480")
        everywhere(stage, ada, grace)


def test_what_was_not_read_is_counted_until_it_is_looked_at(stage: Stage) -> None:
    stage.fill(100)
    with stage.window(stage.grace) as grace:
        grace.until("!!$('.first-unread')")
        assert grace.run("+$('.first-unread').dataset.number") == 1
        assert grace.run("$('#rooms b').textContent") == "100"
        grace.run("$('#newer').click()")
        grace.until("!$('#rooms b')")
    unread = "SELECT read_number FROM chat_member WHERE room_id = %s AND user_id = %s"
    assert stage.product.query(unread, (stage.room, stage.grace.id)) == [(100,)]


def test_500_messages_scroll_up_and_down_while_the_page_holds_a_part_of_them(stage: Stage) -> None:
    stage.fill(LONG)
    with stage.window(stage.ada) as ada:
        ada.until("shown().at(-1)?.[0] === 500")
        most = 0
        for edge, target in ((0, 1), ("list.scrollHeight", LONG)):
            for _ in range(200):
                ada.run(f"list.scrollTop = {edge}; new Promise((go) => setTimeout(go, 50))")
                numbers = [number for number, _ in ada.run("shown()")]
                assert numbers == list(range(numbers[0], numbers[-1] + 1)), "a hole, a double or disorder"
                most = max(most, len(numbers))
                if target in numbers:
                    break
            assert target in numbers
        assert most <= 250
        assert sorted(ada.run("[...seen]")) == stage.stored


def test_loading_above_does_not_move_what_is_being_read(stage: Stage) -> None:
    stage.fill(LONG)
    with stage.window(stage.ada) as ada:
        ada.until("shown().at(-1)?.[0] === 500")
        place = "[...list.children].map((li) => [li.dataset.number, Math.round(li.offsetTop - list.scrollTop)])"
        before = dict(ada.run(f"list.scrollTop = 500; window.first = shown()[0][0]; {place}"))
        ada.until("shown()[0][0] < first")
        after = dict(ada.run(place))
        common = [number for number in before if number in after and 0 <= before[number] < 400]
        assert common
        assert all(abs(before[number] - after[number]) <= 1 for number in common)


def test_killed_servers_lose_nothing_double_nothing_and_leave_one_order(stage: Stage) -> None:
    count = itertools.count(1)
    sent = []

    def burst(window: Browser, name: str, messages: int) -> None:
        for _ in range(messages):
            text = f"{name} {next(count)}"
            sent.append(text)
            window.run(f"write({json.dumps(text)})")
            time.sleep(0.02)

    with stage.window(stage.ada) as ada, stage.window(stage.grace) as grace:
        for victim in ("realtime", "web", "both"):
            burst(ada, "ada", 8)
            burst(grace, "grace", 8)
            for name in ("realtime", "web") if victim == "both" else (victim,):
                stage.product.kill(name)
            burst(ada, "ada", 8)
            burst(grace, "grace", 8)
            stage.product.wait_ready()
        stored = everywhere(stage, ada, grace)
        assert sorted(text for _, text in stored) == sorted(sent)
        for name in ("ada", "grace"):
            own = [text for text in sent if text.startswith(name)]
            assert [text for _, text in stored if text.startswith(name)] == own, "in the order they were written"


def test_what_was_written_without_a_server_survives_a_reload_of_the_page(stage: Stage) -> None:
    with stage.window(stage.ada) as ada, stage.window(stage.grace) as grace:
        ada.run("write('before')")
        grace.until("shown().length === 1")
        ada.run("window.fetch = () => Promise.reject(new TypeError('no network')); write('meanwhile')")
        ada.until("!!$('.pending')")
        ada.run("setTimeout(() => location.reload())")
        grace.until("shown().length === 2")
        assert [text for _, text in stage.stored] == ["before", "meanwhile"]


def test_a_guest_comes_in_by_a_link_and_talks(stage: Stage) -> None:
    caller = stage.product.caller(f"Bearer {stage.product.sign_in(stage.ada.username, stage.ada.password)['access']}")
    link = caller.post(f"/api/v1/chat/rooms/{stage.room}/links/", {"role": "guest", "expires_in": 3600, "max_uses": 1})
    assert link.status == 201, link.raw
    socket = f"http://127.0.0.1:{stage.product.address.realtime_port}"
    address = f"{stage.product.url}/examples/chat/index.html?socket={socket}&invite={link.data['token']}"
    ready = "document.querySelector('#as-guest')?.hidden === false"
    with stage.window(stage.ada) as ada, page_open(stage.devtools, address, ready) as guest:
        guest.run("document.querySelector('[name=display_name]').value = 'Passer-by'")
        guest.run("document.querySelector('[value=guest]').click()")
        guest.until("document.querySelector('#room h2').textContent === 'Quay'")
        assert "invite" not in guest.run("location.href")
        guest.run(HELPERS)
        guest.run("write('hello from outside')")
        ada.until("shown().length === 1")
        assert ada.run("$('#messages .author').textContent") == "Passer-by"
        ada.run("write('welcome')")
        everywhere(stage, ada, guest)
