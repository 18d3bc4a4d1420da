"""Chart.js data as unfold's chart component reads it: one JSON text a chart."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

BLUE, RED, GREEN, ORANGE, GREY = "#3b82f6", "#ef4444", "#10b981", "#f59e0b", "#9ca3af"
MAX_TICKS = 8


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its name, its colour (a CSS colour or `var(--…)`), its values; None leaves a gap."""

    name: str
    colour: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """A panel with a chart: `line`, or `bar`, whose lines stand on each other where `is_stacked`, else before each other."""

    title: str
    kind: str
    labels: Sequence[str]
    lines: Sequence[Line]
    unit: str = ""
    zero_counts: bool = False
    is_stacked: bool = False

    @property
    def data(self) -> str:
        """What the component takes."""
        return json.dumps({"labels": list(self.labels), "datasets": [self._dataset(line) for line in self.lines]})

    @property
    def is_empty(self) -> bool:
        """Nothing to draw."""
        values = [value for line in self.lines for value in line.values]
        return all(value is None for value in values) if self.zero_counts else not any(values)

    def _dataset(self, line: Line) -> dict[str, Any]:
        dataset: dict[str, Any] = {
            "label": line.name,
            "data": list(line.values),
            "borderColor": line.colour,
            "backgroundColor": line.colour,
            "displayYAxis": True,
            "maxTicksXLimit": MAX_TICKS,
            "suffixYAxis": self.unit,
        }
        if self.kind == "line":
            dataset |= {"fill": False, "tension": 0.25, "borderWidth": 2, "pointRadius": 0, "pointHitRadius": 8}
        elif self.is_stacked:
            dataset |= {"maxBarThickness": 18, "borderRadius": 0, "stack": self.title}
        else:
            dataset |= {"maxBarThickness": 18, "borderRadius": 3, "borderSkipped": "start"}
        return dataset
