"""Run by a test as one of several processes: the step, and the states that they save together."""

import sys
from pathlib import Path

import jax
import optax
import steps

from calrec.model.backbone import stacked
from train import launch
from train.run.states import GOODNESS, States
from train.step.mesh import shards_of_process

EQUAL = 1e-5


def main(folder: str) -> None:
    launch.join()
    out = Path(folder)
    losses, expected = steps.plain(steps.model())
    weights = jax.device_get(stacked.stack(steps.model()))
    trainer, layout = steps.trainer(len(jax.devices()), 2, 1, tx=optax.sgd(1.0, momentum=0.5))
    layout = steps.replace(layout, mine=shards_of_process(trainer.mesh))
    state = trainer.init(weights)
    if jax.process_count() > 1 or not (out / "checkpoints").exists():
        batch = trainer.placed(steps.batch(layout))
        state, found = trainer.step(state, batch)
        with States(out) as states:
            states.save(1, state, {GOODNESS: 0.0})
        total = float(found["total"])
        print("loss", abs(total / float(losses["total"]) - 1) < EQUAL)
    else:
        with States(out) as states:
            state = states.resumed(state, print)
    gradient = trainer.whole(state.optimizer[0].trace)  # momentum's, after one step
    print("gradient", steps.farthest(gradient, expected) < EQUAL, "step", int(state.step))


if __name__ == "__main__":
    main(*sys.argv[1:])
