"""Runs the three sides in turn and prints the ratios; the last line of standard output is JSON.

Server, publisher and load are processes of their own. A figure of throughput is deliveries for each second of CPU that the server
took, which a busy machine disturbs least; a figure of latency is from the publisher's clock before its commit to the last
socket's frame, on one machine's monotonic clock. Every side runs under uvicorn and uvloop, but for the bare one, which is
`websockets`' own server.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from config.local.components import REALTIME_OPTIONS
from config.local.process import free_port
from config.local.scratch import ScratchServices

ROOT = Path(__file__).resolve().parents[2]
SOCKETS = 500
LATENCY_EVENTS_PER_SECOND = 10
MIXED_STREAMS = 200
MIXED_SOCKETS = 2000
HOT_SOCKETS = 1005
STALLED_SOCKETS = 50
# In all more than a socket that is not read may hold (in the kernel, the transport, the queue), so that each is closed.
STALLED_EVENTS_PER_SECOND = 50
STALLED_BYTES = 30_000
_TICK = os.sysconf("SC_CLK_TCK")


def say(text: str) -> None:
    """Progress, apart from the result."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


class Child:
    """A process that is asked by lines and answers by lines."""

    def __init__(self, *arguments: str, env: dict[str, str]) -> None:
        command = [sys.executable, "-m", *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)

    def tell(self, message: Any) -> None:
        """Send one line."""
        assert self.process.stdin is not None
        self.process.stdin.write((message if isinstance(message, str) else json.dumps(message)) + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        """Read one line. Raises RuntimeError when the process ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended")
        return line

    def ask(self, message: Any) -> Any:
        """Send one line and read the answer."""
        self.tell(message)
        return json.loads(self.hear())

    @property
    def cpu(self) -> float:
        """CPU seconds so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    @property
    def resident_kb(self) -> int:
        """Memory in KiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0])


def uvicorn(application: str, port: int, env: dict[str, str], *options: str) -> Child:
    """A server process."""
    return Child("uvicorn", application, "--port", str(port), "--log-level", "warning", "--loop", "uvloop", *options, env=env)


class Side:
    """One contender with its server and publisher, and the sockets' opening frames."""

    def __init__(self, name: str, env: dict[str, str], people: list[dict[str, str]]) -> None:
        self.name = name
        self._env = env
        self._people = people

    def run(self, seconds: float, fan_out_rate: float) -> dict[str, float]:
        """Throughput and latency with all sockets in one room."""
        port = free_port()
        with ExitStack() as stack:
            server = stack.enter_context(self._server(port))
            publisher = stack.enter_context(Child("bench.realtime.publisher", self.name, env=self._env))
            _wait_for(port)
            before = server.resident_kb
            load = stack.enter_context(Child("bench.realtime.client", env=self._env))
            load.tell({"port": port, "path": self._path, "groups": {"room": [self._opening(0)] * SOCKETS}})
            load.hear()
            time.sleep(1.0)
            result = {"kb_per_socket": round((server.resident_kb - before) / SOCKETS, 1)}
            load.ask("measure")
            stream = [self._people[0]["stream"]]
            publisher.ask({"streams": stream, "rate": LATENCY_EVENTS_PER_SECOND, "seconds": seconds})
            time.sleep(1.0)
            latency = load.ask("count")["room"]
            result |= {"p50_ms": latency["p50_ms"], "p99_ms": latency["p99_ms"]}
            cpu, began = server.cpu, time.monotonic()
            published = publisher.ask({"streams": stream, "rate": fan_out_rate, "seconds": seconds})
            seen = 0
            while seen < published * SOCKETS and time.monotonic() < began + seconds * 10:
                time.sleep(0.1)
                seen += load.ask("count")["room"]["count"]
            used = server.cpu - cpu
            result |= {"lost": published * SOCKETS - seen, "us_per_delivery": round(used / seen * 1e6, 2)}
            result["per_cpu_second"] = round(seen / used)
        say(f"{self.name}: {result}")
        return result

    @property
    def _path(self) -> str:
        return {"ours": "/ws/v1/", "stock": "/ws/", "bare": "/"}[self.name]

    def _opening(self, person: int) -> list[str]:
        if self.name != "ours":
            return ['{"hello":1}']
        who = self._people[person]
        auth = {"id": 1, "t": "auth", "token": who["token"]}
        return [json.dumps(auth), json.dumps({"id": 2, "t": "sub", "streams": {who["stream"]: {}}})]

    def _server(self, port: int) -> Child:
        if self.name == "ours":
            return uvicorn("config.asgi:application", port, self._env, *REALTIME_OPTIONS)
        if self.name == "stock":
            return uvicorn("bench.realtime.stock:application", port, self._env, "--ws-per-message-deflate", "false")
        return Child("bench.realtime.bare", str(port), env=self._env)

    def mixed(self, seconds: float) -> dict[str, float]:
        """Two thousand sockets over two hundred streams: the p99 of quiet ones without and beside a hot one.

        Beside one in the same process, and, as what the machine's other work costs by itself, beside one in another process.
        """
        found, apart = self._mixed(seconds, apart=False), self._mixed(seconds, apart=True)
        result = found | {"quiet_beside_hot_apart_p99_ms": apart["quiet_beside_hot_p99_ms"]}
        say(f"mixed: {result}")
        return result

    def _mixed(self, seconds: float, *, apart: bool) -> dict[str, float]:
        ports = free_port(), free_port()
        quiet = range(1, MIXED_STREAMS)
        each = (MIXED_SOCKETS - HOT_SOCKETS) // len(quiet)
        calm = {"quiet": [self._opening(person) for person in quiet for _ in range(each)]}
        busy = {"hot": [self._opening(0)] * HOT_SOCKETS}
        with ExitStack() as stack:
            servers = [stack.enter_context(self._server(port)) for port in ports[: 1 + apart]]
            slow = stack.enter_context(Child("bench.realtime.publisher", self.name, env=self._env))
            fast = stack.enter_context(Child("bench.realtime.publisher", self.name, env=self._env))
            for port in ports[: 1 + apart]:
                _wait_for(port)
            before = servers[0].resident_kb
            # A load process each: a socket's age is not to hold the time that its reader took for the hot stream's frames.
            load, hot_load = (stack.enter_context(Child("bench.realtime.client", env=self._env)) for _ in range(2))
            for child, groups, port in ((load, calm, ports[0]), (hot_load, busy, ports[apart])):
                child.tell({"port": port, "path": self._path, "groups": groups})
                child.hear()
            resident = servers[0].resident_kb - before
            order = {"streams": [self._people[person]["stream"] for person in quiet], "rate": 100, "seconds": seconds}
            load.ask("measure")
            hot_load.ask("measure")
            slow.ask(order)
            time.sleep(0.5)
            alone = load.ask("measure")["quiet"]
            fast.tell({"streams": [self._people[0]["stream"]], "rate": 10, "seconds": seconds})
            slow.ask(order)
            fast.hear()
            time.sleep(0.5)
            beside, hot = load.ask("count")["quiet"], hot_load.ask("count")["hot"]
        return {
            "quiet_p50_ms": alone["p50_ms"],
            "quiet_p99_ms": alone["p99_ms"],
            "quiet_beside_hot_p50_ms": beside["p50_ms"],
            "quiet_beside_hot_p99_ms": beside["p99_ms"],
            "hot_p99_ms": hot["p99_ms"],
            "kb_per_socket": round(resident / MIXED_SOCKETS, 1),
        }

    def stalled(self, seconds: float) -> dict[str, float]:
        """The p99 of those who read, without and beside others on the same stream that do not."""
        port = free_port()
        with ExitStack() as stack:
            server = stack.enter_context(self._server(port))
            publisher = stack.enter_context(Child("bench.realtime.publisher", self.name, env=self._env))
            _wait_for(port)
            load, stalled = (stack.enter_context(Child("bench.realtime.client", env=self._env)) for _ in range(2))
            load.tell({"port": port, "path": self._path, "groups": {"reading": [self._opening(0)] * 100}})
            load.hear()
            order = {
                "streams": [self._people[0]["stream"]],
                "rate": STALLED_EVENTS_PER_SECOND,
                "seconds": seconds,
                "size": STALLED_BYTES,
            }
            load.ask("measure")
            publisher.ask(order)
            time.sleep(0.5)
            alone = load.ask("measure")["reading"]
            stalled.tell({"port": port, "path": self._path, "groups": {"stalled": [self._opening(0)] * STALLED_SOCKETS}})
            stalled.hear()
            before = server.resident_kb
            publisher.ask(order)
            time.sleep(0.5)
            beside = load.ask("count")["reading"]
            grown = server.resident_kb - before
        result = {
            "p99_ms": alone["p99_ms"],
            "beside_stalled_p99_ms": beside["p99_ms"],
            "kb_per_stalled_socket": round(grown / STALLED_SOCKETS, 1),
        }
        say(f"stalled: {result}")
        return result


def _wait_for(port: int) -> None:
    import socket

    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the server does not listen")


def people(env: dict[str, str]) -> list[dict[str, str]]:
    """Tokens and streams of as many people as there are streams."""
    program = (
        "import json, django; django.setup()\n"
        "from users.models import User; from users.services import sessions\n"
        f"users = [User.objects.create(username=f'p{{n}}', email=f'p{{n}}@example.com') for n in range({MIXED_STREAMS})]\n"
        "print(json.dumps([{'stream': f'user:{u.pk}', 'token': sessions.open_session(user=u).tokens.access} for u in users]))"
    )
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True)
    output = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE).stdout
    found: list[dict[str, str]] = json.loads(output)
    return found


