"""Routes of many apps side by side: found by their first segment, in the order in which they were declared."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, path

from api.segments import SegmentResolver


def first(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def second(request: HttpRequest, **kwargs: object) -> HttpResponse:
    return HttpResponse()


@pytest.fixture
def resolver() -> SegmentResolver:
    return SegmentResolver(
        [
            path("notes/", first, name="list"),
            path("notes/new/", first, name="new"),
            path("notes/<str:key>/", second, name="one"),
            path("boats/<int:key>/", second, name="boat"),
            path("boats/<str:key>/", first, name="any-boat"),
        ]
    )


@pytest.mark.parametrize(
    ("asked", "name", "route", "kwargs"),
    [
        ("notes/", "list", "notes/", {}),
        ("notes/new/", "new", "notes/new/", {}),
        ("notes/7/", "one", "notes/<str:key>/", {"key": "7"}),
        ("boats/7/", "boat", "boats/<int:key>/", {"key": 7}),
        ("boats/x/", "any-boat", "boats/<str:key>/", {"key": "x"}),
    ],
)
def test_the_first_that_matches_is_taken_with_its_whole_route(resolver, asked, name, route, kwargs):
    match = resolver.resolve(asked)
    assert (match.url_name, match.route, match.kwargs) == (name, route, kwargs)


@pytest.mark.parametrize("asked", ["", "note/", "notes", "notes/7/8/", "ships/1/", "/notes/", "boats/"])
def test_what_no_route_matches_is_not_found(resolver, asked):
    with pytest.raises(Resolver404):
        resolver.resolve(asked)


def test_names_are_reversed_as_ever(resolver):
    assert resolver.reverse("boat", key=7) == "boats/7/"
