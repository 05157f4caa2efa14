"""Run by a test with eight forced devices: the step on each mesh equals that of one device.

After one step the momentum of plain gradient descent is the gradient.
"""

import jax
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
        momentum = after.optimizer[0].trace
        print(
            devices,
            fsdp,
            microbatch,
            steps.farthest(trainer.whole(momentum), expected) < EQUAL,
            abs(float(found["total"]) / float(losses["total"]) - 1) < EQUAL,
            momentum["layers"]["mlp"]["up_proj"]["weight"].sharding.spec != (),
        )


if __name__ == "__main__":
    main()
