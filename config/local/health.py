"""Asking the running product whether it is ready."""

import http.client
import json
import socket
from dataclasses import dataclass

from config.local.layout import WebAddress

PATH = "/health/ready"
_WHO_AM_I = "/api/v1/auth/me/"

# Which process to look at when a component is reported down.
_RESPONSIBLE = {
    "database": "postgres",
    "redis": "valkey",
    "broker": "valkey",
    "worker": "worker",
    "migrations": "prepare",
}


@dataclass(frozen=True)
class Health:
    """One answer: ready or not, and the processes to look at when not."""

    ready: bool
    suspects: tuple[str, ...] = ()


def ask(address: WebAddress, timeout: float = 5.0) -> Health:
    """Ask once; no answer means that web itself is the one to look at."""
    connection = http.client.HTTPConnection(address.probe_host, address.port, timeout=timeout)
    try:
        connection.request("GET", PATH, headers={"Host": f"localhost:{address.port}"})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return Health(ready=False, suspects=("web",))
    finally:
        connection.close()
    return Health(ready=answer.status == http.client.OK, suspects=_suspects(body))


def accepts(address: WebAddress, api_key: str, timeout: float = 5.0) -> bool:
    """Whether the product knows an API key; only a refusal says that it does not."""
    connection = http.client.HTTPConnection(address.probe_host, address.port, timeout=timeout)
    headers = {"Host": f"localhost:{address.port}", "Authorization": f"ApiKey {api_key}"}
    try:
        connection.request("GET", _WHO_AM_I, headers=headers)
        return connection.getresponse().status != http.client.UNAUTHORIZED
    except (OSError, http.client.HTTPException):
        return True
    finally:
        connection.close()


def listens(address: WebAddress, timeout: float = 1.0) -> bool:
    """Whether the realtime process takes connections."""
    try:
        with socket.create_connection((address.probe_host, address.realtime_port), timeout=timeout):
            return True
    except OSError:
        return False


def _suspects(body: bytes) -> tuple[str, ...]:
    """Name the processes behind the components reported down; an unreadable answer is web's fault."""
    try:
        components = json.loads(body)["components"].items()
        down = [name for name, component in components if component.get("status") != "ok"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ("web",)
    return tuple(dict.fromkeys(_RESPONSIBLE.get(name, "web") for name in down))
