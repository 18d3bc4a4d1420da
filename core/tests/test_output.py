"""Log lines are one JSON object each, and answers have the envelope."""

import logging
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.utils.translation import gettext_lazy

from core import context
from core.logging import ConsoleFormatter, JSONFormatter
from core.responses import APIResponse, dumps


class TestLogging:
    def record(self, message="hello %s", args=("you",), exc_info=None):
        return logging.LogRecord("a.b", logging.WARNING, __file__, 1, message, args, exc_info)

    def enter(self, request_id):
        context.enter(context.RequestContext(request_id=request_id))

    def test_machines_get_one_json_object_a_line(self):
        import json

        self.enter("rid")
        line = JSONFormatter().format(self.record("a\nb %s", ('ü"',)))
        self.enter("")
        entry = json.loads(line)
        assert "\n" not in line
        assert entry["message"] == 'a\nb ü"'
        assert (entry["level"], entry["logger"], entry["request_id"]) == ("WARNING", "a.b", "rid")
        assert datetime.fromisoformat(entry["time"]).tzinfo == UTC

    def test_a_traceback_is_part_of_the_object(self):
        import json
        import sys

        self.enter("")
        try:
            raise RuntimeError("boom")
        except RuntimeError:
            entry = json.loads(JSONFormatter().format(self.record(exc_info=sys.exc_info())))
        assert "RuntimeError: boom" in entry["exception"]
        assert "request_id" not in entry

    @pytest.mark.parametrize("text", ["\ud800", "\x00", "a" * 100_000, "\u2028", "\x1b[31m"])
    def test_no_text_stops_a_line_from_being_written(self, text):
        import json

        assert json.loads(JSONFormatter().format(self.record("%s", (text,))))["level"] == "WARNING"

    def test_people_get_a_readable_line_with_the_request_id_behind_it(self):
        self.enter("rid")
        line = ConsoleFormatter().format(self.record())
        self.enter("")
        assert line.endswith("WARNING a.b: hello you [rid]")
        assert ConsoleFormatter().format(self.record()).endswith("hello you")


class TestJSON:
    def test_times_are_utc_with_z_and_decimals_and_lazy_texts_are_strings(self):
        value = {"t": datetime(2026, 1, 1, tzinfo=UTC), "d": Decimal("1.50"), "l": gettext_lazy("x"), 1: UUID(int=0)}
        assert dumps(value) == b'{"t":"2026-01-01T00:00:00Z","d":"1.50","l":"x","1":"00000000-0000-0000-0000-000000000000"}'

    def test_an_answer_made_by_hand_has_the_envelope(self, rf):
        import json

        response = APIResponse.success([1], status=201, pagination={"page": 1})
        body = json.loads(response.content)
        assert (response.status_code, body["data"], body["meta"]["pagination"]) == (201, [1], {"page": 1})
        error = APIResponse.error(
            rf.get("/p/", HTTP_ACCEPT="application/problem+json"), 503, "away", "Gone.", headers={"Retry-After": "5"}
        )
        assert (error.status_code, error["Retry-After"], error["Content-Type"]) == (503, "5", "application/problem+json")
        assert json.loads(error.content)["code"] == "away"
