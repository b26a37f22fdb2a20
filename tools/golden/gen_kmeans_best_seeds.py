"""More seeds of what scikit-learn's K-means reaches in `cluster/kmeans_best.json`.

    python gen_kmeans_best_seeds.py FOLDER    (FOLDER holds the `cluster` fixtures; writes kmeans_best_seeds.json beside them)

The fixture has five seeds. Where several clusterings are almost as good, the median of five others lies above all of them every
twelfth time, and a suite of two dozen such comparisons fails somewhere on most adapters; above twenty, nine others do once in a
thousand times.
"""
import json
import os
import pathlib
import sys

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import sklearn
from safetensors.numpy import load_file
from sklearn.cluster import KMeans

SEEDS = range(5, 20)

folder = pathlib.Path(sys.argv[1])
data = load_file(folder / "data.safetensors")
chosen = data["chosen_index"]
x37 = data["x37"][:500].astype(float)
x10 = x37[:, chosen]
sets = {"x10_500": x10, "x37_500": x37, "p37_500": data["p37"].astype(float), "rare10_500": x10 * data["rare_weights"][chosen],
        "common10_500": x10 * data["common_weights"][chosen]}
fixture = json.loads((folder / "kmeans_best.json").read_text())
table = {"software": "scikit-learn " + sklearn.__version__, "n_init": 20, "max_iter": 500, "seeds": list(SEEDS), "inertia": {}}
for name, by_k in fixture.items():
    table["inertia"][name] = {}
    for k in by_k:
        fits = [KMeans(int(k[1:]), n_init=20, max_iter=500, random_state=seed).fit(sets[name]) for seed in SEEDS]
        table["inertia"][name][k] = [round(float(fit.inertia_), 6) for fit in fits]
        print(name, k, min(table["inertia"][name][k]), max(table["inertia"][name][k]), file=sys.stderr, flush=True)
(folder / "kmeans_best_seeds.json").write_text(json.dumps(table, separators=(",", ":")) + "\n")
