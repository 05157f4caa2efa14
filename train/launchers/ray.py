"""`--launcher ray`: Ray starts and watches the processes of a training.

The processes meet as they do under any scheduler (`train.launch`). Where one is lost the others
cannot go on: all are ended, and all are started again, from the last state that they saved.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from calrec.errors import CalrecError
from train import launch
from train.launchers.settings import Launching
from train.launchers.worker import Place, Worker
from train.ray_cluster import connected
from train.run.stopping import Asked, stopping

FORWARDED = ("CALREC_", "JAX_", "XLA_", "LIBTPU_")
"""Variables of this process that the workers have too, by how they begin."""
_LINES = 30  # of a worker other than the first, shown where it ends with a trace
_STOPPED = (128 + signal.SIGTERM, -signal.SIGTERM)
_OURS = 2  # exit status of an error of one line


def run(settings: Launching, line: Sequence[str], console: Console) -> None:
    """Runs `calrec-train` with the arguments `line` as `settings.workers` processes.

    Raises:
      CalrecError: if Ray is missing or not reached, more workers are lost than may be started
        again, or one of them ends with an error of one line, which is then this one's.
      KeyboardInterrupt: when asked to stop, after the workers have saved and ended.
    """
    with connected(settings.address, "--launcher ray") as ray, stopping() as asked:
        for restart in range(settings.restarts + 1):
            lost = _Attempt(ray, settings, line, console, asked).run()
            if asked.by is not None:
                asked.stop()
            if lost is None:
                return
            if restart < settings.restarts:
                which = f"restart {restart + 1} of {settings.restarts}"
                _say(console, f"{lost}; all start again from the last state ({which})")
        raise CalrecError(
            f"expected workers that last, found: {lost}, after {settings.restarts} restarts; see"
            " why, then give the same command, which goes on from the last state"
        )


@dataclass(eq=False)
class _Attempt:
    """The workers from their start to their end, or to the first that is lost."""

    ray: Any
    settings: Launching
    line: Sequence[str]
    console: Console
    asked: Asked
    said: dict[int, deque[str]] = field(default_factory=dict)

    def run(self) -> str | None:
        """Returns which worker was lost and how; None if all have ended well or were stopped."""
        needs = {
            "num_cpus": self.settings.worker_cpus,
            "num_gpus": self.settings.worker_gpus,
            "resources": {"TPU": self.settings.worker_tpus} if self.settings.worker_tpus else {},
        }
        # One method runs the process, another one stops it meanwhile.
        actor = self.ray.remote(Worker).options(
            **needs, max_concurrency=2, scheduling_strategy="SPREAD"
        )
        workers = [actor.remote() for _ in range(self.settings.workers)]
        try:
            places = self._places(workers)
            if places is None:
                return None
            order = sorted(range(len(workers)), key=lambda n: (places[n].slice, places[n].host))
            return self._watched([workers[n] for n in order], [places[n] for n in order])
        except self.ray.exceptions.RayError as error:
            return f"a worker is lost ({_one_line(error)})"
        finally:
            ends = [worker.stop.remote(int(signal.SIGKILL)) for worker in workers]
            self.ray.wait(ends, num_returns=len(ends), timeout=30)
            for worker in workers:
                self.ray.kill(worker)

    def _places(self, workers: Sequence[Any]) -> list[Place] | None:
        """Where the workers are, once there is room for all of them; None if stopped before."""
        asking = [worker.place.remote() for worker in workers]
        patience = 15
        while self.asked.by is None:
            missing = self.ray.wait(asking, num_returns=len(asking), timeout=1)[1]
            if not missing:
                return self.ray.get(asking)
            patience -= 1
            if not patience:
                has = {n: v for n, v in self.ray.cluster_resources().items() if n.isupper()}
                _say(
                    self.console,
                    f"waiting for room for {len(workers)} workers, of which {len(missing)} have"
                    f" none yet; the cluster has {has}",
                )
        return None

    def _watched(self, workers: Sequence[Any], places: Sequence[Place]) -> str | None:
        common = {n: v for n, v in os.environ.items() if n.startswith(FORWARDED)}
        common[launch.COORDINATOR] = f"{places[0].address}:{places[0].port}"
        common[launch.PROCESSES] = str(len(workers))
        common["COLUMNS"] = str(self.console.width)  # of the terminal on which it is shown
        streams = {
            worker.run.options(num_returns="streaming").remote(
                self.line, os.getcwd(), {**common, launch.PROCESS: str(number)}
            ): number
            for number, worker in enumerate(workers)
        }
        told = False
        while streams:
            if self.asked.by is not None and not told:
                told = True
                _say(self.console, "stopping: the workers finish their step and save")
                # Held until they are heard.
                asking = [worker.stop.remote(int(signal.SIGTERM)) for worker in workers]
                self.ray.wait(asking, num_returns=len(asking), timeout=30)
            for stream in self.ray.wait(list(streams), timeout=1, fetch_local=False)[0]:
                number = streams[stream]
                name = f"worker {number + 1} of {len(workers)} (on {places[number].address})"
                try:
                    said = self.ray.get(next(stream))
                except self.ray.exceptions.RayError as error:
                    return f"{name} is lost ({_one_line(error)})"
                if isinstance(said, str):
                    self._hear(number, said)
                    continue
                del streams[stream]
                if said and not (told and said in _STOPPED):
                    return self._lost(number, name, said)
        return None

    def _hear(self, number: int, said: str) -> None:
        self.said.setdefault(number, deque(maxlen=_LINES)).append(said)
        ours = said == "stopped" or said.startswith("error: ")  # which this command says itself
        if number == 0 and not ours:
            _say(self.console, said)

    def _lost(self, number: int, name: str, status: int) -> str:
        """How a worker has ended that should not have.

        Raises:
          CalrecError: if with an error of one line: it would end so again.
        """
        said = self.said.get(number, ())
        errors = [line.removeprefix("error: ") for line in said if line.startswith("error: ")]
        if status == _OURS and errors:
            raise CalrecError(errors[-1])
        if status < 0:
            return f"{name} was ended by {signal.Signals(-status).name}"
        if number:
            for line in said:
                _say(self.console, line)
        return f"{name} ended with status {status}"


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
