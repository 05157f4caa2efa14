"""Run by a test with eight forced devices: the step on each mesh equals that of one device.

Plain gradient descent of rate 1 takes the gradient from the weights: the difference tells it.
"""

import jax
import numpy as np
import optax
import steps

from calrec.model.backbone import stacked

EQUAL = 1e-5
GRIDS = [(8, 1, 1), (8, 4, 1), (4, 2, 0)]


def main() -> None:
    losses, expected = steps.plain(steps.model())
    weights = jax.device_get(stacked.stack(steps.model()))
    for devices, fsdp, microbatch in GRIDS:
        tx = optax.sgd(1.0, momentum=0.5)
        trainer, layout = steps.trainer(devices, fsdp, microbatch, tx=tx)
        state = trainer.init(weights)
        after, found = trainer.step(state, trainer.placed(steps.batch(layout)))
        gradient = jax.tree.map(np.subtract, weights, jax.device_get(after.weights))
        momentum = after.optimizer[0].trace["layers"]["mlp"]["up_proj"]["weight"]
        print(
            devices,
            fsdp,
            microbatch,
            steps.farthest(gradient, expected) < EQUAL,
            abs(float(found["total"]) / float(losses["total"]) - 1) < EQUAL,
            momentum.sharding.spec != (),
        )


if __name__ == "__main__":
    main()
