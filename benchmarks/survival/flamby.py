"""The figures of published.ts: python flamby.py FLamby/flamby/results/results_benchmark_fed_tcga_brca. Needs pandas."""

import pathlib
import sys

import pandas as pd

folder = pathlib.Path(sys.argv[1])
runs = pd.concat(pd.read_csv(folder / f"tcga_seed{seed}.csv") for seed in range(42, 47))
centres = runs[runs.Test.str.startswith("client_test_")]
own = centres[centres.Method.str.removeprefix("Local ") == centres.Test.str.removeprefix("client_test_")]
together = centres[~centres.Method.str.startswith("Local ")]
for rows in (own.assign(Method="own-site local"), together):
    seeds = rows.groupby(["Method", "seed"]).Metric.mean()
    print(seeds.groupby("Method").agg(["mean", "std", "count"]).round(4).to_string())
