"""What the Cloud API's error codes mean (https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes)."""

from collections.abc import Mapping
from typing import Any

from core.outgoing import OutgoingResponse
from modules.whatsapp.gateways.base import GatewayError, Verdict
from modules.whatsapp.gateways.calling import json_of, retry_after, text_at

RETRY = frozenset([1, 2, 4, 17, 80007, 130429, 131056, 131000, 131016, 131057, 133004, 133005])
PAUSE = frozenset([368, 130497, 131031, 131042, 131048])
TOKEN = frozenset([0, 3, 10, 190, *range(200, 300)])
_TEMPLATES = (132000, 132001, 132005, 132007, 132012, 132015, 132016)
PERMANENT = frozenset([33, 100, 130472, 131008, 131009, 131021, 131026, 131047, *range(131049, 131054), *_TEMPLATES, 133010])
# Meta answers 131056 when a pair of numbers is written to too fast: 4^n seconds.
PAIR_TOO_FAST = 131056
# For what integrators meet most, a code of ours; the others are `whatsapp_<code>`.
NAMES = {
    131026: ("not_on_whatsapp", "The message cannot be delivered: the recipient has no WhatsApp, or an old one."),
    131047: (
        "conversation_window_closed",
        "More than 24 hours since the recipient wrote: only template messages are taken.",
    ),
    131048: ("spam_limit", "WhatsApp limits this number because messages were reported or blocked."),
    131049: ("not_delivered_by_meta", "Meta chose not to deliver this message, to keep its users engaged."),
    131050: ("recipient_opted_out", "The recipient has stopped marketing messages from this number."),
    131031: ("account_locked", "WhatsApp has locked the business account."),
    131042: ("payment_required", "The business account has a problem with its payment method."),
    131056: ("pair_rate_limited", "Too many messages to this recipient in a short time."),
    130429: ("rate_limited", "The number's throughput is reached."),
    130472: ("not_delivered_by_meta", "The recipient is part of an experiment of Meta's."),
    132000: ("template_parameters", "The number of parameters does not fit the template."),
    132001: ("template_missing", "There is no such template in this language, or it is not approved."),
    132015: ("template_paused", "The template is paused for its quality."),
    132016: ("template_disabled", "The template was switched off for its quality."),
    190: ("token_expired", "The access token is no longer valid."),
    133010: ("number_not_registered", "The business number is not registered."),
}


def refusal(answer: OutgoingResponse, *, sends: bool = False) -> GatewayError:
    """What an answer other than 2xx means; `code` decides, the status only where there is none or it is not known."""
    body = json_of(answer)
    error = body.get("error") if isinstance(body, dict) else None
    code = _code(error)
    wait = retry_after(answer)
    if code is None:
        verdict, name, message = _by_status(answer.status_code, sends=sends)
        return GatewayError(verdict, name, message, retry_after=wait)
    name, message = _words(code)
    wait_base = 4 if code == PAIR_TOO_FAST else None
    return GatewayError(_verdict(code, answer.status_code, error or {}), name, message, retry_after=wait, wait_base=wait_base)


def status_error(error: Any) -> tuple[str, str]:
    """The code and sentence of an error in a status."""
    code = _code(error)
    if code is None:
        return "rejected_by_whatsapp", "WhatsApp did not deliver the message."
    name, message = _words(code)
    return name, message if code in NAMES else (text_at(error, "title")[:300] or message)


def pauses(error: Any) -> bool:
    """Whether the number must rest for an error in a status."""
    return _code(error) in PAUSE


def _code(error: Any) -> int | None:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) and abs(code) < 10**9 else None


def _words(code: int) -> tuple[str, str]:
    return NAMES.get(code, (f"whatsapp_{code}", f"WhatsApp refused the message (code {code})."))


def _verdict(code: int, status: int, error: Mapping[str, Any]) -> Verdict:
    for codes, verdict in _TABLE:
        if code in codes:
            return verdict
    return Verdict.RETRY if error.get("is_transient") is True else _by_status(status, sends=False)[0]


def _by_status(status: int, *, sends: bool) -> tuple[Verdict, str, str]:
    if sends and status in (502, 504):
        # Somebody between us and Meta lost its answer.
        return Verdict.AMBIGUOUS, "gateway_error", "The gateway failed."
    if status >= 500 or status in (408, 429):
        return Verdict.RETRY, "gateway_error", "The gateway failed."
    if status in (401, 403):
        return Verdict.ACTION, "gateway_unauthorized", "The gateway refuses the token."
    return Verdict.FAIL, "rejected_by_gateway", "The gateway did not take the message."


_TABLE = ((RETRY, Verdict.RETRY), (PAUSE, Verdict.PAUSE), (TOKEN, Verdict.ACTION), (PERMANENT, Verdict.FAIL))
