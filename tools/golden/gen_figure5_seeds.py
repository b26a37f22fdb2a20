"""How far scikit-learn's own K-means moves in `cluster/figure5.json`, and where it started.

    python gen_figure5_seeds.py FOLDER    (FOLDER holds the `cluster` fixtures; writes two files beside them)

figure5_kmeans_seeds.json: silhouettes and inertias of ten seeds, and those of the table's own seed by the matrix products of
other processors: on rows of 0 and 1 a row is often exactly as near to two centres, and rounding decides.
figure5_kmeans_starts.json: the rows that k-means++ drew for each of the 20 restarts on the weighted rows, which no tie
disturbs. From the same starts any K-means must meet the table.
"""
import json
import os
import pathlib
import subprocess
import sys

# Of the processors that OpenBLAS knows, the oldest: it runs everywhere, and meets the table's weighted curves to the last digit.
os.environ.setdefault("OPENBLAS_CORETYPE", "Nehalem")
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import sklearn
from safetensors.numpy import load_file
from sklearn.cluster import KMeans, _kmeans
from sklearn.metrics import silhouette_score

PROCESSORS = ["Nehalem", "Haswell", "SkylakeX"]

folder = pathlib.Path(sys.argv[1])
data = load_file(folder / "data.safetensors")
x = data["x37"][:500, data["chosen_index"]].astype(float)
rare = x * data["rare_weights"][data["chosen_index"]]
published = json.loads((folder / "figure5.json").read_text())
about = {"software": "scikit-learn " + sklearn.__version__, "data": "x10_500", "n_init": 20, "max_iter": 500, "k": published["k"]}


def fit_of(rows, k, seed):
    return KMeans(k, n_init=20, max_iter=500, random_state=seed).fit(rows)


def silhouettes(rows, fits):
    return [round(float(silhouette_score(rows, fit.labels_)), 6) for fit in fits]


def inertias(fits):
    return [round(float(fit.inertia_), 4) for fit in fits]


def write(name, table):
    (folder / name).write_text(json.dumps(table, separators=(",", ":")) + "\n")


if sys.argv[2:] == ["--this-processor"]:
    print(json.dumps([silhouettes(x, [fit_of(x, k, 0)])[0] for k in published["k"]]))
    sys.exit()

table = {**about, "seeds": list(range(10)), "silhouette": [], "inertia": [], "weighted_rare_unweighted_silhouette": [],
         "weighted_rare_weighted_silhouette": [], "weighted_rare_inertia": []}
for k in published["k"]:
    fits, weighted = ([fit_of(rows, k, seed) for seed in table["seeds"]] for rows in (x, rare))
    table["silhouette"].append(silhouettes(x, fits))
    table["inertia"].append(inertias(fits))
    table["weighted_rare_unweighted_silhouette"].append(silhouettes(x, weighted))
    table["weighted_rare_weighted_silhouette"].append(silhouettes(rare, weighted))
    table["weighted_rare_inertia"].append(inertias(weighted))
    print(k, table["silhouette"][-1][0], published["kmeans"][k - 2], file=sys.stderr, flush=True)
again = [sys.executable, __file__, str(folder), "--this-processor"]
table["seed_0_by_processor"] = {
    processor: json.loads(subprocess.check_output(again, env={**os.environ, "OPENBLAS_CORETYPE": processor}))
    for processor in PROCESSORS}
write("figure5_kmeans_seeds.json", table)

drawn = []
plus_plus = _kmeans._kmeans_plusplus


def recorded(*arguments, **settings):
    centers, rows = plus_plus(*arguments, **settings)
    drawn.append([int(row) for row in rows])
    return centers, rows


_kmeans._kmeans_plusplus = recorded
starts = {**about, "random_state": 0, "rare10_500": []}
for k in published["k"]:
    drawn.clear()
    fit = fit_of(rare, k, 0)
    found, expected = silhouette_score(rare, fit.labels_), published["weighted_rare_weighted_silhouette"][k - 2]
    if abs(found - expected) > 1e-9:
        sys.exit(f"k = {k}: silhouette {found}, the table has {expected}: these are not the table's starts")
    starts["rare10_500"].append(list(drawn))
write("figure5_kmeans_starts.json", starts)
