"""Secrets and signatures, judged by the published library."""

import base64
import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from webhooks import signing

EVENT = UUID("0199a1c2-7b1e-7c3a-9f00-5d2f6f0c1a11")
keys = st.binary(min_size=signing.MIN_BYTES, max_size=signing.MAX_BYTES)


@given(keys, st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=3))
def test_every_receiver_with_the_secret_accepts_what_we_sign(key, data):
    import orjson

    body = orjson.dumps(data)
    headers = signing.headers(event_id=EVENT, timestamp=int(time.time()), body=body, keys=[key])
    assert Webhook(signing.secret_text(key)).verify(body, headers) == data


@given(keys, keys)
def test_two_keys_sign_for_the_holders_of_each(first, second):
    headers = signing.headers(event_id=EVENT, timestamp=int(time.time()), body=b"{}", keys=[first, second])
    for key in (first, second):
        assert Webhook(signing.secret_text(key)).verify(b"{}", headers) == {}
    assert len(headers["webhook-signature"].split(" ")) == 2


@pytest.mark.parametrize("part", ["body", "webhook-id", "webhook-timestamp"])
def test_nothing_that_is_signed_can_be_changed(part):
    key = signing.new_secret()
    body, headers = b"{}", signing.headers(event_id=EVENT, timestamp=int(time.time()), body=b"{}", keys=[key])
    if part == "body":
        body = b"[]"
    else:
        headers[part] = "msg_other" if part == "webhook-id" else str(int(headers[part]) - 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.secret_text(key)).verify(body, headers)


@given(keys)
def test_a_secret_reads_back(key):
    assert signing.parse_secret(signing.secret_text(key)) == key


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_!!!!", "secret", "whsec_" + base64.b64encode(b"x" * 23).decode()])
def test_what_is_no_secret(text):
    with pytest.raises(ValueError, match=r"prefix|base64|length"):
        signing.parse_secret(text)


@pytest.mark.parametrize(("size", "fits"), [(23, False), (24, True), (64, True), (65, False)])
def test_its_bounds(size, fits):
    text = signing.PREFIX + base64.b64encode(b"x" * size).decode()
    if fits:
        assert len(signing.parse_secret(text)) == size
    else:
        with pytest.raises(ValueError, match="length"):
            signing.parse_secret(text)
