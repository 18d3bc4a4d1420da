"""GET /api/v1/sessions/qr/"""

import base64
import io

import pytest
from PIL import Image

from api.tests.answers import error, wrong_fields
from api.v1.whatsapp.tests.support import SESSIONS
from modules.whatsapp.tests.factories import connected

pytestmark = pytest.mark.django_db
PATH = f"{SESSIONS}qr/"
CODE = "2@Zm9vYmFy,key,ref=="


@pytest.fixture
def waiting(user):
    """A session with a code to scan."""
    return connected(user, status="qr_ready", qr_code=CODE)


def test_only_who_may_manage_sessions_sees_the_code(closed, waiting):
    for kind in ("base64", "raw", "png"):
        closed("get", f"{PATH}?format={kind}", scope="whatsapp:sessions")


def test_others_have_none(as_other, as_admin, as_test_key, waiting):
    for stranger in (as_other, as_admin, as_test_key):
        assert error(stranger.get(PATH)) == (404, "not_found")


def test_as_json_there_is_the_text_and_the_picture_for_a_page(as_key, waiting):
    answer = as_key.get(PATH)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    data = answer.json()["data"]
    assert (data["value"], data["pairing_code"]) == (CODE, "")
    assert data["data_url"] == f"data:image/png;base64,{data['png_base64']}"
    assert is_a_picture(base64.b64decode(data["png_base64"], validate=True))
    assert as_key.get(f"{PATH}?format=base64").json()["data"] == data


def test_raw_is_what_the_code_says(as_key, waiting):
    answer = as_key.get(f"{PATH}?format=raw")
    assert (answer.content.decode(), answer.headers["Content-Type"]) == (CODE, "text/plain; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-store"


def test_png_is_the_picture_itself(as_key, waiting):
    answer = as_key.get(f"{PATH}?format=png")
    assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("image/png", "no-store")
    assert is_a_picture(answer.content)


def test_a_pairing_code_comes_as_json_and_has_no_picture(as_key, user):
    connected(user, status="qr_ready", pairing_code="AB12-CD34", pairing_number="+14155552671")
    data = as_key.get(PATH).json()["data"]
    assert data == {"value": "", "png_base64": "", "data_url": "", "pairing_code": "AB12-CD34"}
    for kind in ("raw", "png"):
        assert error(as_key.get(f"{PATH}?format={kind}")) == (409, "qr_not_ready")


@pytest.mark.parametrize("kind", ["base64", "raw", "png"])
def test_while_there_is_none_it_is_said_when_to_ask_again(as_key, session, kind):
    answer = as_key.get(f"{PATH}?format={kind}")
    assert error(answer) == (409, "qr_not_ready")
    assert answer.headers["Retry-After"] == "2"


@pytest.mark.parametrize("kind", ["svg", "", "PNG", "%00"])
def test_another_format_is_named(as_key, waiting, kind):
    assert wrong_fields(as_key.get(f"{PATH}?format={kind}")) == [("format", "invalid_choice")]


def test_test_keys_see_the_code_of_the_test_session(as_test_key, waiting):
    connected(waiting.user, environment="test", status="qr_ready", qr_code="SANDBOX,test")
    assert as_test_key.get(f"{PATH}?format=raw").content == b"SANDBOX,test"


def is_a_picture(content: bytes) -> bool:
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        image.load()
        return image.width == image.height > 100
