"""Run by a test with eight forced devices: the step on each mesh equals that of one device.

After one step the momentum of plain gradient descent is the gradient.
"""

import jax
import optax
import steps

from calrec.model.backbone import lora, stacked
from calrec.model.backbone.forward import Forward
from calrec.model.backbone.lora_settings import LoraSettings

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
    print("adapters", adapters_equal())


def adapters_equal() -> bool:
    """Whether adapters have the gradient of one device, beside weights that lie in parts."""
    settings = LoraSettings(rank=2)
    weights = stacked.stack(steps.model())
    trained = lora.trained(weights, settings, 3)
    found = []
    for devices, fsdp, microbatch in ((1, 1, 0), (4, 2, 1)):
        tx = optax.sgd(1.0, momentum=0.5)
        forward = Forward(lora=settings)
        made, layout = steps.trainer(devices, fsdp, microbatch, forward=forward, tx=tx)
        trainer = made.adapting(trained, weights)
        batch = trainer.placed(steps.batch(layout))
        after, _ = trainer.step(trainer.init(trained), batch, trainer.frozen)
        found.append(trainer.whole(after.optimizer[0].trace))
    # Half of the adapters, A, have no gradient before the first step.
    return all(
        steps.farthest(*(tree["adapters"][part][name]["b"] for tree in found)) < EQUAL
        for part, projections in trained["adapters"].items()
        for name in projections
    )


if __name__ == "__main__":
    main()
