"""GET /api/v1/sessions/drivers/"""

import pytest

from api.v1.whatsapp.tests.support import SESSIONS

pytestmark = pytest.mark.django_db
PATH = f"{SESSIONS}drivers/"


def test_only_who_may_read_is_let_in(closed):
    closed("get", PATH, scope="whatsapp:read")


def test_each_says_what_it_can_do_and_what_it_needs(as_key, settings):
    settings.WHATSAPP_WAHA_URL = settings.WHATSAPP_CLOUD_API_APP_SECRET = ""
    found = {one["name"]: one for one in as_key.get(PATH).json()["data"]}
    assert set(found) == {"sandbox", "waha", "cloud_api"}
    assert found["sandbox"]["credentials"] == []
    assert (
        found["cloud_api"]["capabilities"] | {"templates": True, "window": True, "qr": False}
        == found["cloud_api"]["capabilities"]
    )
    needed = {one["name"] for one in found["cloud_api"]["credentials"] if one["required"]}
    assert needed == {"phone_number_id", "access_token"}
    assert {name: one["is_configured"] for name, one in found.items()} == {"sandbox": True, "waha": False, "cloud_api": False}


def test_no_setting_of_the_operator_is_shown(as_key, settings):
    settings.WHATSAPP_WAHA_URL, settings.WHATSAPP_WAHA_API_KEY = "http://10.0.0.9:3000", "operators-key"
    settings.WHATSAPP_WAHA_HMAC_KEY = "operators-hmac"
    answer = as_key.get(PATH)
    assert {one["name"]: one["is_configured"] for one in answer.json()["data"]}["waha"] is True
    for secret in ("10.0.0.9", "operators-key", "operators-hmac"):
        assert secret not in answer.content.decode()
