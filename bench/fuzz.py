"""`make fuzz`: generated requests at every operation of the live schema, as everybody who may come.

Schemathesis sends what the schema allows and what it forbids, to a private copy of the product with two server processes and
limits out of the way. A 5xx, or a status, content type, header or body that the schema does not promise, is a failure and the
exit code 1.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from config.local.errors import tail
from config.local.layout import PROJECT
from config.tests.live import UNLIMITED, LiveProduct, bare_environment

IDENTITIES = ("anonymous", "user", "key", "admin")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)
PHASES = "examples,coverage,fuzzing,stateful"
# What gateways sign their calls with (bench.fuzz_whatsapp does).
GATEWAY_SECRET = "fuzzed-gateway-secret"  # noqa: S105 - of a product that lives for minutes
LIMITS = {
    **UNLIMITED,
    "WHATSAPP_WAHA_HMAC_KEY": GATEWAY_SECRET,
    "WHATSAPP_CLOUD_API_VERIFY_TOKEN": GATEWAY_SECRET,
    **dict.fromkeys(
        ("LIMIT_LOGIN_ADDRESS_FAILURES", "LIMIT_LOGIN_PAIR_FAILURES", "LIMIT_LOGIN_ACCOUNT_FAILURES", "LIMIT_MAIL_PER_ACCOUNT"),
        "1000000/60",
    ),
}
# Beyond the time for requests: shrinking what failed, and the report.
_PATIENCE_SECONDS = 240


@dataclass
class Result:
    """How one identity fared. `answers` counts (method, path, status)."""

    identity: str
    report: dict[str, Any]
    answers: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    output: str = ""

    @property
    def passed(self) -> bool:
        """Nothing failed and nothing went wrong."""
        return not self.report["failures"] and not self.report["errors"] and bool(self.answers)

    @property
    def complete(self) -> bool:
        """Every operation was tried."""
        operations = self.report["operations"]
        return bool(operations["tested"] == operations["total"] > 0)

    @property
    def line(self) -> str:
        """The identity's row of the summary."""
        operations, cases = self.report["operations"], self.report["test_cases"]
        classes = Counter[int]()
        for (_, _, status), count in self.answers.items():
            classes[status // 100] += count
        statuses = "  ".join(f"{number}xx {count}" for number, count in sorted(classes.items()))
        return (
            f"{self.identity:<10} {operations['tested']}/{operations['total']} operations  {cases['generated']:>6} cases  "
            f"{cases['unique_failures']} failures  {len(self.report['errors'])} errors  "
            f"{self.report['running_time']:.0f} s   {statuses}"
        )


def fuzz(product: LiveProduct, identity: str, seconds: int, *, seed: int | None = None, phases: str = PHASES) -> Result:
    """Fuzz as one identity for about `seconds`."""
    with tempfile.TemporaryDirectory(prefix="atelier-fuzz-") as folder:
        report, answers = Path(folder, "report.json"), Path(folder, "answers.json")
        command = [str(Path(sys.executable).parent / "st"), "--no-color", "run", f"{product.url}/api/schema/"]
        command += ["--checks", ",".join(CHECKS), "--phases", phases, "--max-time", str(seconds), "--request-timeout", "20"]
        command += ["--warnings", "off", "--report", "json", "--report-json-path", str(report)]
        command += ["--seed", str(seed)] if seed is not None else []
        done = subprocess.run(
            command,
            cwd=folder,
            env={**bare_environment(), **product.state.environment, **_hooks(identity, answers)},
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + _PATIENCE_SECONDS,
        )
        output = done.stdout + done.stderr
        if not report.exists():
            raise RuntimeError(f"schemathesis did not run:\n{output[-4000:]}")
        rows = json.loads(answers.read_text(encoding="utf-8"))
        return Result(
            identity,
            json.loads(report.read_text(encoding="utf-8")),
            Counter({(method, path, status): count for method, path, status, count in rows}),
            f"{output}\nThe server's own words:\n{tail(product.layout.log('web'), lines=80)}",
        )


def _hooks(identity: str, answers: Path) -> dict[str, str]:
    return {
        "SCHEMATHESIS_HOOKS": "bench.fuzz_hooks",
        "PYTHONPATH": str(PROJECT),
        "ATELIER_FUZZ_IDENTITY": identity,
        "ATELIER_FUZZ_ANSWERS": str(answers),
        "LOG_LEVEL": "ERROR",
    }


def operations(product: LiveProduct) -> set[tuple[str, str]]:
    """(method, path) of every operation of the live schema."""
    paths: dict[str, dict[str, Any]] = yaml.safe_load(product.caller().get("/api/schema/").raw)["paths"]
    return {(method.upper(), path) for path, item in paths.items() for method in item}


def never_succeeded(documented: set[tuple[str, str]], results: list[Result]) -> list[str]:
    """The operations that were answered 2xx to nobody: what they promise for a success was not looked at."""
    succeeded = {(method, path) for result in results for method, path, status in result.answers if 200 <= status < 300}
    return [f"{method} {path}" for method, path in sorted(documented - succeeded, key=lambda operation: operation[::-1])]


def main(arguments: list[str] | None = None) -> int:
    """Fuzz as everybody asked for; 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=int, default=320, help="for all identities together")
    parser.add_argument("--identity", choices=IDENTITIES, action="append", help="only as this one; may be repeated")
    parser.add_argument("--seed", type=int, help="of an earlier run, to repeat it")
    parser.add_argument("--phases", default=PHASES)
    options = parser.parse_args(arguments)
    identities = options.identity or list(IDENTITIES)
    results = []
    with LiveProduct(LIMITS) as product:
        documented = operations(product)
        for identity in identities:
            result = fuzz(product, identity, max(1, options.seconds // len(identities)), seed=options.seed, phases=options.phases)
            results.append(result)
            if not result.passed:
                sys.stdout.write(f"\n===== as {identity}\n{result.output}\n")
            sys.stdout.write(f"{result.line}\n")
            sys.stdout.flush()
    if lonely := never_succeeded(documented, results):
        sys.stdout.write(f"answered 2xx to nobody: {', '.join(lonely)}\n")
    return 0 if all(result.passed and result.complete for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
