"""Cox's regression by lifelines: one JSON document on stdin (survival.ts), one on stdout."""

import json
import sys
import warnings

import lifelines
import pandas as pd
from lifelines.utils import concordance_index

warnings.filterwarnings("ignore")
asked = json.load(sys.stdin)
table = pd.DataFrame(asked["rows"], columns=asked["columns"])


def fitted(job):
    """Log-hazards of some rows, by the model of others. lifelines penalises coefficients of columns that it has scaled to deviation 1."""
    model = lifelines.CoxPHFitter(penalizer=job["penalizer"])
    model.fit(table.iloc[job["training"]], "days", "died")
    return model.predict_log_partial_hazard(table.iloc[job["predicted"]]).tolist()


def measured(check):
    """The concordance of given log-hazards: the higher, the sooner."""
    rows = table.iloc[check["rows"]]
    return concordance_index(rows["days"], [-score for score in check["scores"]], rows["died"])


json.dump(
    {
        "version": lifelines.__version__,
        "scores": [fitted(job) for job in asked["fits"]],
        "concordances": [measured(check) for check in asked["checks"]],
    },
    sys.stdout,
)
