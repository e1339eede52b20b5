"""How far one changed attribute travels through the package during `apply`, from YAML to PATCH.

    .venv/bin/python tests/benchmarks/frames.py

Runs `apply` in this process for one user with one changed attribute, against `limited_server.py`, then once more with
nothing left to change, and prints as JSON:

- `frames`: calls of the package on the stack while the PATCH is sent: in the main thread down to where it waits for a
  worker, and in the worker down to `httpx.HTTPTransport`; `lambdas`: how many of them are anonymous,
- `run`: files and functions of the package that the first run calls, imports left out,
- `change`: those of them that the second run does not call, so that run because one attribute changed,
- `value`: those with an argument that is or directly holds the attribute's new value: the text, a user, a change,
- `value_at_any_depth`: those with an argument, `self` included, that holds it anywhere, such as a plan in a session,
- with `--walk`: the frames, outermost first, and the files of `change` and `value`.

`PYTHONPATH=/path/to/another/checkout` measures that version instead.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import httpx
from generate import write_desired_state

import reconciler
from reconciler import cli

HERE = Path(__file__).parent
VALUE = "Zymurgy"
"""The new department."""
PACKAGE = str(Path(reconciler.__file__).parent) + os.sep


def name_function(code: CodeType) -> str:
    """`apply/executor.py:execute`."""
    return f"{code.co_filename.removeprefix(PACKAGE)}:{code.co_qualname}"


def package_frames(frame: FrameType | None) -> list[str]:
    """The functions of the package on a stack, outermost first."""
    found = []
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            found.append(name_function(frame.f_code))
        frame = frame.f_back
    return found[::-1]


def holds_value(item: Any, depth: int) -> bool:
    """Whether `item` is `VALUE`, or holds it in at most `depth` containers or objects of the package."""
    if isinstance(item, str | bytes):
        return VALUE in item if isinstance(item, str) else VALUE.encode() in item
    if depth == 0:
        return False
    if isinstance(item, Mapping):
        return any(holds_value(value, depth - 1) for value in item.values())
    if isinstance(item, list | tuple | set | frozenset):
        return any(holds_value(value, depth - 1) for value in item)
    if type(item).__module__.partition(".")[0] != "reconciler":
        return False
    slots = [name for base in type(item).__mro__ for name in getattr(base, "__slots__", ())]
    names = {*slots, *getattr(item, "__dict__", ())}
    return any(holds_value(getattr(item, name, None), depth - 1) for name in names)


class Recorder:
    """Records the stack of the PATCH, and every function of the package that is called."""

    def __init__(self) -> None:
        self.walk: list[str] = []
        self.called: set[str] = set()
        self.handling: set[str] = set()
        self.passing: set[str] = set()

    def profile(self, frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        # Bodies of modules and classes are not optimised: they run when a module is imported.
        named = code.co_flags & inspect.CO_OPTIMIZED and not code.co_name.startswith("<")
        if event == "call" and named and code.co_filename.startswith(PACKAGE):
            self.note_call(name_function(code), frame)

    def note_call(self, function: str, frame: FrameType) -> None:
        self.called.add(function)
        code = frame.f_code
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        arguments = {name: frame.f_locals.get(name) for name in names}
        if function not in self.passing and any(holds_value(value, 8) for value in arguments.values()):
            self.passing.add(function)
        arguments.pop("self", None)
        if function not in self.handling and any(holds_value(value, 2) for value in arguments.values()):
            self.handling.add(function)

    def record(self, request: httpx.Request) -> None:
        if request.method != "PATCH":
            return
        main = threading.main_thread().ident
        assert main is not None
        self.walk = package_frames(sys._current_frames()[main])
        if threading.get_ident() != main:
            self.walk += package_frames(inspect.currentframe())

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        send = httpx.HTTPTransport.handle_request

        def recorded(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
            self.record(request)
            return send(transport, request)

        httpx.HTTPTransport.handle_request = recorded  # type: ignore[method-assign]
        threading.setprofile(self.profile)
        sys.setprofile(self.profile)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
            httpx.HTTPTransport.handle_request = send  # type: ignore[method-assign]


def run_apply(state: Path, plans: Path) -> Recorder:
    """Run `apply` in this process; what it calls."""
    recorder = Recorder()
    sys.argv = ["reconciler", "apply", "--auto-approve", "--state", str(state), "--plans", str(plans)]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), recorder.running():
            cli.main()
    except SystemExit as exc:
        if exc.code:
            raise RuntimeError(f"apply ended with {exc.code}") from exc
    return recorder


def apply_twice() -> tuple[Recorder, Recorder]:
    """Run `apply` for one changed attribute, then for none."""
    command = [sys.executable, str(HERE / "limited_server.py"), "--users", "1", "--limit", "0"]
    with (
        tempfile.TemporaryDirectory() as scratch,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        state, plans = Path(scratch) / "state", Path(scratch) / "plans"
        write_desired_state(state, 1, 1, base_url=server.stdout.readline().strip())
        (users,) = (state / "users").iterdir()
        users.write_text(re.sub("department: .*", f"department: {VALUE}", users.read_text("utf-8")), "utf-8")
        os.environ |= {"RECONCILER_TOKEN": "benchmark", "RECONCILER_ALLOWED_HOSTS": "127.0.0.1"}
        importlib.import_module("reconciler.commands.apply")
        recorders = run_apply(state, plans), run_apply(state, plans)
        server.stdin.close()
        server.stdout.read()
    return recorders


def list_files(functions: set[str]) -> list[str]:
    """The files of functions, sorted."""
    return sorted({function.partition(":")[0] for function in functions})


def count(functions: set[str]) -> dict[str, int]:
    """The numbers of functions and of their files."""
    return {"files": len(list_files(functions)), "functions": len(functions)}


def main() -> None:
    """Measure once and print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walk", action="store_true", help="list the frames and the files, too")
    options = parser.parse_args()
    first, second = apply_twice()
    change = first.called - second.called
    found: dict[str, Any] = {
        "frames": len(first.walk),
        "lambdas": sum(frame.endswith("<lambda>") for frame in first.walk),
        "run": count(first.called),
        "change": count(change),
        "value": count(first.handling),
        "value_at_any_depth": count(first.passing),
    }
    if options.walk:
        found |= {"walk": first.walk, "change_files": list_files(change), "value_files": list_files(first.handling)}
    print(json.dumps(found, indent=1))  # noqa: T201


if __name__ == "__main__":
    main()
