"""Stand-ins for MNIST and CIFAR-10, made of real pixels that installed packages ship.

They let every chapter run without internet. They have the look and the shapes of the real
data, but fewer images and other pictures, so a model's accuracy on them says nothing about
MNIST or CIFAR-10.

Heavy imports wait until the arrays are made, because `digest` must be quick.
"""

import hashlib
from importlib import metadata, resources

import numpy as np

Split = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

DESCRIPTIONS = {
    "mnist": "scikit-learn's 1,797 handwritten digits, enlarged to 28×28",
    "cifar10": "32×32 patches of ten colour photographs that come with scikit-image and "
    "scikit-learn",
}

# Raise a number when the arrays that the recipe makes change, so that `digest` changes too.
VERSIONS = {"mnist": 1, "cifar10": 1}
INGREDIENTS = {
    "mnist": ("scikit-learn", "pillow"),
    "cifar10": ("scikit-image", "scikit-learn", "pillow", "numpy"),
}

# The digits come from 14 forms that 13 people filled in. All forms ask for the same row of
# 130 digits, so the labels show where a form begins; the twelfth begins at 1415. No form is
# split between training and test, and at most one person wrote digits for both.
FIRST_TEST_DIGIT = 1415

# The place in this list is the label. (package, file inside the package)
PHOTOGRAPHS = (
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/rocket.jpg"),
    ("skimage", "data/ihc.png"),
    ("skimage", "data/hubble_deep_field.jpg"),
    ("skimage", "data/retina.jpg"),
    ("skimage", "data/motorcycle_left.png"),
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
)
PATCH = 32
SHORT_SIDE = 256  # photographs are first reduced to this, so that a patch shows a part of a thing
TRAIN_PATCHES = 500  # of each photograph
TEST_PATCHES = 100
MIN_CONTRAST = 8  # a patch of plain sky or plain black could be from any photograph


def digest(dataset: str) -> str:
    """Name the exact stand-in: changes with its recipe and with the packages it draws on.

    Args:
        dataset: "mnist" or "cifar10".

    Returns:
        A SHA-256 in hexadecimal.
    """
    parts = [f"stand-in for {dataset}, recipe {VERSIONS[dataset]}"]
    parts += [f"{package} {metadata.version(package)}" for package in INGREDIENTS[dataset]]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def make(dataset: str) -> Split:
    """Make the stand-in for a dataset, the same arrays on every call.

    Args:
        dataset: "mnist" or "cifar10".

    Returns:
        ((x_train, y_train), (x_test, y_test)), with the types and image shapes of
        `keras.datasets`.
    """
    return {"mnist": make_mnist, "cifar10": make_cifar10}[dataset]()


def make_mnist() -> Split:
    """Make 1,415 training and 382 test digits of 28×28 pixels.

    Returns:
        ((x_train, y_train), (x_test, y_test)), all uint8.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.stack([_enlarge(digit) for digit in digits.images])
    labels = digits.target.astype("uint8")
    cut = FIRST_TEST_DIGIT
    return (images[:cut], labels[:cut]), (images[cut:], labels[cut:])


def _enlarge(digit: np.ndarray) -> np.ndarray:
    """Turn an 8×8 digit of values 0 to 16 into 28×28 as MNIST has it: 20×20 amid a margin of 4."""
    from PIL import Image

    small = Image.fromarray((digit * 255 / 16).astype("uint8"))
    large = np.asarray(small.resize((20, 20), Image.Resampling.BICUBIC)).astype("int32")
    # Enlarging leaves a grey haze around the strokes. Stretching the contrast removes it and
    # gives MNIST's black ground and white strokes (mean 0.14 of white; MNIST has 0.13).
    crisp = ((large - 64) * 255 // 160).clip(0, 255).astype("uint8")
    return np.pad(crisp, 4)


def make_cifar10() -> Split:
    """Make 5,000 training and 1,000 test patches of 32×32 pixels; the label is the photograph.

    Test patches come from the right-hand quarter of each photograph and training patches from
    the rest, so that they share no pixel.

    Returns:
        ((x_train, y_train), (x_test, y_test)), all uint8, labels of shape (n, 1).
    """
    rng = np.random.default_rng(10)
    train, test = [], []
    for package, file in PHOTOGRAPHS:
        left, right = _halves(_photograph(package, file))
        train.append(_patches(left, TRAIN_PATCHES, rng))
        test.append(_patches(right, TEST_PATCHES, rng))
    return _shuffled(train, rng), _shuffled(test, rng)


def _photograph(package: str, file: str) -> np.ndarray:
    """Read a photograph from an installed package and reduce it."""
    from PIL import Image

    # A file that comes inside the wheel: `skimage.data` could try to download instead.
    with resources.files(package).joinpath(file).open("rb") as stream:
        picture = Image.open(stream).convert("RGB")
    scale = SHORT_SIDE / min(picture.size)
    size = (round(picture.width * scale), round(picture.height * scale))
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC))


def _halves(photograph: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut a photograph into the part for training and the right-hand quarter for testing."""
    cut = photograph.shape[1] * 3 // 4
    return photograph[:, :cut], photograph[:, cut:]


def _patches(picture: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Cut `count` different patches out of a picture, leaving out plain ones."""
    rows, columns = picture.shape[0] - PATCH + 1, picture.shape[1] - PATCH + 1
    patches = []
    for corner in rng.permutation(rows * columns):
        row, column = divmod(int(corner), columns)
        patch = picture[row : row + PATCH, column : column + PATCH]
        if patch.std(axis=(0, 1)).max() >= MIN_CONTRAST:
            patches.append(patch)
        if len(patches) == count:
            break
    return np.stack(patches)


def _shuffled(groups: list[np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Join the patches of all photographs in random order, with their labels."""
    images = np.concatenate(groups)
    labels = np.repeat(np.arange(len(groups), dtype="uint8"), [len(group) for group in groups])
    order = rng.permutation(len(images))
    return images[order], labels[order].reshape(-1, 1)
