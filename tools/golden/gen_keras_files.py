"""Weights files that Keras 2.2.4 itself writes (Python 3.7), for `lineament convert`.

The network is the paper's model as its script builds it, but narrow (width 0.35, a head of 8 and 3), with weights that take few
values, so that the files compress well. The running statistics are those of one batch. Each file lies in a zip archive.
"""
import os
import tempfile
import warnings
import zipfile
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.filterwarnings("ignore")
import numpy as np
import tensorflow as tf
tf.logging.set_verbosity(tf.logging.ERROR)
import keras
import keras.backend as K
from keras.applications.mobilenet_v2 import MobileNetV2
from keras.layers import BatchNormalization, Dense, Dropout, Input
from keras.models import Model
from keras.preprocessing.image import img_to_array, load_img

from common import Group, arguments, hash_sym

SIZE, HIDDEN, OUTPUTS = 96, 8, 3
IMAGES = ["augment/face_178x218.png", "imagenet-photos/astronaut.png", "imagenet-photos/cat.png", "imagenet-photos/owl.png"]

# The images are in the repository; no generator makes all of them.
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "kernels-tests", "golden")

args = arguments(__doc__)


def base(momentum):
    """MobileNetV2 without top; momentum None keeps Keras' own."""
    model = MobileNetV2(input_shape=(SIZE, SIZE, 3), alpha=0.35, weights=None, include_top=False, pooling="avg")
    for layer in model.layers:
        if momentum is not None and isinstance(layer, BatchNormalization):
            layer.momentum = momentum
    return model


def head(features, momentum):
    options = {} if momentum is None else {"momentum": momentum}
    x = Dropout(0.3)(BatchNormalization(**options)(Dense(HIDDEN, activation="relu")(features)))
    return Dense(OUTPUTS, activation="sigmoid")(x)


def flat(momentum=None):
    backbone = base(momentum)
    return Model(backbone.input, head(backbone.output, momentum))


def nested():
    inputs = Input((SIZE, SIZE, 3))
    return Model(inputs, head(base(None)(inputs), None))


def kernels(weights):
    """Few-valued kernels, gammas and betas; moving statistics stay as they are."""
    values = []
    for index, w in enumerate(weights):
        levels = np.round(hash_sym(args.seed, index, w.shape) * 4) / 4
        if w.ndim == 4:                               # HWIO, or HWC1 of a depthwise convolution
            fan_in = np.prod(w.shape[:3]) if w.shape[3] > 1 else 9
            levels = levels * 2.0 ** np.round(np.log2(np.sqrt(3.0 / fan_in)))
        elif w.ndim == 2:
            levels = levels * 2.0 ** np.round(np.log2(np.sqrt(6.0 / w.shape[0])))
        values.append(levels.astype(np.float32))
    return values


def prepared(name):
    image = load_img(os.path.join(GOLDEN, name), target_size=(SIZE, SIZE))
    return img_to_array(image) / 255.0                # as the paper's script: rescale=1./255


K.clear_session()
model = flat(momentum=0.0)
batch = np.stack([prepared(name) for name in IMAGES])
batch = np.concatenate([batch, batch[:, :, ::-1], batch[:, ::-1], 1 - batch]).astype(np.float32)
model.set_weights(kernels(model.get_weights()))
for layer in model.layers:
    if isinstance(layer, BatchNormalization):
        gamma, beta, mean, variance = layer.get_weights()
        layer.set_weights([1 + gamma / 4, beta / 2 + 0.25, mean * 0, variance * 0 + 1])
K.function([model.input, K.learning_phase()], [model.output], updates=model.updates)([batch, 1])
weights = model.get_weights()

group = Group(args.out, "keras", args.seed, {"keras": keras.__version__, "tensorflow": tf.__version__}, __doc__)
K.clear_session()
model = flat()
model.set_weights(weights)
model.compile(loss="cosine_proximity", optimizer="adadelta")
model._make_train_function()                          # makes the optimizer's state, which `save` writes too
images = np.stack([prepared(name) for name in IMAGES])
out = {"predictions": (model.predict(images), "NC", "of the images that `params` lists, resized by load_img and scaled by x / 255")}
about = {"whole_model": "model.save of the flat model, with its description and the optimizer's state",
         "nested_weights": "save_weights of a model that holds MobileNetV2 as one layer"}


def archive(name, save):
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, name + ".hdf5")
        save(path)
        entry = zipfile.ZipInfo(name + ".hdf5", (2019, 11, 5, 0, 0, 0))
        with zipfile.ZipFile(os.path.join(group.dir, name + ".zip"), "w") as target, open(path, "rb") as source:
            target.writestr(entry, source.read(), zipfile.ZIP_DEFLATED)
    group.note(name + ".zip", about[name], params={"size": SIZE, "hidden": HIDDEN, "outputs": OUTPUTS})


archive("whole_model", model.save)
group.arrays("predictions", out, "Keras 2.2.4 in float32, inference mode", {"images": IMAGES, "size": SIZE})
K.clear_session()
model = nested()
model.layers[1].set_weights(weights[:-8])
for layer, values in zip([layer for layer in model.layers[2:] if layer.weights], (weights[-8:-6], weights[-6:-2], weights[-2:])):
    layer.set_weights(values)
difference = np.abs(model.predict(images) - out["predictions"][0]).max()
assert difference == 0, difference
archive("nested_weights", model.save_weights)
group.finish()
print(out["predictions"][0])
