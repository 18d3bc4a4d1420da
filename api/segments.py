"""The URL tree of many apps, without comparing each request with each pattern."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.urls import Resolver404, ResolverMatch, URLPattern, URLResolver
from django.urls.resolvers import RoutePattern


class SegmentResolver(URLResolver):
    """Patterns side by side, of which a path is compared with those that have its first segment."""

    def __init__(self, patterns: Sequence[URLPattern]) -> None:
        super().__init__(RoutePattern(""), list(patterns))
        groups: defaultdict[str, list[URLPattern]] = defaultdict(list)
        for pattern in patterns:
            groups[_first(str(pattern.pattern))].append(pattern)
        self._groups = {first: URLResolver(RoutePattern(""), group) for first, group in groups.items()}

    def resolve(self, path: Any) -> ResolverMatch:
        """The match. Raises Resolver404."""
        group = self._groups.get(_first(str(path)))
        if group is None:
            raise Resolver404({"tried": [], "path": path})
        return group.resolve(path)


def _first(path: str) -> str:
    return path.partition("/")[0]
