"""Building `.venv` from the locked requirements: `python3 -m config.local.bootstrap <venv> <requirements>`.

Owns the one step that runs on the system's own Python, hence nothing but the standard library here. Every
file is checked against its hash, also uv itself, which then installs the rest quickly; where uv cannot work
(a platform without it, an index only pip knows), pip installs the same files.
"""

import argparse
import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

STAMP = "installed"

# pip's settings, as `pip config list` names them, and what uv calls the same.
_UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
}


def main(arguments: list[str] | None = None) -> int:
    """Make the environment, or bring an existing one in step; return the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m config.local.bootstrap")
    parser.add_argument("venv", type=Path)
    parser.add_argument("requirements", type=Path)
    options = parser.parse_args(arguments)
    python = options.venv / "bin" / "python"
    try:
        _make_venv(options.venv, python)
        _install(python, options.requirements)
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"error: {' '.join(error.cmd)} ended with {error.returncode}\n")
        return 1
    (options.venv / STAMP).touch()
    return 0


def _make_venv(venv: Path, python: Path) -> None:
    """Make the environment unless there is one whose interpreter runs and is of this version."""
    if python.exists() and _same_interpreter(python):
        return
    _say(f"making {venv} with Python {sys.version.split()[0]}")
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
    except subprocess.CalledProcessError:
        sys.stderr.write("This Python has no complete venv module. On Debian: apt-get install python3-venv\n")
        raise


def _same_interpreter(python: Path) -> bool:
    command = [str(python), "-c", "import sys; sys.stdout.write(repr(sys.version_info[:2]))"]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return found == repr(sys.version_info[:2])


def _install(python: Path, requirements: Path) -> None:
    _say(f"installing {requirements}")
    if _install_with_uv(python, requirements):
        return
    _say("uv could not do it; pip takes over (slower)")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--compile"]
    subprocess.run([*pip, "--require-hashes", "--requirement", str(requirements)], check=True)


def _install_with_uv(python: Path, requirements: Path) -> bool:
    """Install uv by its locked hashes, then everything by uv; say whether that worked."""
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    with tempfile.TemporaryDirectory() as folder:
        only_uv = Path(folder, "uv.txt")
        only_uv.write_text("".join(locked_block(requirements.read_text(encoding="utf-8"), "uv")), encoding="utf-8")
        if subprocess.run([*pip, "--requirement", str(only_uv)], check=False).returncode != 0:
            return False
    # Hashes pin the files, so it does not matter which index they come from. Compiling now makes every start
    # faster, and possible at all where Python is told not to write bytecode.
    uv = [str(python.parent / "uv"), "pip", "sync", "--quiet", "--python", str(python), "--require-hashes"]
    options = ["--system-certs", "--index-strategy", "unsafe-best-match", "--compile-bytecode"]
    listed = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    environment = uv_environment(listed.stdout.splitlines()) | os.environ
    return subprocess.run([*uv, *options, str(requirements)], check=False, env=environment).returncode == 0


def locked_block(text: str, name: str) -> Iterator[str]:
    """Yield the lines that pin one package and its hashes."""
    inside = False
    for line in text.splitlines(keepends=True):
        inside = inside or line.startswith(f"{name}==")
        if inside:
            yield line
            if not line.rstrip().endswith("\\"):
                return


def uv_environment(pip_settings: Iterable[str]) -> dict[str, str]:
    """Translate the package indexes pip is configured for into uv's variables; uv reads no pip settings."""
    found: dict[str, str] = {}
    for line in pip_settings:
        name, separator, value = line.partition("=")
        variable = _UV_NAMES.get(name.rpartition(".")[2])
        if separator and variable:
            found[variable] = str(ast.literal_eval(value)).strip()
    return found


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
