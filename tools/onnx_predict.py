#!/usr/bin/env python3
"""Checks an ONNX file that `lineament export` wrote, and predicts with ONNX Runtime, to show how such a file is used.

    python3 -m venv VENV && VENV/bin/pip install onnx onnxruntime numpy pillow
    lineament export --onnx model.onnx
    VENV/bin/python tools/onnx_predict.py model.onnx IMAGES > attributes.csv

With --head HEAD.onnx, the first file is a backbone, and the second file takes its features. The pictures are prepared as the
metadata in the file say. All pictures form one batch.
"""
import argparse
import csv
import sys

import numpy
import onnx
import onnxruntime
from PIL import Image

# Scaling of an RGB value x from 0 to 255: x * multiplier + offset, for each channel.
MEAN, DEVIATION = numpy.array([0.485, 0.456, 0.406]), numpy.array([0.229, 0.224, 0.225])
SCALINGS = {
    "RGB x/127.5-1": (1 / 127.5, -1.0),
    "RGB x/255": (1 / 255, 0.0),
    "RGB (x/255-mean)/std imagenet": (1 / (255 * DEVIATION), -MEAN / DEVIATION),
}


def session(path):
    """Checks a file and opens it. Returns the session and the metadata."""
    onnx.checker.check_model(path, full_check=True)
    opened = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return opened, opened.get_modelmeta().custom_metadata_map


def prepared(name, metadata):
    """Reads a picture as the network's input [3, size, size]."""
    size = int(metadata["size"])
    pixels = numpy.asarray(Image.open(name).convert("RGB").resize((size, size), Image.Resampling.NEAREST), dtype=numpy.float64)
    multiplier, offset = SCALINGS[metadata["input"]]
    return (pixels * multiplier + offset).astype(numpy.float32).transpose(2, 0, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="the ONNX file")
    parser.add_argument("images", nargs="+", help="image files")
    parser.add_argument("--head", help="the ONNX file of the head, if the first is a backbone")
    arguments = parser.parse_args()
    model, metadata = session(arguments.model)
    batch = numpy.stack([prepared(name, metadata) for name in arguments.images])
    outputs = model.run(None, {"image": batch})[0]
    if arguments.head:
        head, more = session(arguments.head)
        outputs, metadata = head.run(None, {"features": outputs})[0], {**metadata, **more}
    names = metadata["attributes"].split(",") if "attributes" in metadata else range(outputs.shape[1])
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(["image", *names])
    for name, row in zip(arguments.images, outputs.tolist()):
        rows.writerow([name, *row])


if __name__ == "__main__":
    main()
