"""Operations on their way out: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a link to the successor."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.http import http_date


@dataclass(frozen=True, slots=True)
class Retirement:
    """Since when an operation is deprecated, when it ends (both aware), and the path that replaces it."""

    since: datetime
    sunset: datetime
    successor: str

    def headers(self) -> dict[str, str]:
        """What each of its answers carries."""
        return {
            "Deprecation": f"@{int(self.since.timestamp())}",
            "Sunset": http_date(self.sunset.astimezone(UTC).timestamp()),
            "Link": f'<{self.successor}>; rel="successor-version"',
        }
