"""The coordinator in Flower: FedAvg with its own defaults, which train and evaluate at every node in every round."""

import time

from flwr.app import ArrayRecord, Context, MetricRecord, RecordDict
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from heart import SITES, initial_model, settings, write_result

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    round_ends: list[float] = []
    latest: dict[str, float] = {}

    def collect(replies: list[RecordDict], weighted_by: str) -> MetricRecord:
        metrics = [next(iter(reply.metric_records.values())) for reply in replies]
        latest.clear()
        latest.update({SITES[int(one["site"])]: float(one["accuracy"]) for one in metrics})
        round_ends.append(time.time())
        return MetricRecord({"accuracy": sum(latest.values()) / len(latest)})

    strategy = FedAvg(
        min_train_nodes=len(SITES),
        min_evaluate_nodes=len(SITES),
        min_available_nodes=len(SITES),
        evaluate_metrics_aggr_fn=collect,
    )
    rounds = settings().rounds
    strategy.start(grid=grid, initial_arrays=ArrayRecord(initial_model().state_dict()), num_rounds=rounds)
    if len(latest) != len(SITES) or len(round_ends) != rounds:
        raise RuntimeError(f"{len(round_ends)} of {rounds} rounds, and {len(latest)} of {len(SITES)} sites in the last")
    write_result("Flower", latest, round_ends)
