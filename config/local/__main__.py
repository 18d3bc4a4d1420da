"""The command line of the local runner: `.venv/bin/python -m config.local <command>`."""

import argparse
import sys
from collections.abc import Callable, Sequence

from config.local import control
from config.local.errors import LocalError
from config.local.execute import run_with_running_services, run_with_scratch_services
from config.local.layout import Layout, WebAddress
from config.local.logs import follow
from config.local.runner import Runner

_COMMANDS = {
    "run": "start everything in the foreground; Ctrl-C stops it",
    "start": "start everything in the background and return when it is ready",
    "stop": "stop what runs in the background or in another terminal",
    "restart": "stop, then start",
    "status": "print a table of the processes; exit code 1 when nothing runs",
}
_WRAPPERS = {
    "exec": "run a command with throw-away PostgreSQL and Valkey",
    "attach": "run a command with the services of the running instance",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _dispatch(options)
    except LocalError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _dispatch(options: argparse.Namespace) -> int:
    layout = Layout.from_environment()
    actions: dict[str, Callable[[], int]] = {
        "run": lambda: Runner(layout, WebAddress.from_environment()).run(),
        "start": lambda: control.start(layout, WebAddress.from_environment()),
        "stop": lambda: control.stop(layout),
        "restart": lambda: control.restart(layout, WebAddress.from_environment()),
        "status": lambda: control.status(layout),
        "logs": lambda: follow(layout, options.name),
        "exec": lambda: run_with_scratch_services(_command_line(options.argv)),
        "attach": lambda: run_with_running_services(layout, _command_line(options.argv)),
    }
    return actions[str(options.command)]()


def _command_line(argv: list[str]) -> list[str]:
    command = argv[1:] if argv[:1] == ["--"] else argv
    if not command:
        raise LocalError("say which command to run, for example: exec -- python manage.py check")
    return command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m config.local", description="The local runner of Atelier.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in _COMMANDS.items():
        commands.add_parser(name, help=text)
    logs = commands.add_parser("logs", help="follow the logs of all processes, or of one")
    logs.add_argument("name", nargs="?", help="postgres, valkey, prepare, web, worker, shipper, runner")
    for name, text in _WRAPPERS.items():
        commands.add_parser(name, help=text).add_argument("argv", nargs=argparse.REMAINDER)
    return parser


if __name__ == "__main__":
    sys.exit(main())
