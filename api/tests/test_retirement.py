"""A retired operation says so in every answer and in the schema."""

from datetime import UTC, datetime

import pytest

from api.index import IndexView
from api.retirement import Retirement
from conftest import Caller

RETIREMENT = Retirement(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), "/api/v2/")


@pytest.mark.django_db
def test_answers_carry_the_dates_and_the_successor(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IndexView, "retirement", RETIREMENT)
    answer = api.get("/api/v1/")
    assert answer["Deprecation"] == "@1767225600"
    assert answer["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
    assert answer["Link"] == '</api/v2/>; rel="successor-version"'


@pytest.mark.django_db
def test_other_operations_carry_none_of_it(api: Caller) -> None:
    answer = api.get("/api/v1/")
    assert not {"Deprecation", "Sunset", "Link"} & set(answer.headers)


def test_the_schema_marks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from drf_spectacular.generators import SchemaGenerator

    monkeypatch.setattr(IndexView, "retirement", RETIREMENT)
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    assert paths["/api/v1/"]["get"]["deprecated"] is True
    assert "deprecated" not in paths["/api/v1/auth/me/"]["get"]