def main() -> int:
    """Run everything."""
    parser = argparse.ArgumentParser(description="Fan-out to sockets, side by side.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    options = parser.parse_args()
    with ScratchServices(durable=True, private=True) as services:
        env = {**os.environ, **services.environment(), "DJANGO_SETTINGS_MODULE": "bench.realtime.settings"}
        who = people(env)
        # Well below what each can do, so that queues measure nothing; the rate is in events, each to five hundred sockets.
        rates = {"ours": 60.0, "stock": 8.0, "bare": 60.0}
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in rates}
        ours = Side("ours", env, who)
        for _ in range(options.rounds):
            for name, rate in rates.items():
                rounds[name].append(Side(name, env, who).run(options.seconds, rate))
        mixed = _median([ours.mixed(options.seconds) for _ in range(options.rounds)])
        stalled = _median([ours.stalled(options.seconds) for _ in range(options.rounds)])
    report(rounds, mixed, stalled)
    return 0


def _median(found: list[dict[str, float]]) -> dict[str, float]:
    return {key: sorted(one[key] for one in found)[len(found) // 2] for key in found[0]}


def report(rounds: dict[str, list[dict[str, float]]], mixed: dict[str, float], stalled: dict[str, float]) -> None:
    """A table for people, then one line of JSON."""
    middle = {name: _median(found) for name, found in rounds.items()}
    for name, found in middle.items():
        sys.stdout.write(
            f"{name:6} {found['per_cpu_second']:9.0f} deliveries a CPU second  {found['us_per_delivery']:7.2f} us each"
            f"   p50 {found['p50_ms']:6.1f} ms  p99 {found['p99_ms']:6.1f} ms   {found['kb_per_socket']:6.1f} KiB a socket\n"
        )
    ours, stock, bare = middle["ours"], middle["stock"], middle["bare"]
    result = {
        "fan_out_vs_stock": round(ours["per_cpu_second"] / stock["per_cpu_second"], 1),
        "fan_out_vs_bare": round(ours["per_cpu_second"] / bare["per_cpu_second"], 2),
        "p99_vs_stock": round(ours["p99_ms"] / stock["p99_ms"], 2),
        "kb_per_idle_socket": max(ours["kb_per_socket"], mixed["kb_per_socket"]),
        **{f"{name}_{key}": value for name, found in middle.items() for key, value in found.items()},
        **{f"mixed_{key}": value for key, value in mixed.items()},
        **{f"stalled_{key}": value for key, value in stalled.items()},
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    sys.exit(main())
