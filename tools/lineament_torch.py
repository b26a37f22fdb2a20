#!/usr/bin/env python3
"""Lineament's weights in PyTorch: loads a safetensors file of Lineament into torchvision's MobileNetV2.

    python3 -m venv VENV && VENV/bin/pip install torch torchvision safetensors pillow
    VENV/bin/python tools/lineament_torch.py weights/mobilenet_v2_celeba.safetensors IMAGES > attributes.csv

As a module (this file depends on no other file of Lineament):

    from lineament_torch import load
    model = load("weights/mobilenet_v2_celeba.safetensors")            # a torch.nn.Module in evaluation mode
    probabilities = model(torch.stack([model.prepare(image)]))         # image: a PIL image; the result: [1, 37]
    dict(zip(model.attributes, probabilities[0].tolist()))

`torchvision.models.mobilenet_v2().load_state_dict(...)` accepts the same tensors, since every key matches, but computes something
else: weights from TensorFlow need TensorFlow's padding at stride 2, its epsilon of batch norm, and another scaling of the input.
The header of the file says which; `load` follows it.
"""
import argparse
import csv
import hashlib
import pathlib
import sys
from typing import Dict, List, Optional, Union

import torch
from PIL import Image
from safetensors import safe_open
from torch import nn
from torch.nn import functional
from torchvision.models import mobilenet_v2

WIDTHS = (1.0, 0.75, 0.5, 0.35, 1.3, 1.4)

# Scaling of an RGB value x from 0 to 255: x * multiplier + offset, for each channel.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SCALINGS = {
    "RGB x/127.5-1": ([1 / 127.5] * 3, [-1.0] * 3),
    "RGB x/255": ([1 / 255] * 3, [0.0] * 3),
    "RGB (x/255-mean)/std imagenet": ([1 / (255 * d) for d in DEVIATION], [-m / d for m, d in zip(MEAN, DEVIATION)]),
}

# The epsilon of the batch norm in the head: Keras' default.
HEAD_EPSILON = 1e-3


class SamePadded(nn.Conv2d):
    """A 3x3 convolution with stride 2 and TensorFlow's padding for images of even size: one row below, one column to the right."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(functional.pad(images, (0, 1, 0, 1)))


class Head(nn.Sequential):
    """The paper's head: dense, ReLU, batch norm, dropout, dense, sigmoid."""

    def __init__(self, features: int, hidden: int, attributes: int):
        super().__init__(
            nn.Linear(features, hidden),
            nn.ReLU(),
            nn.BatchNorm1d(hidden, eps=HEAD_EPSILON, momentum=0.01),  # Keras calls this momentum 0.99
            nn.Dropout(0.3),
            nn.Linear(hidden, attributes),
            nn.Sigmoid(),
        )

    def load(self, tensors: Dict[str, torch.Tensor]) -> None:
        """Copies the tensors `head.*`. Keras' layout of a dense kernel, [inputs, outputs], is the transpose of PyTorch's."""
        first, norm, second = self[0], self[2], self[4]
        pairs = {
            "dense1.kernel": first.weight.T, "dense1.bias": first.bias, "bn.gamma": norm.weight, "bn.beta": norm.bias,
            "bn.mean": norm.running_mean, "bn.var": norm.running_var, "dense2.kernel": second.weight.T, "dense2.bias": second.bias,
        }
        with torch.no_grad():
            for name, target in pairs.items():
                target.copy_(tensors[f"head.{name}"])


