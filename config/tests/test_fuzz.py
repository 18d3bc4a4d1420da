"""Generated requests at every operation of the live schema: no 5xx, nothing it does not promise. `make fuzz` takes longer."""

import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from bench.fuzz import IDENTITIES, LIMITS, Result, fuzz
from config.tests.live import LiveProduct

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("live")]

SECONDS_EACH = 9


@pytest.fixture(scope="module")
def product() -> Iterator[LiveProduct]:
    """A product of its own: what the fuzzer leaves behind is nobody's concern."""
    with LiveProduct(LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def results() -> list[Result]:
    """What each identity's run found."""
    return []


@pytest.mark.parametrize("identity", IDENTITIES)
def test_the_server_keeps_what_its_schema_promises(product: LiveProduct, results: list[Result], identity: str) -> None:
    result = fuzz(product, identity, SECONDS_EACH, phases="coverage,fuzzing")
    results.append(result)

    sys.stdout.write(f"{result.line}\n")
    assert result.passed, result.output
    assert not [status for _, _, status in result.answers if status >= 500]


def test_between_them_every_operation_was_tried_and_most_of_the_reads_succeeded(results: list[Result]) -> None:
    if len(results) < len(IDENTITIES):
        pytest.skip("not every identity ran here")
    total = results[0].report["operations"]["total"]
    tried = {(method, path) for result in results for method, path, status in result.answers if status != 405}
    succeeded = Counter(method for result in results for method, _, status in result.answers if status < 300)

    assert max(result.report["operations"]["tested"] for result in results) == total
    assert len(tried) >= total
    assert succeeded["GET"] >= 5
