"""Predicts facial attributes and clusters faces by calling the program `lineament`.

    import lineament
    faces = lineament.predict(["photographs"])
    clusters = lineament.cluster(faces, k=16)

Each call runs the program once, so give it many pictures at a time: starting and compiling the kernels takes about a second.
"""
from __future__ import annotations

import csv
import json
import os
import pathlib
import shutil
import subprocess
import sysconfig
import tempfile
from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Union

import numpy as np
from numpy.typing import NDArray

__all__ = ["Clusters", "LineamentError", "Predictions", "cluster", "predict", "program"]

PathLike = Union[str, "os.PathLike[str]"]


class LineamentError(RuntimeError):
    """The program failed. The message is the program's; `status` is its exit status (2: the arguments make no sense)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Predictions:
    """What `predict` returns: one row for each picture that could be used."""

    #: Names of the pictures, as the program writes them.
    images: List[str]
    #: Names of the attributes.
    attributes: List[str]
    #: The probability of each attribute, float32 [images, attributes].
    probabilities: NDArray[np.float32]
    #: What the program said, with the pictures that it left out and why.
    messages: List[str]
    #: Whether every picture was used.
    is_complete: bool


@dataclass(frozen=True)
class Clusters:
    """What `cluster` returns."""

    #: The cluster of each row, int64 [rows]; -1 is noise.
    labels: NDArray[np.int64]
    #: Number of rows in each cluster.
    sizes: List[int]
    #: The mean silhouette, if there are at least two clusters.
    silhouette: Optional[float]
    #: Everything that the program printed, as described in tools/README.md.
    details: "dict[str, Any]"


def program() -> str:
    """Returns the path of the program: that of `LINEAMENT_PROGRAM`, of this Python environment, or on the path."""
    named = os.environ.get("LINEAMENT_PROGRAM")
    found = named or shutil.which("lineament", path=sysconfig.get_path("scripts")) or shutil.which("lineament")
    if not found:
        raise LineamentError("the program `lineament` is not installed; install it with `pip install lineament`", 127)
    return found


def _run(arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([program(), *arguments], capture_output=True, encoding="utf-8", errors="replace", check=False)


def _failed(done: "subprocess.CompletedProcess[str]") -> LineamentError:
    lines = done.stderr.strip().splitlines()
    errors = [line for line in lines if line.startswith("error")]
    return LineamentError("\n".join(errors or lines) or f"the program ended with status {done.returncode}", done.returncode)


def _chunks(names: List[str], most: int = 500_000) -> List[List[str]]:
    """Splits names so that each part fits a command line."""
    parts: List[List[str]] = [[]]
    length = 0
    for name in names:
        length += len(os.fsencode(name)) + 9
        if length > most and parts[-1]:
            parts.append([])
            length = 0
        parts[-1].append(name)
    return parts


def predict(
    images: Union[PathLike, Sequence[PathLike]],
    *,
    model: Optional[PathLike] = None,
    adapter: Optional[str] = None,
    options: Sequence[str] = (),
) -> Predictions:
    """Predicts the attributes of pictures.

    `images` are files and folders. `model` is a weights file (default: the shipped model), `adapter` part of a GPU's name, and
    `options` are further options of `lineament predict`, such as `["--crop", "10,0,80,80"]`. A picture that cannot be read is left out,
    and `messages` names it.

    Raises LineamentError if nothing could be predicted.
    """
    single = isinstance(images, (str, os.PathLike))
    names = [os.fspath(name) for name in ([images] if single else images)]  # type: ignore[list-item, union-attr]
    more = list(options)
    for option, value in (("--model", model), ("--adapter", adapter)):
        if value is not None:
            more += [option, os.fspath(value)]
    rows: List[List[str]] = []
    header: List[str] = []
    messages: List[str] = []
    is_complete = True
    with tempfile.TemporaryDirectory() as folder:
        for part in _chunks(names):
            out = pathlib.Path(folder, "attributes.csv")
            out.unlink(missing_ok=True)
            done = _run(["predict", *more, "--out", str(out), "--", *part])
            if not out.is_file():
                raise _failed(done)
            with open(out, encoding="utf-8", newline="") as file:
                header, *found = list(csv.reader(file))
            rows += found
            messages += done.stderr.splitlines()
            is_complete = is_complete and done.returncode == 0
    values = np.array([row[1:] for row in rows], dtype=np.float32).reshape(len(rows), len(header) - 1)
    return Predictions([row[0] for row in rows], header[1:], values, messages, is_complete)


def cluster(
    table: Union[Predictions, NDArray[Any], Sequence[Sequence[float]]],
    *,
    k: Optional[int] = None,
    method: str = "kmeans",
    select: Sequence[str] = (),
    binary: bool = False,
    options: Sequence[str] = (),
) -> Clusters:
    """Clusters rows of attributes.

    `table` is what `predict` returned, or numbers [rows, columns]. `k` is the number of clusters, `method` one of kmeans,
    agglomerative, dbscan, birch, optics and spectral, `select` names the attributes to cluster by (default: all), and `binary` rounds to
    0 and 1 first. `options` are further options of `lineament cluster`, such as `["--seed", "7"]`.

    Raises LineamentError if the rows cannot be clustered.
    """
    if isinstance(table, Predictions):
        images, attributes, values = table.images, table.attributes, table.probabilities
    else:
        values = np.asarray(table, dtype=np.float32)
        if values.ndim != 2:
            raise ValueError(f"the table has {values.ndim} dimensions where 2 are wanted")
        images = [f"row{row}" for row in range(values.shape[0])]
        attributes = [f"column{column}" for column in range(values.shape[1])]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "attributes.csv")
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["image", *attributes])
            writer.writerows([name, *row] for name, row in zip(images, values.astype(str).tolist()))
        arguments = ["cluster", "--attributes", str(path), "--method", method, "--json"]
        if k is not None:
            arguments += ["--k", str(k)]
        if select:
            arguments += ["--select", ",".join(select)]
        if binary:
            arguments.append("--binary")
        done = _run([*arguments, *options])
    if done.returncode != 0:
        raise _failed(done)
    details = json.loads(done.stdout)
    labels = np.array(details["labels"], dtype=np.int64)
    return Clusters(labels, list(details["sizes"]), details.get("silhouette"), details)
