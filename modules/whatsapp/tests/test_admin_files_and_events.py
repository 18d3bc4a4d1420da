"""What the admin promises about files and about what gateways told."""

import pytest
from django.utils import timezone

from modules.whatsapp.models import InboundEvent, Media
from modules.whatsapp.tests.admin_support import ids, listing, page, rows, text_of
from modules.whatsapp.tests.factories import connected

pytestmark = pytest.mark.django_db


class TestFiles:
    @pytest.fixture
    def several(self, user, other):
        return {
            "ready": Media.objects.create(user=user, kind="image", filename="picture.png", mime_type="image/png", size=2048),
            "failed": Media.objects.create(user=user, kind="audio", status="failed", error_code="media_too_large"),
            "pending": Media.objects.create(
                user=other, kind="image", status="pending", source_url="https://u:p@files.example.com:8443/a.png?key=s3kr3t#x"
            ),
        }

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({}, {"ready", "failed", "pending"}),
            ({"status__exact": "failed"}, {"failed"}),
            ({"kind__exact": "image"}, {"ready", "pending"}),
            ({"user": "outsider"}, {"pending"}),
        ],
    )
    def test_filters(self, chief, several, query, names):
        assert rows(chief, "media", **query) == ids(*(several[name] for name in names))

    def test_say_what_they_are_and_what_went_wrong(self, chief, several):
        content = text_of(chief, listing("media"))
        for told in ("picture.png", "image/png", "2.0\xa0KB", "media too large"):
            assert told in content

    def test_are_fetched_from_an_address_without_its_credentials(self, chief, several):
        content = text_of(chief, page(several["pending"]))
        assert "https://files.example.com/a.png" in content
        assert "s3kr3t" not in content
        assert "u:p" not in content


class TestGatewayEvents:
    @pytest.fixture
    def several(self, user, other):
        mine, theirs = connected(user), connected(other, driver="waha", phone_number="+14155552798")
        now = timezone.now()

        def event(session, event_id, **fields):
            payload = {"text": "<i>ünïcode</i>"}
            return InboundEvent.objects.create(
                session=session, driver=session.driver, event_id=event_id, payload=payload, **fields
            )

        return {
            "waiting": event(mine, "one"),
            "done": event(mine, "two", processed_at=now),
            "given up": event(theirs, "three", processed_at=now, tries=6, error="no such message"),
            "again": event(theirs, "four", tries=1, error="no such message"),
        }

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({}, {"waiting", "done", "given up", "again"}),
            ({"state": "waiting"}, {"waiting", "again"}),
            ({"state": "done"}, {"done"}),
            ({"state": "given_up"}, {"given up"}),
            ({"driver__exact": "waha"}, {"given up", "again"}),
            ({"session": "+14155552798"}, {"given up", "again"}),
        ],
    )
    def test_filters(self, chief, several, query, names):
        assert rows(chief, "inboundevent", **query) == ids(*(several[name] for name in names))

    def test_what_was_told_is_on_the_page_of_one_only(self, chief, several):
        assert "ünïcode" not in text_of(chief, listing("inboundevent"))
        assert "&lt;i&gt;ünïcode&lt;/i&gt;" in text_of(chief, page(several["waiting"]))
        assert "no such message" in text_of(chief, listing("inboundevent"))
