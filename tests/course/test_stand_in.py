"""The stand-ins: real pixels, the look of the real data, and no leak from training to test."""

import hashlib
from importlib import metadata

import numpy as np
import pytest

from course import stand_in

# What the recipes make with the packages of requirements.txt. If you change a recipe on
# purpose, raise its number in `stand_in.VERSIONS` and write the new digest here.
PINNED_PACKAGES = {
    "scikit-learn": "1.9.1",
    "scikit-image": "0.26.0",
    "pillow": "13.0.0",
    "numpy": "2.4.6",
}
PINNED_ARRAYS = {
    "mnist": (1, "e90160d4efc6f194105f0f8883e94b383b336dc7e397caed1d7cd31ff788a416"),
    "cifar10": (1, "43e26dde50cc0186119cf0a8816e7e92e393b78ed86b970eb655c404d9d38316"),
}


@pytest.fixture(scope="module", params=["mnist", "cifar10"])
def made(request):
    return request.param, stand_in.make(request.param)


def digest_of(split):
    digest = hashlib.sha256()
    for images, labels in split:
        digest.update(images.tobytes())
        digest.update(labels.tobytes())
    return digest.hexdigest()


def test_shapes_and_types_are_those_of_keras(made):
    dataset, ((x_train, y_train), (x_test, y_test)) = made
    image, label, counts = {
        "mnist": ((28, 28), (), (1415, 382)),
        "cifar10": ((32, 32, 3), (1,), (5000, 1000)),
    }[dataset]
    assert (x_train.shape, x_test.shape) == ((counts[0], *image), (counts[1], *image))
    assert (y_train.shape, y_test.shape) == ((counts[0], *label), (counts[1], *label))
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype("uint8")}


def test_every_call_makes_the_same_arrays_and_gives_fresh_ones(made):
    dataset, split = made
    before = digest_of(split)
    again = stand_in.make(dataset)
    assert digest_of(again) == before
    again[0][0][:] = 0
    assert digest_of(split) == before


def test_a_changed_recipe_has_a_new_version(made):
    dataset, split = made
    if any(metadata.version(name) != version for name, version in PINNED_PACKAGES.items()):
        pytest.skip("pinned with other versions of the packages")
    assert (stand_in.VERSIONS[dataset], digest_of(split)) == PINNED_ARRAYS[dataset]


def test_every_class_is_in_training_and_test(made):
    dataset, ((_, y_train), (_, y_test)) = made
    train, test = np.bincount(y_train.ravel()), np.bincount(y_test.ravel())
    if dataset == "cifar10":
        assert train.tolist() == [500] * 10
        assert test.tolist() == [100] * 10
    else:
        assert len(train) == len(test) == 10
        assert train.min() >= 130
        assert test.min() >= 30


def test_no_image_is_in_training_and_test(made):
    _, ((x_train, _), (x_test, _)) = made
    assert not {image.tobytes() for image in x_train} & {image.tobytes() for image in x_test}


@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
def test_digest_changes_with_the_recipe_and_with_the_packages(dataset, monkeypatch):
    digests = {stand_in.digest(dataset)}
    with monkeypatch.context() as patch:
        patch.setitem(stand_in.VERSIONS, dataset, stand_in.VERSIONS[dataset] + 1)
        digests.add(stand_in.digest(dataset))
    for package in stand_in.INGREDIENTS[dataset]:
        with monkeypatch.context() as patch:
            version = metadata.version
            patch.setattr(
                metadata, "version", lambda n, p=package, v=version: "0" if n == p else v(n)
            )
            digests.add(stand_in.digest(dataset))
    assert len(digests) == 2 + len(stand_in.INGREDIENTS[dataset])
    assert stand_in.digest("mnist") != stand_in.digest("cifar10")


# --- Digits


def test_digits_keep_their_labels_and_strokes():
    from sklearn.datasets import load_digits

    digits = load_digits()
    (x_train, y_train), (x_test, y_test) = stand_in.make_mnist()
    assert np.concatenate([y_train, y_test]).tolist() == digits.target.tolist()
    images = np.concatenate([x_train, x_test])[:, 4:24, 4:24]
    cells = images.reshape(-1, 4, 5, 4, 5).mean(axis=(2, 4))  # to 4×4, as the digits are below
    originals = digits.images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4))
    for cell, original in zip(cells, originals, strict=True):
        assert np.corrcoef(cell.ravel(), original.ravel())[0, 1] > 0.9


def test_digits_look_like_mnist():
    (images, _), _ = stand_in.make_mnist()
    inside = np.zeros((28, 28), dtype=bool)
    inside[4:24, 4:24] = True
    assert images[:, ~inside].max() == 0  # MNIST's margin of 4
    assert images.min() == 0
    assert images.max() == 255
    assert 0.11 < images.mean() / 255 < 0.16  # MNIST: 0.13
    assert 0.75 < (images == 0).mean() < 0.85  # MNIST: 0.81


def test_no_form_of_digits_is_split_between_training_and_test():
    (_, y_train), (_, y_test) = stand_in.make_mnist()
    start_of_form = [*range(10)] * 3
    assert y_train[:30].tolist() == start_of_form
    assert y_test[:30].tolist() == start_of_form


# --- Patches


def test_training_and_test_patches_share_no_pixel(monkeypatch):
    columns = np.broadcast_to(np.arange(240, dtype="uint8")[None, :, None], (256, 240, 3))
    monkeypatch.setattr(stand_in, "_photograph", lambda package, file: columns)
    (x_train, _), (x_test, _) = stand_in.make_cifar10()
    assert x_train.max() < 180 <= x_test.min()


def test_the_label_is_the_photograph():
    (x_train, y_train), (x_test, y_test) = stand_in.make_cifar10()
    for label, name in enumerate(stand_in.PHOTOGRAPHS):
        halves = stand_in._halves(stand_in._photograph(*name))
        for images, labels, half in zip((x_train, x_test), (y_train, y_test), halves, strict=True):
            patch = images[labels[:, 0] == label][0]
            corners = np.argwhere((half[:-31, :-31] == patch[0, 0]).all(axis=-1))
            assert any((half[r : r + 32, c : c + 32] == patch).all() for r, c in corners)


def test_no_patch_is_plain():
    (x_train, _), (x_test, _) = stand_in.make_cifar10()
    for images in (x_train, x_test):
        assert images.std(axis=(1, 2)).max(axis=-1).min() >= stand_in.MIN_CONTRAST


def test_labels_are_shuffled():
    (_, y_train), (_, y_test) = stand_in.make_cifar10()
    for labels in (y_train[:, 0], y_test[:, 0]):
        assert len(set(labels[:50].tolist())) == 10


def test_the_photographs_come_inside_the_wheels():
    shipped = {
        str(file)
        for package in ("scikit-image", "scikit-learn")
        for file in metadata.files(package)
    }
    assert {f"{package}/{file}" for package, file in stand_in.PHOTOGRAPHS} <= shipped
    assert len(set(stand_in.PHOTOGRAPHS)) == 10
