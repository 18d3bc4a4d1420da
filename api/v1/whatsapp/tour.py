"""The tour's part of WhatsApp: an integrator's key opens a sandbox, and a text goes all the way."""

import base64
from http import HTTPStatus
from typing import Any

from api.tour_kit import Client, Guide, Steps, check, until

RECIPIENT = "+14155552671"
_RELAY = "does the relay run?"
_STEPS = ["queued", "sent", "delivered", "read"]


def walk(steps: Steps, guide: Guide) -> None:
    """Connect, send, follow, count, and meet the limit."""
    integrator = guide.integrator
    _connect(steps, integrator)
    message = _send(steps, integrator)
    _follow(steps, integrator, message["id"], guide.user_id)
    _hear(steps, integrator)
    with steps.step("... and the messages of the day are counted, and limited") as told:
        path = f"/api/v1/users/{guide.user_id}/"
        guide.admin.expect(HTTPStatus.OK, "PATCH", path, {"max_messages_per_day": 1})
        days = until(lambda: integrator.expect(HTTPStatus.OK, "GET", "/api/v1/analytics/usage-stats/").data)
        check(sum(day["messages_sent"] for day in days) == 1, f"the days say {[day['messages_sent'] for day in days]}")
        refusal = integrator.expect(HTTPStatus.TOO_MANY_REQUESTS, "POST", "/api/v1/messages/send-text/", _text("one more"))
        check(refusal.code == "daily_quota_exceeded", f"the refusal's code is {refusal.code}")
        told(refusal.body["error"]["message"])


def _connect(steps: Steps, integrator: Client) -> None:
    with steps.step("WhatsApp: the key opens a session") as told:
        session = integrator.expect(HTTPStatus.ACCEPTED, "POST", "/api/v1/sessions/init/", {"driver": "sandbox"}).data
        code = integrator.expect(HTTPStatus.OK, "GET", "/api/v1/sessions/qr/").data
        picture = base64.b64decode(code["png_base64"])
        check(picture.startswith(b"\x89PNG"), "the code is no PNG")
        told(f"{session['status']}, a QR code of {len(picture)} bytes to scan")
    with steps.step("... and the sandbox connects") as told:
        connected = until(lambda: _connected(integrator), _RELAY)
        told(connected["phone_number"])


def _connected(integrator: Client) -> dict[str, Any] | None:
    session: dict[str, Any] = integrator.expect(HTTPStatus.OK, "GET", "/api/v1/sessions/status/").data
    return session if session["status"] == "connected" else None


def _send(steps: Steps, integrator: Client) -> dict[str, Any]:
    with steps.step("A text is accepted at once") as told:
        message: dict[str, Any] = integrator.expect(
            HTTPStatus.ACCEPTED, "POST", "/api/v1/messages/send-text/", _text("Your order is on its way.")
        ).data
        told(f"{message['status']}, to {message['recipient']}")
    return message


def _follow(steps: Steps, integrator: Client, message_id: str, user_id: str) -> None:
    with steps.step("... goes its way") as told:
        path = f"/api/v1/messages/{message_id}/"
        read = until(lambda: _in(integrator.expect(HTTPStatus.OK, "GET", path).data, "read"), _RELAY)
        told(f"sent {read['sent_at']}, delivered {read['delivered_at']}, read {read['read_at']}")
    with steps.step("... and each step is an event") as told:
        path = f"/api/v1/events/?stream=user:{user_id}&since=0"
        events = integrator.expect(HTTPStatus.OK, "GET", path).data
        seen = [event["type"].rpartition(".")[2] for event in events if event["data"].get("message") == message_id]
        check(seen == _STEPS, f"the events are {seen}")
        told(", ".join(seen))


def _hear(steps: Steps, integrator: Client) -> None:
    with steps.step("Somebody answers") as told:
        body = {"sender": RECIPIENT, "text": "Thank you!"}
        integrator.expect(HTTPStatus.ACCEPTED, "POST", "/api/v1/sessions/sandbox/receive/", body)
        path = "/api/v1/messages/?direction=inbound"
        found = until(lambda: integrator.expect(HTTPStatus.OK, "GET", path).data, _RELAY)
        check(found[0]["content"] == body["text"], f"what came in is {found[0]['content']!r}")
        told(f"{found[0]['recipient']}: {found[0]['content']}")


def _in(message: dict[str, Any], status: str) -> dict[str, Any] | None:
    return message if message["status"] == status else None


def _text(content: str) -> dict[str, str]:
    return {"recipient": RECIPIENT, "content": content}
