"""The coordinator in NVFlare: its FedAvg recipe, as a POC deployment (server, four clients, an admin) or in its simulator."""

import json
import shutil
import sys
from pathlib import Path

import torch
from heart import SITES, HeartNet, accuracy, initial_model, load_site, settings, write_result
from nvflare.app_opt.pt.recipes.fedavg import FedAvgRecipe
from nvflare.recipe.poc_env import PocEnv
from nvflare.recipe.sim_env import SimEnv

MINUTES_AT_MOST = 15


def final_model(folder: Path) -> HeartNet:
    """The last global model that the server saved."""
    files = sorted(folder.rglob("FL_global_model.pt"))
    if not files:
        raise FileNotFoundError(f"no FL_global_model.pt under {folder}: the job did not finish")
    saved = torch.load(files[-1], weights_only=False)
    model = HeartNet()
    model.load_state_dict({name: torch.as_tensor(value) for name, value in saved["model"].items()})
    return model


def round_ends(folder: Path, rounds: int) -> list[float]:
    """A round ends where the slowest client receives the next round's model; of the last one nothing is known."""
    received = [json.loads((folder / f"received-{site}.json").read_text()) for site in SITES]
    if any(len(times) < rounds for times in received):
        raise RuntimeError(f"rounds that clients saw: {[len(times) for times in received]} of {rounds}")
    return [max(times) for times in zip(*received, strict=True)]


def main(mode: str, workspace: Path) -> None:
    study = settings()
    # The server builds the model anew from its class, without our seed: its first weights must come from a file.
    first_weights = study.result.with_name("first-weights.pt")
    torch.save(initial_model().state_dict(), first_weights)
    recipe = FedAvgRecipe(
        name="heart",
        model=HeartNet(),
        initial_ckpt=str(first_weights),
        min_clients=len(SITES),
        num_rounds=study.rounds,
        train_script=str(Path(__file__).with_name("client.py")),
    )
    if mode == "poc":
        environment = PocEnv(clients=list(SITES), num_clients=len(SITES))
    else:
        environment = SimEnv(clients=list(SITES), workspace_root=str(workspace))
    run = recipe.execute(environment)
    folder = run.get_result(timeout=MINUTES_AT_MOST * 60, clean_up=False)
    if folder is None:
        raise RuntimeError("the job gave no result in time")
    model = final_model(Path(folder))
    by_site = {site: accuracy(model, load_site(site)[1]) for site in SITES}
    write_result("NVFlare", by_site, round_ends(study.result.parent, study.rounds))
    shutil.rmtree(workspace, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
