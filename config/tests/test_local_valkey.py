"""A private Valkey: closed to others, and with its data after a kill when it is to keep them."""

import signal
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.local.engines import find_valkey
from config.local.launch import launch
from config.local.process import stop
from config.local.valkey import Valkey


def test_it_asks_for_its_password_and_keeps_data_and_port_over_a_kill(tmp_path: Path) -> None:
    server = Valkey(find_valkey(), tmp_path / "valkey", tmp_path / "valkey.log")
    ((spec, process),) = launch([server])
    try:
        port = server.port
        stranger = redis.Redis(port=port, retry=Retry(NoBackoff(), 0))
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with redis.Redis.from_url(server.url) as client:
            assert client.set("kept", "yes")
        assert server.password not in Path(f"/proc/{process.pid}/cmdline").read_text()
    finally:
        process.send_signal(signal.SIGKILL)
        stop([(spec, process)])

    again = Valkey(find_valkey(), tmp_path / "valkey", tmp_path / "valkey.log")
    ((spec, process),) = launch([again])
    try:
        assert again.port == port
        with redis.Redis.from_url(again.url) as client:
            assert client.get("kept") == b"yes"
    finally:
        stop([(spec, process)])
    assert process.returncode == 0
