"""Watching children: who dies is started again, unless it keeps dying, then later and later.

Owns the set of running children, their restarts and their orderly end. It does not know what they do; the
runner says which there are and in which order they stop.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from config.local.process import ChildSpec, Process, alive, kill_group, spawn, stop
from config.local.state import ProcessState, birth_mark

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
# Who lived this long before dying gets the first pause again.
HEALTHY_SECONDS = 10.0


@dataclass
class Supervised:
    """One child and its history."""

    spec: ChildSpec
    process: Process
    port: int | None = None
    started_at: float = field(default_factory=time.time)
    began: float = field(default_factory=time.monotonic)
    born: str = ""
    restarts: int = 0
    pause: float = FIRST_PAUSE
    # When to start it again (monotonic); None while it runs.
    due: float | None = None

    def __post_init__(self) -> None:
        self.born = birth_mark(self.process.pid)

    def state(self) -> ProcessState:
        """Describe it for `status`."""
        running = self.due is None
        return ProcessState(
            name=self.spec.name,
            pid=self.process.pid if running else None,
            state="running" if running else "restarting",
            started_at=self.started_at,
            restarts=self.restarts,
            port=self.port,
            born=self.born if running else "",
        )


class Supervisor:
    """The running children of one runner."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.children: list[Supervised] = []
        self._say = say

    def start(self, spec: ChildSpec, *, port: int | None = None) -> None:
        """Start a child and watch it from now on."""
        self.adopt(spec, spawn(spec), port=port)

    def adopt(self, spec: ChildSpec, process: Process, *, port: int | None = None) -> None:
        """Watch a child that has been started already."""
        self.children.append(Supervised(spec, process, port=port))

    def tick(self) -> bool:
        """Notice who died and start who is due; say whether anything changed."""
        changed = False
        for child in self.children:
            if child.due is not None:
                if time.monotonic() >= child.due:
                    self._restart(child)
                    changed = True
            elif not alive(child.process):
                self._bury(child)
                changed = True
        return changed

    def stop(self, names: Iterable[str], patience: Callable[[], bool] = lambda: True) -> None:
        """Stop these children together and watch them no longer."""
        wanted = set(names)
        leaving = [child for child in self.children if child.spec.name in wanted]
        self.children = [child for child in self.children if child.spec.name not in wanted]
        stop([(child.spec, child.process) for child in leaving], patience=patience)

    def states(self) -> list[ProcessState]:
        """Describe all children for `status`."""
        return [child.state() for child in self.children]

    def all_running(self) -> bool:
        """Say whether no child waits for its return."""
        return all(child.due is None for child in self.children)

    def restarts(self, name: str) -> int:
        """Return how often a child has been started again."""
        return sum(child.restarts for child in self.children if child.spec.name == name)

    def _bury(self, child: Supervised) -> None:
        """Clear away what a dead child left and set the time of its return."""
        kill_group(child.process.pid)
        if time.monotonic() - child.began >= HEALTHY_SECONDS:
            child.pause = FIRST_PAUSE
        self._say(f"{child.spec.name} died ({_how(child.process.returncode)}); again in {child.pause:.1f} s")
        child.due = time.monotonic() + child.pause
        child.pause = min(child.pause * 2, LONGEST_PAUSE)

    def _restart(self, child: Supervised) -> None:
        child.process = spawn(child.spec)
        child.began, child.started_at = time.monotonic(), time.time()
        child.born = birth_mark(child.process.pid)
        child.restarts += 1
        child.due = None
        self._say(f"{child.spec.name} started again (pid {child.process.pid})")


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
