"""Servers with a scripted model and options of `demo.server.app.launch`, for tests of serving.

python running.py    starts and stops them as lines of its standard input say
"""

from __future__ import annotations

import atexit
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
API = "/gradio_api"


@dataclass(frozen=True)
class Running:
    """A server in a process of its own."""

    address: str
    pid: int
    log: Path

    def logged(self) -> str:
        return self.log.read_text()

    def memory(self) -> int:
        """Resident bytes of the process."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return 1024 * int(line.split()[1])


@contextmanager
def running(workspace: Path, pause: float = 0.0, **options: Any) -> Iterator[Running]:
    """A server; besides the options of `launch`, `allow` names other sites that may use it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log:
        pid = _told(start=[log.name, str(workspace), port, pause, options])
        assert pid, Path(log.name).read_text()
        try:
            yield Running(f"http://127.0.0.1:{port}", pid, Path(log.name))
        finally:
            _told(stop=pid)


def _told(**order: Any) -> int:
    """Has a server started or stopped; its process, 0 where it did not come up."""
    nursery = _nursery()
    nursery.stdin.write(json.dumps(order) + "\n")
    nursery.stdin.flush()
    return int(nursery.stdout.readline())


@cache
def _nursery() -> subprocess.Popen:
    """The process of which all servers are copies: imports, most of a start, are done once."""
    nursery = subprocess.Popen(
        [sys.executable, HERE / "running.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"},
    )
    atexit.register(nursery.communicate)
    return nursery


class Tab:
    """What a browser's tab says to the queue; events by number, private ones too."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = uuid4().hex[:12]
        self.client = httpx.Client(timeout=60)

    def __enter__(self) -> Tab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """As a person closes a tab: the connection ends."""
        self.client.close()

    def join(self, event: int, data: Sequence[Any]) -> httpx.Response:
        """Asks for an event; the answer says at once whether there is room."""
        body = {"data": list(data), "fn_index": event, "session_hash": self.session}
        return self.client.post(f"{self.address}{API}/queue/join", json=body)

    def messages(self) -> Iterator[dict[str, Any]]:
        """What the server says until the event is over."""
        place = f"{self.address}{API}/queue/data?session_hash={self.session}"
        with self.client.stream("GET", place) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def run(self, event: int, data: Sequence[Any]) -> dict[str, Any]:
        """The last message of an event that is let in."""
        self.join(event, data).raise_for_status()
        done = [m for m in self.messages() if m["msg"] == "process_completed"]
        return done[-1]


class Events:
    """The events of a server's pages, as a browser learns of them."""

    def __init__(self, address: str) -> None:
        config = httpx.get(f"{address}/config", timeout=60).json()
        self._of = config["dependencies"]
        self._components = {component["id"]: component for component in config["components"]}

    def number(self, name: str, visibility: str = "private") -> int:
        """Of the function with this name; gradio numbers those with equal names."""
        for event in self._of:
            named = re.fullmatch(rf"{name}(_\d+)?", event["api_name"] or "")
            if named and event["api_visibility"] == visibility:
                return event["id"]
        raise LookupError(f"{visibility} {name}")

    def defaults(self, number: int) -> list[Any]:
        """What the event's inputs hold when nobody has touched them."""
        event = next(event for event in self._of if event["id"] == number)
        return [self._props(i).get("value") for i in event["inputs"]]

    def _props(self, component: int | None) -> dict[str, Any]:
        return self._components.get(component, {}).get("props", {})


def take_orders() -> None:
    """Starts and stops servers as standard input says; those that are left end with it."""
    sys.path.insert(0, str(HERE))
    from demo.server.app import settle

    settle()
    for module in ("scripted", "demo.inspect.application", "demo.server.shell"):
        import_module(module)
    left: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if "stop" in order:
            left.remove(order["stop"])
            _end(order["stop"])
            print(order["stop"], flush=True)
            continue
        ready, up = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(ready)
            serve(up, *order["start"])
            return
        os.close(up)
        came = os.read(ready, 1)  # nothing where the process ended first
        os.close(ready)
        if came:
            left.add(pid)
        else:
            os.waitpid(pid, 0)
        print(pid if came else 0, flush=True)
    for pid in left:
        _end(pid)


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)


def serve(up: int, log: str, workspace: str, port: int, pause: float, given: dict) -> None:
    """Serves until it is terminated; says so in the pipe `up` as soon as it does."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # in all threads to come
    with open(log, "a") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    from scripted import ScriptedModel

    from demo.inspect.application import Application
    from demo.server.app import launch
    from demo.server.origins import origins

    model = ScriptedModel(pause)
    application = Application(Path(workspace), "scripted", load_model=lambda _: model)
    model.shops = [application.shop(domain).catalogue.items for domain in application.domains]
    allowed = origins("127.0.0.1", (), given.pop("allow", ()))
    page = launch(application, "127.0.0.1", port, origins=allowed, **given)
    os.write(up, b"1")
    os.close(up)
    signal.sigwait({signal.SIGTERM})
    page.close(verbose=False)


if __name__ == "__main__":
    take_orders()
