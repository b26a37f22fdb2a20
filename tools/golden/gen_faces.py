"""Faces that OpenCV's FaceDetectorYN finds, for kernels-tests/golden/faces.

    python3 tools/golden/gen_faces.py --onnx yunet_s_dynamic.onnx --out kernels-tests/golden/faces/expected.json

The ONNX file is the one that tools/convert-face-detector converts; its SHA-256 is checked. The pictures are the bundled
portraits, the photographs of kernels-tests/golden/imagenet-photos, and a mosaic of portraits. This script is run by hand.
"""
import argparse
import hashlib
import json
import os

import cv2
import numpy as np

SHA256 = "daede24002cc8590f457998cc5e6c9e8b82f45f6bd969506a8913cd4ed10a2d3"
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PORTRAITS = "tools/faces"
PHOTOGRAPHS = "kernels-tests/golden/imagenet-photos"
THRESHOLD, OVERLAP = 0.6, 0.45
# The mosaic: width and height, and the portraits in rows of three from the top left, 335 x 410 pixels each.
MOSAIC = (1011, 823)


def pictures():
    for folder, ending in [(PORTRAITS, ".jpg"), (PHOTOGRAPHS, ".png")]:
        for name in sorted(os.listdir(os.path.join(ROOT, folder))):
            if name.endswith(ending):
                yield f"{folder}/{name}", cv2.imread(os.path.join(ROOT, folder, name))
    width, height = MOSAIC
    mosaic = np.full((height, width, 3), 90, np.uint8)
    names = sorted(name for name in os.listdir(os.path.join(ROOT, PORTRAITS)) if name.endswith(".jpg"))[:6]
    for index, name in enumerate(names):
        portrait = cv2.imread(os.path.join(ROOT, PORTRAITS, name))
        top, left = 410 * (index // 3), 335 * (index % 3)
        mosaic[top:top + 410, left:left + 335] = portrait
    yield "mosaic", mosaic


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--onnx", required=True)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    digest = hashlib.sha256(open(arguments.onnx, "rb").read()).hexdigest()
    assert digest == SHA256, f"{arguments.onnx} has SHA-256 {digest}, expected {SHA256}"
    detector = cv2.FaceDetectorYN.create(arguments.onnx, "", (320, 320), THRESHOLD, OVERLAP, 5000)
    found = {}
    for name, picture in pictures():
        height, width = picture.shape[:2]
        detector.setInputSize((width, height))
        _, faces = detector.detect(picture)
        faces = [] if faces is None else faces.tolist()
        # Left, top, width and height of the box, x and y of five landmarks, and the score.
        found[name] = [[round(value, 4) for value in face] for face in faces]
    result = {
        "library": f"opencv {cv2.__version__}, FaceDetectorYN",
        "onnx_sha256": SHA256,
        "threshold": THRESHOLD,
        "overlap": OVERLAP,
        "mosaic": MOSAIC,
        "faces": found,
    }
    # One picture on each line.
    text = json.dumps(result).replace("], \"", "],\n\"").replace("\"faces\": {", "\"faces\": {\n")
    with open(arguments.out, "w") as file:
        file.write(text + "\n")


if __name__ == "__main__":
    main()