class Lineament(nn.Module):
    """MobileNetV2 with what follows it in the file: the paper's head, ImageNet's classifier, or nothing."""

    def __init__(self, features: nn.Module, top: nn.Module, attributes: List[str], size: int, scaling: str):
        super().__init__()
        self.features, self.top = features, top
        #: Names of the outputs of the paper's head; empty for other models.
        self.attributes = attributes
        #: Height and width of the input in pixels.
        self.size = size
        multiplier, offset = SCALINGS[scaling]
        self.register_buffer("multiplier", torch.tensor(multiplier).view(3, 1, 1), persistent=False)
        self.register_buffer("offset", torch.tensor(offset).view(3, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Maps prepared images [batch, 3, size, size] to probabilities, logits or features [batch, outputs]."""
        return self.top(self.features(images).mean((2, 3)))

    def prepare(self, image: Image.Image) -> torch.Tensor:
        """Turns a picture into an input [3, size, size], as `lineament predict` does: the nearest pixel, then the scaling."""
        resized = image.convert("RGB").resize((self.size, self.size), Image.Resampling.NEAREST)
        pixels = torch.frombuffer(bytearray(resized.tobytes()), dtype=torch.uint8).view(self.size, self.size, 3)
        return pixels.permute(2, 0, 1).to(self.multiplier) * self.multiplier + self.offset


def _read(path: pathlib.Path):
    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata() or {}
        return {name: file.get_tensor(name).float() for name in file.keys()}, metadata


def _backbone(path: pathlib.Path, tensors: Dict[str, torch.Tensor], metadata: Dict[str, str]) -> nn.Module:
    """Builds the convolutions for the convention in the header and loads their tensors."""
    missing = [key for key in ("padding", "bn_eps", "input") if key not in metadata]
    if missing:
        raise ValueError(f"{path}: the header lacks {', '.join(missing)}; `lineament convert` adds them")
    if metadata["input"] not in SCALINGS:
        raise ValueError(f"{path}: the header's input is {metadata['input']!r}; known are {', '.join(SCALINGS)}")
    weights = {name[len("features."):]: value for name, value in tensors.items() if name.startswith("features.")}
    for width in WIDTHS:
        features = mobilenet_v2(weights=None, width_mult=width).features
        state = features.state_dict()
        if all(name not in state or state[name].shape == value.shape for name, value in weights.items()):
            break
    else:
        raise ValueError(f"{path}: is no MobileNetV2 of width {', '.join(map(str, WIDTHS))}")
    convention = metadata["padding"].split()[0]
    if convention not in ("tf-same", "symmetric"):
        raise ValueError(f"{path}: the header's padding is {metadata['padding']!r}; known are tf-same and symmetric")
    for parent in list(features.modules()):
        for name, module in list(parent.named_children()):
            if isinstance(module, nn.BatchNorm2d):
                module.eps = float(metadata["bn_eps"])
            elif isinstance(module, nn.Conv2d) and module.stride == (2, 2) and convention == "tf-same":
                same = SamePadded(module.in_channels, module.out_channels, 3, 2, groups=module.groups, bias=False)
                setattr(parent, name, same)
    absent, surplus = features.load_state_dict(weights, strict=False)
    absent = [name for name in absent if not name.endswith("num_batches_tracked")]
    if absent or surplus:
        raise ValueError(f"{path}: {len(absent)} tensors are missing and {len(surplus)} belong to no layer: {(absent + surplus)[:4]}")
    return features


def load(path: Union[str, pathlib.Path], backbone: Optional[Union[str, pathlib.Path]] = None) -> Lineament:
    """Loads a weights file of Lineament: a whole model, or a head and the backbone that its header names.

    `backbone` is the backbone's file; by default it is looked for in the folder of the head. The model is in evaluation mode and
    computes with 32-bit floats, also if the file stores 16.
    """
    path = pathlib.Path(path)
    tensors, metadata = _read(path)
    source, of_backbone, about = path, tensors, metadata
    if "backbone_sha256" in metadata:
        source = pathlib.Path(backbone) if backbone else path.parent / metadata["backbone_file"]
        found = hashlib.sha256(source.read_bytes()).hexdigest()
        if found != metadata["backbone_sha256"]:
            raise ValueError(f"{path}: was trained on a backbone with SHA-256 {metadata['backbone_sha256']}, but {source} has {found}")
        of_backbone, about = _read(source)
    features = _backbone(source, of_backbone, about)
    attributes: List[str] = []
    top: nn.Module = nn.Identity()
    if "head.dense1.kernel" in tensors:
        sizes = [*tensors["head.dense1.kernel"].shape, tensors["head.dense2.kernel"].shape[1]]
        top = Head(*sizes)
        top.load(tensors)
        attributes = metadata["attributes"].split(",")
    elif "classifier.1.weight" in tensors:
        weight = tensors["classifier.1.weight"]
        top = nn.Linear(weight.shape[1], weight.shape[0])
        top.load_state_dict({"weight": weight, "bias": tensors["classifier.1.bias"]})
    return Lineament(features, top, attributes, int(metadata.get("size", 224)), about["input"]).eval()


def main() -> None:
    parser = argparse.ArgumentParser(description="Predicts with PyTorch and prints CSV, as `lineament predict` does.")
    parser.add_argument("model", help="weights file of Lineament")
    parser.add_argument("images", nargs="+", help="image files")
    parser.add_argument("--backbone", help="weights file of the backbone of a head")
    arguments = parser.parse_args()
    model = load(arguments.model, arguments.backbone)
    rows = csv.writer(sys.stdout, lineterminator="\n")
    with torch.inference_mode():
        for at, name in enumerate(arguments.images):
            outputs = model(model.prepare(Image.open(name))[None])[0].tolist()
            if at == 0:
                rows.writerow(["image", *(model.attributes or range(len(outputs)))])
            rows.writerow([name, *outputs])


if __name__ == "__main__":
    main()
