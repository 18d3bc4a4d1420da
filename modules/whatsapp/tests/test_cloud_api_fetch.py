"""Files that came in: where one is comes from Meta's answer, so that address is not the operator's and is not trusted."""

import os
from collections.abc import Iterator

import pytest

from modules.whatsapp.gateways.base import GatewayError, Verdict
from modules.whatsapp.gateways.cloud_api import CloudAPI
from modules.whatsapp.tests.fake_cloud_api import FakeCloudAPI
from modules.whatsapp.tests.fake_cloud_fixtures import link, serving


@pytest.fixture
def cloud(settings) -> Iterator[FakeCloudAPI]:
    for fake in serving(settings):
        settings.OUTGOING_ALLOWED_PRIVATE = settings.OUTGOING_ALLOWED_PRIVATE | {fake.lookaside.place}
        yield fake


def fetch(reference: str, *, max_bytes: int = 1_000_000, **secrets: str) -> bytes:
    return CloudAPI().fetch(link(**secrets), reference, max_bytes=max_bytes)


def failure(reference: str, **options) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        fetch(reference, **options)
    return caught.value


def test_a_file_is_asked_for_and_then_fetched_with_the_same_token(cloud):
    content = os.urandom(300_000)
    media_id = cloud.keep(content, "image/jpeg")
    assert fetch(media_id) == content
    assert cloud.calls == [f"GET /{media_id}"]
    assert [call.path for call in cloud.lookaside.log.calls] == ["/attachments/"]


def test_a_file_at_a_private_address_is_not_fetched_though_the_operators_url_is_private(cloud, settings):
    settings.OUTGOING_ALLOWED_PRIVATE = frozenset()
    assert failure(cloud.keep(b"x", "image/png")).code == "gateway_address_refused"
    assert cloud.lookaside.log.calls == []


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        "http://[::1]/",
        "file:///etc/passwd",
        "ftp://example.com/x",
        "http://user:secret@example.com/",
        "http://example.com:22/",
        "//example.com/x",
        "attachments/7",
        "http://[",
        "http://\x00/",
        "",
        7,
        None,
    ],
)
def test_an_address_that_is_none_of_the_public_web_is_not_called(cloud, url):
    cloud.tell("status", code=200, body={"url": url})
    assert failure("4711").code in ("gateway_address_refused", "gateway_nonsense", "gateway_unreachable")


def test_a_file_that_is_larger_than_wanted_is_not_even_fetched(cloud):
    found = failure(cloud.keep(b"x" * 5001, "image/png"), max_bytes=5000)
    assert (found.verdict, found.code) == (Verdict.FAIL, "media_too_large")
    assert cloud.lookaside.log.calls == []


def test_a_file_that_is_larger_than_it_said_is_cut_off(cloud):
    media_id = cloud.keep(b"x" * 5001, "image/png")
    url = f"{cloud.lookaside.url}/attachments/?mid={media_id}&hash=x"
    cloud.tell("status", code=200, body={"url": url, "file_size": "small"})
    assert failure(media_id, max_bytes=5000).verdict == Verdict.FAIL


@pytest.mark.parametrize("reference", ["", ".", "..", "../4711", "4711/x", "4711?fields=id", "47 11", "४७", "x" * 129])
def test_a_reference_leads_nowhere_but_to_a_file(cloud, reference):
    found = failure(reference)
    assert (found.verdict, found.code) == (Verdict.FAIL, "media_not_found")
    assert cloud.calls == []


def test_a_file_that_is_gone_is_not_asked_for_again(cloud):
    assert failure("4711").verdict == Verdict.FAIL
    media_id = cloud.keep(b"x", "image/png")
    cloud.lookaside.tell("status", code=404)
    assert failure(media_id).verdict == Verdict.FAIL


def test_a_token_that_is_refused_asks_for_a_new_one(cloud):
    media_id = cloud.keep(b"x", "image/png")
    assert failure(media_id, access_token="old").verdict == Verdict.ACTION
    cloud.lookaside.tell("status", code=401)
    assert failure(media_id).verdict == Verdict.ACTION


@pytest.mark.parametrize("behaviour", ["drop_before", "drop_after_accept", "status"])
def test_what_breaks_off_in_either_step_is_tried_again(cloud, behaviour):
    media_id = cloud.keep(b"x" * 1000, "image/png")
    for server in (cloud, cloud.lookaside):
        server.tell(behaviour)
        assert failure(media_id).verdict == Verdict.RETRY
    assert fetch(media_id) == b"x" * 1000


@pytest.mark.parametrize("behaviour", ["wrong_body", "truncated"])
def test_an_answer_that_makes_no_sense_is_asked_for_again(cloud, behaviour):
    media_id = cloud.keep(b"x", "image/png")
    cloud.tell(behaviour)
    found = failure(media_id)
    assert (found.verdict, found.code) == (Verdict.RETRY, "gateway_nonsense")
