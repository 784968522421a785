"""One hospital in NVFlare: measures the model it receives, as NVFlare's examples do, then trains it and sends it back."""

import json
import sys
import time

import nvflare.client as flare
import torch
from heart import SEED, SITES, HeartNet, accuracy, load_site, settings, train


def main() -> None:
    flare.init()
    site = flare.get_site_name()
    training, test = load_site(site)
    model = HeartNet()
    received_at: list[float] = []
    while flare.is_running():
        task = flare.receive()
        if task is None:
            break
        received_at.append(time.time())
        model.load_state_dict({name: torch.as_tensor(value) for name, value in task.params.items()})
        before = accuracy(model, test)
        train(model, training, seed=SEED + 1000 * (int(task.current_round) + 1) + SITES.index(site))
        flare.send(
            flare.FLModel(
                params=model.state_dict(),
                metrics={"accuracy": before},
                meta={"NUM_STEPS_CURRENT_ROUND": len(training.target)},
            )
        )
    settings().result.with_name(f"received-{site}.json").write_text(json.dumps(received_at))


if __name__ == "__main__":
    sys.exit(main())
