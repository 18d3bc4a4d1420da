"""Runs both sides and prints the ratios; the last line of standard output is JSON.

Each side is Granian with one process and four threads. Every contender is loaded in turn by wrk, round after round, so a noisy
neighbour meets them all; a contender's figure is the median of its rounds. Our side has everything on: authentication, scope,
two limits for the key (minute and day) and one for the person, the durable log, all middleware. The shipper runs too.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psycopg

from config.local.process import free_port
from config.local.scratch import ScratchServices

ROOT = Path(__file__).resolve().parents[2]
CONNECTIONS = 32


def say(text: str) -> None:
    """Progress, apart from the result."""
    sys.stderr.write(text + "\n")


def credentials(side: str, environment: dict[str, str]) -> dict[str, str]:
    """The side's credentials, made by a process with its settings."""
    command = [sys.executable, "-m", "bench.gate.credentials", side]
    result = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    found: dict[str, str] = json.loads(result.stdout)
    return found


def serve(application: str, port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """One Granian process with four threads."""
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", application, "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", "1", "--blocking-threads", "4", "--log-level", "warning"),
    ]
    return subprocess.Popen(command, cwd=ROOT, env=environment)


def wait_for(url: str, header: str) -> None:
    """Until the contender answers 200. Raises RuntimeError after twenty seconds."""
    for _ in range(200):
        try:
            request = urllib.request.Request(url, headers={"Authorization": header})
            with urllib.request.urlopen(request, timeout=2) as answer:
                if answer.status == 200:
                    return
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{url} answered {error.code}: {error.read()[:200]!r}") from error
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} did not answer")


def load(url: str, header: str, seconds: float) -> float:
    """Requests a second under wrk. Raises RuntimeError when anything but 2xx came back."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "-H", f"Authorization: {header}", url]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    if "Non-2xx" in output:
        raise RuntimeError(f"{url}: {output}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None:
        raise RuntimeError(output)
    return float(found.group(1))


def main() -> int:
    """Run the rounds."""
    parser = argparse.ArgumentParser(description="The request gate's cost as ratios to a bare DRF view.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each contender in each round")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        say("wrk is needed for this benchmark: apt-get install wrk, or brew install wrk")
        return 2
    with ScratchServices(durable=True, private=True) as services:
        environment = {**os.environ, **services.environment()}
        environment["PROMETHEUS_MULTIPROC_DIR"] = environment["DATA_DIR"]
        return compare(options.rounds, options.seconds, environment)


def compare(rounds: int, seconds: float, environment: dict[str, str]) -> int:
    """Both sides on the same services, each with a database of its own."""
    bare_url = environment["DATABASE_URL"].rsplit("/", 1)[0] + "/bench_bare"
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("CREATE DATABASE bench_bare")
    environment["BENCH_BARE_DATABASE_URL"] = bare_url
    headers = {"bare": "none", **credentials("bare", environment), **credentials("product", environment)}
    product = {**environment, "DJANGO_SETTINGS_MODULE": "bench.gate.product_settings"}
    ports = (free_port(), free_port())
    children = [
        serve("bench.gate.bare_wsgi:application", ports[0], environment),
        serve("config.wsgi:application", ports[1], product),
        subprocess.Popen([sys.executable, "manage.py", "ship_request_log"], cwd=ROOT, env=product),
    ]
    urls = {
        "bare": f"http://127.0.0.1:{ports[0]}/bare/",
        "simplejwt": f"http://127.0.0.1:{ports[0]}/simplejwt/",
        "drf_api_key": f"http://127.0.0.1:{ports[0]}/drf-api-key/",
        "jwt": f"http://127.0.0.1:{ports[1]}/api/v1/bench/",
        "api_key": f"http://127.0.0.1:{ports[1]}/api/v1/bench/",
    }
    try:
        rates = measure(rounds, seconds, urls, headers)
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait(timeout=20)
    report(rates)
    return 0


def measure(rounds: int, seconds: float, urls: dict[str, str], headers: dict[str, str]) -> dict[str, list[float]]:
    """Rates of every contender in every round, after one warm-up round that does not count."""
    for name, url in urls.items():
        wait_for(url, headers[name])
        load(url, headers[name], 1)
    rates: dict[str, list[float]] = {name: [] for name in urls}
    for number in range(rounds):
        for name, url in urls.items():
            rates[name].append(load(url, headers[name], seconds))
        say(f"round {number + 1}: " + "  ".join(f"{name} {values[-1]:.0f}/s" for name, values in rates.items()))
    return rates


def report(rates: dict[str, list[float]]) -> None:
    """A table for people, then one line of JSON."""
    ratios = {
        name: statistics.median(rate / bare for rate, bare in zip(values, rates["bare"], strict=True))
        for name, values in rates.items()
    }
    for name, values in rates.items():
        sys.stdout.write(f"{name:12} {statistics.median(values):9.0f} requests/s   {ratios[name]:.2f} of bare\n")
    result = {name: round(ratio, 3) for name, ratio in ratios.items()}
    result["api_key_vs_drf_api_key"] = round(ratios["api_key"] / ratios["drf_api_key"], 2)
    result["jwt_vs_simplejwt"] = round(ratios["jwt"] / ratios["simplejwt"], 2)
    result["api_key_vs_simplejwt"] = round(ratios["api_key"] / ratios["simplejwt"], 2)
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    sys.exit(main())
