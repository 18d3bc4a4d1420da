"""WhatsApp as it runs, with a gateway of its own: whatever is killed or hangs, each accepted message is sent once, in order."""

import contextlib
import random
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

from config.tests.live import LiveProduct, together
from config.tests.live_whatsapp import TIMEOUT_SECONDS, Account, WhatsAppScene, halt, whatsapp_scene

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

ACCOUNTS, RECIPIENTS, STEPS = 20, 20, 5
TOTAL = ACCOUNTS * RECIPIENTS * STEPS
NUMBERS = [f"+1415555{number}" for number in range(2671, 2671 + RECIPIENTS)]
CALLERS = 5
KILLED = ("relay", "worker", "web", "a web worker", "valkey", "postgres")
HUNG = ("relay", "web", "valkey", "postgres")
MISBEHAVIOUR = (
    {"behaviour": "slow", "times": 8, "seconds": 0.8},
    {"behaviour": "slow", "times": 4, "seconds": TIMEOUT_SECONDS + 0.5, "path": "/api/sendText"},
    {"behaviour": "drop_after_accept", "times": 4, "path": "/api/sendText"},
    {"behaviour": "drop_before", "times": 4},
    {"behaviour": "status", "code": 500, "times": 6},
    {"behaviour": "truncated", "times": 3},
)
# A sender that lived longer than this without writing anything is taken for dead.
LEASE_SECONDS = 3 * TIMEOUT_SECONDS
ARRIVED = ("sent", "delivered", "read")
UNSETTLED = "SELECT count(*) FROM whatsapp_message WHERE status IN ('queued', 'sending')"
# How long a failed message waits is not what is tested here.
HURRY = """
UPDATE whatsapp_message SET next_attempt_at = now() WHERE id IN (
  SELECT id FROM whatsapp_message WHERE status = 'queued' AND next_attempt_at > now() FOR NO KEY UPDATE SKIP LOCKED
) RETURNING id
"""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WhatsAppScene]:
    with whatsapp_scene(tmp_path_factory.mktemp("waha") / "record.jsonl") as made:
        yield made


class Row(NamedTuple):
    """A message as it ended."""

    id: str
    status: str
    client_message_id: str
    error_code: str


@dataclass
class Aftermath:
    """What was accepted and done, and how it stands when nothing is under way any more."""

    seed: int
    accounts: list[Account]
    done: list[str]
    texts: set[str]
    bulks: dict[str, int]
    settled_after: float
    rows: dict[tuple[str, str, str], Row] = field(default_factory=dict)


def write(account: Account, texts: set[str], bulks: dict[str, int], rest: float) -> None:
    """To each recipient one message a step: a bulk to all, but in the last step a text to each."""
    for step in range(STEPS - 1):
        made = account.bulk(NUMBERS, f"step {step}")
        bulks[made["id"]] = made["accepted"]
        time.sleep(rest)
    for number in NUMBERS:
        texts.add(account.text(number, f"step {STEPS - 1}")["id"])
        time.sleep(rest / 10)


def disturb(scene: WhatsAppScene, chance: random.Random, until: threading.Event) -> list[str]:
    """Each way to kill and to hang at least once, in random order at random moments, and the gateway unwell all the time."""
    ways = [("kill", name) for name in KILLED] + [("hang", name) for name in (*HUNG, "gateway", "relay for long")]
    order, done = chance.sample(ways, len(ways)), list[str]()
    while order or not until.is_set():
        way, name = order.pop() if order else chance.choice(ways)
        with contextlib.suppress(OSError):
            scene.gateway.order({**chance.choice(MISBEHAVIOUR)})
        done.append(f"{way} {name}")
        if name == "a web worker":
            scene.live.kill_web_worker()
        elif way == "kill":
            scene.live.kill(name)
        elif name == "gateway":
            with scene.gateway.hung():
                time.sleep(TIMEOUT_SECONDS + 0.5)
        elif name == "relay for long":
            halt(scene.live, "relay", LEASE_SECONDS + 1.0)
        else:
            halt(scene.live, name, chance.uniform(0.5, 3.0))
        time.sleep(chance.uniform(0.3, 2.0))
    return done


