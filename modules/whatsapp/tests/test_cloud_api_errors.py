"""What becomes of a message for each of Meta's error codes, in an answer and in a status."""

import json

import pytest

from core.outgoing import OutgoingResponse
from modules.whatsapp.gateways.base import GatewayError, Verdict
from modules.whatsapp.gateways.cloud_api import CloudAPI
from modules.whatsapp.gateways.cloud_api_errors import NAMES, refusal, status_error
from modules.whatsapp.tests.fake_cloud_api import error
from modules.whatsapp.tests.fake_cloud_fixtures import link, outgoing, serving
from modules.whatsapp.tests.fake_cloud_hooks import failure

RETRY = [1, 2, 4, 17, 80007, 130429, 131056, 131000, 131016, 131057, 133004, 133005]
PAUSE = [131048, 368, 130497, 131031, 131042]
ACTION = [0, 190, 3, 10, 200, 210, 299]
FAIL = [100, 33, 131008, 131009, 131021, 131026, 131047, 131049, 131050, 131051, 131052, 131053, 130472]
FAIL += [132000, 132001, 132005, 132007, 132012, 132015, 132016, 133010]
VERDICTS = {
    **dict.fromkeys(RETRY, Verdict.RETRY),
    **dict.fromkeys(PAUSE, Verdict.PAUSE),
    **dict.fromkeys(ACTION, Verdict.ACTION),
    **dict.fromkeys(FAIL, Verdict.FAIL),
}


@pytest.fixture
def cloud(settings):
    yield from serving(settings)


def refused(status: int, body: object = None, **headers: str) -> GatewayError:
    """What an answer means for a message that was being sent."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return refusal(OutgoingResponse(status, headers, raw, 0.1, "https://graph.facebook.com/"), sends=True)


@pytest.mark.parametrize(("code", "verdict"), VERDICTS.items())
def test_a_code_in_an_answer_decides_what_becomes_of_the_message(cloud, code, verdict):
    cloud.tell("status", code=400, body=error(code, "Our own words are not passed on"))
    with pytest.raises(GatewayError) as caught:
        CloudAPI().send(link(), outgoing())
    assert caught.value.verdict == verdict
    assert "Our own words" not in str(caught.value)
    assert cloud.sent == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("hint", [{}, {"is_transient": True}, {"is_transient": False}])
def test_a_known_code_outweighs_the_status_and_every_hint(status, hint):
    for code, verdict in VERDICTS.items():
        assert refused(status, error(code, **hint)).verdict == verdict, code


@pytest.mark.parametrize(
    ("status", "hint", "verdict"),
    [
        (400, {}, Verdict.FAIL),
        (404, {}, Verdict.FAIL),
        (400, {"is_transient": True}, Verdict.RETRY),
        (400, {"is_transient": "yes"}, Verdict.FAIL),
        (401, {}, Verdict.ACTION),
        (403, {}, Verdict.ACTION),
        (429, {}, Verdict.RETRY),
        (500, {}, Verdict.RETRY),
        (503, {}, Verdict.RETRY),
    ],
)
def test_an_unknown_code_leaves_it_to_the_status(status, hint, verdict):
    found = refused(status, error(987654, **hint))
    assert (found.verdict, found.code) == (verdict, "whatsapp_987654")


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (302, Verdict.FAIL),
        (400, Verdict.FAIL),
        (401, Verdict.ACTION),
        (403, Verdict.ACTION),
        (404, Verdict.FAIL),
        (408, Verdict.RETRY),
        (413, Verdict.FAIL),
        (429, Verdict.RETRY),
        (500, Verdict.RETRY),
        (502, Verdict.AMBIGUOUS),
        (503, Verdict.RETRY),
        (504, Verdict.AMBIGUOUS),
    ],
)
def test_an_answer_without_a_code_is_read_by_its_status(status, verdict):
    assert refused(status, b"<html>Sorry, something went wrong.</html>").verdict == verdict


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        None,
        [],
        "error",
        7,
        {},
        {"error": None},
        {"error": "x"},
        {"error": []},
        {"error": {"code": None}},
        {"error": {"code": "190"}},
        {"error": {"code": True}},
        {"error": {"code": 190.0}},
        {"error": {"code": {}}},
        {"error": {"code": 10**18}},
    ],
)
def test_an_error_that_makes_no_sense_is_read_by_its_status(body):
    assert refused(400, body).code == "rejected_by_gateway"
    assert refused(500, body).verdict == Verdict.RETRY


def test_an_answer_lost_on_the_way_is_no_loss_where_nothing_is_sent():
    answer = OutgoingResponse(504, {}, b"", 0.1, "https://graph.facebook.com/")
    assert refusal(answer, sends=False).verdict == Verdict.RETRY


def test_too_many_to_one_recipient_waits_four_times_as_long_each_time():
    assert refused(400, error(131056)).wait_base == 4
    assert {refused(400, error(code)).wait_base for code in VERDICTS if code != 131056} == {None}


def test_a_wait_that_is_asked_for_is_passed_on():
    assert refused(429, error(80007), **{"retry-after": "120"}).retry_after == 120
    assert refused(429, b"", **{"retry-after": "30"}).retry_after == 30
    assert refused(429, error(80007)).retry_after is None


def test_the_closed_window_says_that_a_template_is_needed():
    found = refused(400, error(131047))
    assert found.code == "conversation_window_closed"
    assert "24 hours" in found.message
    assert "template" in found.message


@pytest.mark.parametrize("code", VERDICTS)
def test_a_code_has_the_same_words_in_an_answer_and_in_a_status(code):
    found = refused(400, error(code))
    assert status_error(failure(code))[0] == found.code
    assert len(found.code) <= 64
    assert 0 < len(found.message) <= 300


def test_what_an_integrator_meets_most_has_a_code_of_its_own():
    assert {code for code in NAMES if code not in VERDICTS} == set()
    assert all(not name.startswith("whatsapp_") for name, _ in NAMES.values())


def test_an_unknown_code_in_a_status_keeps_metas_title():
    assert status_error(failure(131999, "Something new")) == ("whatsapp_131999", "Something new")
    assert len(status_error(failure(131999, "x" * 5000))[1]) == 300


@pytest.mark.parametrize("nonsense", [None, {}, [], "131026", 131026, {"code": "131026"}, {"code": True}, {"code": 10**18}])
def test_a_failed_status_without_a_code_still_says_something(nonsense):
    assert status_error(nonsense)[0] == "rejected_by_whatsapp"
