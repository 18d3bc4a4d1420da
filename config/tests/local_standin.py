"""The real runner with small stand-ins for the product's processes, as a program for the runner's tests.

The engines, the lock, the signals and the supervision are the real ones; only what `manage.py`, granian and
celery would be is replaced, so that a test takes a second and fails for the runner's reasons alone.
"""

import contextlib
import os
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from config.local import components, control
from config.local.__main__ import main
from config.local.layout import PROJECT, Layout, WebAddress
from config.local.process import ChildSpec

# What a test writes here, web says until `prepare` has run again.
UNMIGRATED, REFUSED = "unmigrated", "refused"

_ANSWERING = """
import http.server, os, pathlib, sys
data = pathlib.Path(os.environ["DATA_DIR"])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        unmigrated = (data / "unmigrated").exists()
        refused = (data / "refused").exists() and "Authorization" in self.headers
        self.send_response(503 if unmigrated else 401 if refused else 200)
        self.end_headers()
        self.wfile.write(b'{"components": {"migrations": {"status": "%s"}}}' % (b"down" if unmigrated else b"ok"))
http.server.HTTPServer((os.environ["HOST"], int(os.environ[sys.argv[1]])), Handler).serve_forever()
"""

# A main process and a child of its own, like granian and celery; the child holds on to its parent.
_WORKER = """
import signal, subprocess, sys, time
holding_on = "from config.local.process import die_with_parent as d; import time; d(); time.sleep(600)"
children = [subprocess.Popen([sys.executable, "-c", holding_on]) for _ in range(2)]
time.sleep(600)
"""

_IDLE = "import time; time.sleep(600)"

_PREPARE = """
import os, pathlib, sys
pathlib.Path(sys.argv[1]).write_text("ATELIER_URL=http://localhost:%s\\nATELIER_ADMIN_USERNAME=demo-admin\\n"
    "ATELIER_ADMIN_PASSWORD=demo-password\\nATELIER_API_KEY=atl_live_demo\\n" % os.environ["PORT"])
for name in ("unmigrated", "refused"):
    pathlib.Path(os.environ["DATA_DIR"], name).unlink(missing_ok=True)
"""


def _prepare(layout: Layout, env: Mapping[str, str]) -> ChildSpec:
    program = _broken().get("prepare", _PREPARE)
    return _spec(layout, env, "prepare", program, str(layout.demo_env))


def _broken() -> dict[str, str]:
    """Replace the process named in STANDIN_BROKEN by one that says why it ends."""
    name = os.environ.get("STANDIN_BROKEN", "")
    return {name: f"raise SystemExit('the reason why {name} fails')"} if name else {}


def _application(layout: Layout, address: WebAddress, env: Mapping[str, str]) -> list[ChildSpec]:
    assert address.port == int(env["PORT"])
    programs = {"web": _ANSWERING, "realtime": _ANSWERING, "worker": _WORKER, "shipper": _IDLE, "relay": _IDLE} | _broken()
    ports = {"web": "PORT", "realtime": "REALTIME_PORT"}
    return [_spec(layout, env, name, program, ports.get(name, "")) for name, program in programs.items()]


def _spec(layout: Layout, env: Mapping[str, str], name: str, program: str, *arguments: str) -> ChildSpec:
    return ChildSpec(name, (sys.executable, "-c", textwrap.dedent(program), *arguments), env, PROJECT, layout.log(name))


def processes_mentioning(path: Path) -> set[int]:
    """Return the living processes that carry a directory in their arguments or their environment."""
    needle, found = os.fsencode(path), set[int]()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            alive = " Z " not in (entry / "stat").read_text().rpartition(")")[2][:4]
            if alive and int(entry.name) != os.getpid() and needle in _words(entry):
                found.add(int(entry.name))
    return found


def _words(entry: Path) -> bytes:
    words = (entry / "cmdline").read_bytes()
    with contextlib.suppress(OSError):
        words += (entry / "environ").read_bytes()
    return words


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a condition; fail when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come true in time")
        time.sleep(0.02)


if __name__ == "__main__":
    control.RUNNER_MODULE = "config.tests.local_standin"
    components.prepare = _prepare
    components.application = _application
    sys.exit(main(sys.argv[1:]))