def wait_settled(live: LiveProduct, seconds: float = 180.0) -> None:
    """Wait until nothing is on the queue or under way."""

    def settled() -> bool:
        time.sleep(0.5)
        live.query(HURRY)
        return live.query(UNSETTLED) == [(0,)]

    live.wait(settled, seconds, "messages stay on the queue")


@pytest.fixture(scope="module")
def aftermath(scene: WhatsAppScene) -> Aftermath:
    """Two thousand messages of twenty accounts, in the midst of kills and hangs of everything."""
    seed = random.SystemRandom().randrange(1 << 32)
    live, chance, accepted = scene.live, random.Random(seed), threading.Event()
    accounts = scene.accounts(ACCOUNTS)
    scene.gateway.order({"acks": ["sent", "delivered"]})
    texts, bulks, errors = set[str](), dict[str, int](), list[BaseException]()

    def accept(number: int) -> None:
        try:
            for account in accounts[number::CALLERS]:
                write(account, texts, bulks, rest=0.5)
        except BaseException as error:
            errors.append(error)

    callers = [threading.Thread(target=accept, args=(number,)) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    watcher = threading.Thread(target=lambda: ([caller.join() for caller in callers], accepted.set()))
    watcher.start()
    done = disturb(scene, chance, accepted)
    watcher.join()
    if errors:
        raise errors[0]
    live.wait_ready(120)
    began = time.monotonic()
    wait_settled(live)
    found = live.query(
        "SELECT 'atl_' || replace(session_id::text, '-', ''), recipient, content, id::text, status, "
        "client_message_id, error_code FROM whatsapp_message"
    )
    made = Aftermath(seed, accounts, done, texts, bulks, time.monotonic() - began)
    made.rows = {(session, recipient, content): Row(*rest) for session, recipient, content, *rest in found}
    assert len(made.rows) == len(found), "a message was accepted twice"
    return made


def test_each_accepted_message_is_there_once(scene: WhatsAppScene, aftermath: Aftermath) -> None:
    sent = sum(one.status in ARRIVED for one in aftermath.rows.values())
    times = Counter(one["times"] for one in scene.gateway.order({})["sent"])
    sys.stdout.write(
        f"seed {aftermath.seed}: {', '.join(aftermath.done)}; {len(aftermath.rows)} accepted, {sent} sent, "
        f"calls for one message {dict(sorted(times.items()))}; settled {aftermath.settled_after:.0f} s after the last\n"
    )
    sessions = {account.session for account in aftermath.accounts}
    steps = [f"step {step}" for step in range(STEPS)]
    assert set(aftermath.rows) == {(name, number, step) for name in sessions for number in NUMBERS for step in steps}
    assert aftermath.texts <= {row.id for row in aftermath.rows.values()}
    assert len(aftermath.texts) == ACCOUNTS * RECIPIENTS
    assert Counter(aftermath.bulks.values()) == {RECIPIENTS: ACCOUNTS * (STEPS - 1)}


def test_none_is_lost_and_none_is_sent_twice(scene: WhatsAppScene, aftermath: Aftermath) -> None:
    recorded = scene.gateway.recorded()
    by_message = Counter((one["session"], f"+{one['recipient'].partition('@')[0]}", one["content"]) for one in recorded)
    assert {message for message, count in by_message.items() if count > 1} == set(), "sent twice"
    assert {one["client_id"] for one in recorded} <= {row.client_message_id for row in aftermath.rows.values()}
    missing = {message: row for message, row in aftermath.rows.items() if message not in by_message}
    assert {message: row for message, row in missing.items() if row.status in ARRIVED} == {}, "said to be sent and was not"
    assert all(row.status in ("failed", "unknown") and row.error_code for row in missing.values()), missing
    assert len(missing) < TOTAL // 100
    assert scene.gateway.order({})["violations"] == []


def test_each_recipient_got_them_in_the_order_in_which_they_were_accepted(scene: WhatsAppScene, aftermath: Aftermath) -> None:
    lanes = defaultdict(list)
    for one in scene.gateway.recorded():
        lanes[(one["session"], one["recipient"])].append(one["content"])
    assert {lane: steps for lane, steps in lanes.items() if steps != sorted(steps)} == {}


def test_what_was_sent_is_told_once_and_acknowledged_later_where_the_first_was_missed(
    scene: WhatsAppScene, aftermath: Aftermath
) -> None:
    unread = "SELECT count(*) FROM whatsapp_inboundevent WHERE processed_at IS NULL"
    scene.live.wait(lambda: scene.live.query(unread) == [(0,)], 90, "acknowledgements stay unread")
    keys = {
        key for (key,) in scene.live.query("SELECT client_message_id FROM whatsapp_message WHERE status IN ('sent', 'unknown')")
    }
    sent = scene.gateway.order({})["sent"]
    missed = [one["id"] for one in sent if one["client_id"] in keys]

    def acknowledge(number: int) -> None:
        for key in missed[number::CALLERS]:
            scene.gateway.order({"do": "acknowledge", "id": key, "kinds": ["delivered"]})

    together(CALLERS, acknowledge)
    delivered = "SELECT count(*) FROM whatsapp_message WHERE status = 'delivered'"
    scene.live.wait(lambda: scene.live.query(delivered) == [(len(sent),)], 90, "acknowledgements stay unread")
    sys.stdout.write(f"{len(missed)} of {len(sent)} acknowledged later\n")
    told = "SELECT type, payload->>'message', count(*) FROM events_event WHERE type LIKE 'whatsapp.message.%%' GROUP BY 1, 2"
    found = scene.live.query(told)
    assert {(kind, message) for kind, message, count in found if count > 1} == set(), "told twice"
    assert sum(kind == "whatsapp.message.delivered" for kind, _, _ in found) == len(sent)


def test_each_message_that_was_not_taken_back_counts_once(scene: WhatsAppScene, aftermath: Aftermath) -> None:
    failed = sum(row.status == "failed" for row in aftermath.rows.values())
    assert scene.live.query("SELECT sum(messages_sent)::int FROM analytics_usagestats") == [(TOTAL - failed,)]


@pytest.mark.parametrize(("behaviour", "calls"), [("slow", 2), ("hang", 1)])
def test_a_sender_killed_between_its_claim_and_the_answer_leads_to_one_message(
    scene: WhatsAppScene, behaviour: str, calls: int
) -> None:
    (account,) = scene.accounts(1)
    scene.gateway.order({"acks": []})
    scene.gateway.order({"behaviour": behaviour, "path": "/api/sendText", "seconds": TIMEOUT_SECONDS - 0.5})
    accepted = account.text(NUMBERS[0], "once")["id"]
    under_way = "SELECT id::text FROM whatsapp_message WHERE status = 'sending' AND client_message_id <> ''"
    scene.live.wait(lambda: scene.live.query(under_way) == [(accepted,)], 20, "it was not taken")
    time.sleep(0.3)
    scene.live.kill("relay")
    scene.live.wait_ready()
    wait_settled(scene.live)
    assert scene.live.query("SELECT status FROM whatsapp_message WHERE id = %s", (accepted,)) == [("sent",)]
    assert [one["content"] for one in scene.gateway.recorded() if one["session"] == account.session] == ["once"]
    assert [one["times"] for one in scene.gateway.order({})["sent"] if one["session"] == account.session] == [calls]


def test_a_session_whose_gateway_hangs_does_not_delay_another(scene: WhatsAppScene) -> None:
    *hanging, good = scene.accounts(4)
    for account in hanging:
        scene.gateway.order({"behaviour": "hang", "times": 10_000, "path": f"/api/{account.session}/new-message-id"})
        account.bulk(NUMBERS, "never")
    waiting = "SELECT count(*) FROM whatsapp_message WHERE status = 'sending'"
    scene.live.wait(lambda: scene.live.query(waiting)[0][0] >= len(hanging), 20, "nothing hangs")
    began = {}
    for number in NUMBERS:
        began[number] = time.time()
        good.text(number, "at once")
    mine = lambda: [one for one in scene.gateway.recorded() if one["session"] == good.session]  # noqa: E731
    scene.live.wait(lambda: len(mine()) == len(NUMBERS), 30, "the good session's messages wait")
    delays = sorted(one["at"] - began[f"+{one['recipient'].partition('@')[0]}"] for one in mine())
    sys.stdout.write(f"beside {len(hanging)} that hang: p50 {delays[10] * 1000:.0f}, worst {delays[-1] * 1000:.0f} ms\n")
    # Behind one call that hangs it would be a timeout, behind ten of them ten.
    assert delays[10] < TIMEOUT_SECONDS / 2
    assert delays[-1] < TIMEOUT_SECONDS
