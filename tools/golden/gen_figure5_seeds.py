"""How far scikit-learn's own figure 5 moves with the seed: K-means of `cluster/figure5.json`, plain and weighted, for ten seeds.

    python gen_figure5_seeds.py FOLDER    (FOLDER holds the `cluster` fixtures; writes figure5_kmeans_seeds.json beside them)
"""
import json
import pathlib
import sys

import numpy as np
import sklearn
from safetensors.numpy import load_file
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

folder = pathlib.Path(sys.argv[1])
data = load_file(folder / "data.safetensors")
x = data["x37"][:500, data["chosen_index"]].astype(float)
rare = x * data["rare_weights"][data["chosen_index"]]
published = json.loads((folder / "figure5.json").read_text())
table = {"software": "scikit-learn " + sklearn.__version__, "data": "x10_500", "n_init": 20, "max_iter": 500,
         "seeds": list(range(10)), "k": published["k"], "silhouette": [], "inertia": [],
         "weighted_rare_unweighted_silhouette": [], "weighted_rare_weighted_silhouette": []}


def fits_of(rows, k):
    return [KMeans(k, n_init=20, max_iter=500, random_state=seed).fit(rows) for seed in table["seeds"]]


def silhouettes(rows, fits):
    return [round(float(silhouette_score(rows, fit.labels_)), 6) for fit in fits]


for k in published["k"]:
    fits, weighted = fits_of(x, k), fits_of(rare, k)
    table["silhouette"].append(silhouettes(x, fits))
    table["inertia"].append([round(float(fit.inertia_), 4) for fit in fits])
    table["weighted_rare_unweighted_silhouette"].append(silhouettes(x, weighted))
    table["weighted_rare_weighted_silhouette"].append(silhouettes(rare, weighted))
    print(k, table["silhouette"][-1][0], published["kmeans"][k - 2], flush=True)
(folder / "figure5_kmeans_seeds.json").write_text(json.dumps(table) + "\n")
