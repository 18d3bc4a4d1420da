"""The running product and a browser, shared by all tests that need real ones: one worker of a parallel run has them all."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.tests.example_clients import PATIENCE
from config.tests.live import LiveProduct


@pytest.fixture(scope="session")
def live() -> Iterator[LiveProduct]:
    """The product with two server processes and no limits but those a test sets itself."""
    with LiveProduct() as product:
        yield product


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The DevTools port of a browser."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed: pages and the JavaScript client are NOT TESTED here (apt-get install chromium)")
    profile = tmp_path_factory.mktemp("chromium")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    command = [program, *options, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
    with (profile / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        yield _devtools_port(profile, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def _devtools_port(profile: Path, process: "subprocess.Popen[bytes]") -> int:
    told = profile / "DevToolsActivePort"
    end = time.monotonic() + PATIENCE
    while not (told.exists() and told.read_text().count("\n")):
        assert process.poll() is None, (profile / "log").read_text(errors="replace")[-2000:]
        assert time.monotonic() < end, "the browser does not listen"
        time.sleep(0.1)
    return int(told.read_text().splitlines()[0])
