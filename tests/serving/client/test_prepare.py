"""Pictures are brought to MNIST's form as MNIST's authors did it."""

import gzip
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from serving.client import pictures
from serving.client.errors import InputError
from tests.serving.tasks import DIGITS

MNIST = Path(__file__).resolve().parents[4] / "shared" / "mnist"
MNIST_TEST = 500


def encoded(grey: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    content = io.BytesIO()
    Image.fromarray(grey).save(content, kind, **options)
    return content.getvalue()


def drawing(content: bytes) -> np.ndarray:
    """Returns the digit that the client would send."""
    pixels, way = pictures.from_bytes(content, DIGITS)
    assert way is pictures.Way.DRAWING
    return pixels


def bar(height: int = 60, width: int = 60) -> np.ndarray:
    """A white bar on black, off centre."""
    grey = np.zeros((height, width), np.uint8)
    grey[10:50, 30:40] = 255
    return grey


def centre_of_mass(pixels: np.ndarray) -> np.ndarray:
    return np.array([(pixels.sum(1 - axis) @ np.arange(28)) for axis in (0, 1)]) / (
        pixels.sum()
    )


def longer_side(pixels: np.ndarray) -> int:
    rows, columns = np.nonzero(pixels)
    return int(max(np.ptp(rows), np.ptp(columns))) + 1


def read_mnist(name: str, offset: int, count: int, size: int = 1) -> np.ndarray:
    with gzip.open(MNIST / name) as file:
        return np.frombuffer(file.read(offset + count * size)[offset:], np.uint8)


@pytest.fixture(scope="module")
def mnist() -> tuple[np.ndarray, np.ndarray, MLPClassifier]:
    """Real test images and labels, with a model trained on real training ones."""
    if not MNIST.is_dir():
        pytest.skip("needs MNIST's files in ../shared/mnist")
    train = read_mnist("train-images-idx3-ubyte.gz", 16, 6_000, 784)
    labels = read_mnist("train-labels-idx1-ubyte.gz", 8, 6_000)
    model = MLPClassifier((64,), max_iter=12, random_state=0, tol=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(train.reshape(-1, 784) / 255, labels)
    images = read_mnist("t10k-images-idx3-ubyte.gz", 16, MNIST_TEST, 784)
    truth = read_mnist("t10k-labels-idx1-ubyte.gz", 8, MNIST_TEST)
    return images.reshape(-1, 28, 28), truth, model


def redrawn(image: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns the digit drawn `size` pixels high, anywhere on a larger page."""
    page = np.zeros(size + rng.integers(0, size // 2, 2), np.uint8)
    top, left = (rng.integers(0, room + 1) for room in np.array(page.shape) - size)
    drawn = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
    page[top : top + size, left : left + size] = np.asarray(drawn)
    return page


def photographed(page: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the page with a gradient of light and with grain."""
    height, width = page.shape
    light = np.linspace(0.8, 1.2, width) * np.linspace(1.1, 0.9, height)[:, None]
    grain = rng.normal(0, 4, page.shape)
    return np.clip((page * 0.5 + 60) * light + grain, 0, 255).astype(np.uint8)


PAGES: dict[str, Callable[[np.ndarray, np.random.Generator], bytes]] = {
    "20 pixels": lambda im, rng: encoded(redrawn(im, 20, rng)),
    "28 pixels, inverted": lambda im, rng: encoded(255 - redrawn(im, 28, rng)),
    "50 pixels, JPEG": lambda im, rng: encoded(redrawn(im, 50, rng), "JPEG"),
    "150 pixels, inverted": lambda im, rng: encoded(255 - redrawn(im, 150, rng)),
    "90 pixels, inverted, photographed": lambda im, rng: encoded(
        photographed(255 - redrawn(im, 90, rng), rng), "JPEG", quality=80
    ),
}


@pytest.mark.parametrize("page", PAGES)
def test_real_digits_redrawn_keep_97_percent_of_the_accuracy(
    page: str, mnist: tuple[np.ndarray, np.ndarray, MLPClassifier]
) -> None:
    images, truth, model = mnist
    rng = np.random.default_rng(0)
    prepared = [drawing(PAGES[page](im, rng)) for im in images]
    original = model.score(images.reshape(-1, 784) / 255, truth)
    kept = model.score(np.reshape(prepared, (-1, 784)) / 255, truth)
    assert original > 0.9
    assert kept >= 0.97 * original


def test_mnist_images_are_kept_byte_for_byte(
    mnist: tuple[np.ndarray, np.ndarray, MLPClassifier],
) -> None:
    images = mnist[0]
    same = [np.array_equal(drawing(encoded(image)), image) for image in images]
    assert np.mean(same) >= 0.999


def test_other_handwriting_takes_mnists_form() -> None:
    # scikit-learn's digits: 8x8, 0 to 16, from other writers.
    for image in load_digits().images[:100]:
        grey = 255 - np.kron(image * 15, np.ones((9, 9))).astype(np.uint8)
        pixels = drawing(encoded(grey))
        assert longer_side(pixels) == 20
        # half a pixel, and the error of rounding to 255 levels
        assert np.abs(centre_of_mass(pixels) - 14).max() <= 0.51
        assert pixels.max() == 255


def test_digits_are_what_version_0_1_made_of_them() -> None:
    made = hashlib.sha256()
    for image in load_digits().images[:200]:
        grey = 255 - np.kron(image * 15, np.ones((9, 9))).astype(np.uint8)
        made.update(drawing(encoded(grey)).tobytes())
    assert made.hexdigest() == (
        "65034f57d797d83b386dca8f2e6fe0041cf122f38a8c25833cdf445f1179f512"
    )


@pytest.mark.parametrize("inverted", [False, True])
def test_both_polarities_give_the_same_digit(inverted: bool) -> None:
    grey = 255 - bar() if inverted else bar()
    pixels = drawing(encoded(grey))
    assert np.argwhere(pixels == 255).min(0).tolist() == [4, 12]
    assert np.argwhere(pixels == 255).max(0).tolist() == [23, 16]
    assert np.count_nonzero(pixels) == 20 * 5


@pytest.mark.parametrize("ink", [0, 255])
def test_ink_on_transparent_paper_is_found(ink: int) -> None:
    layers = np.dstack([np.full((60, 60), ink, np.uint8), bar()])
    pixels = drawing(encoded(layers))
    np.testing.assert_array_equal(pixels, drawing(encoded(bar())))


def test_sixteen_bit_pictures_are_read() -> None:
    wide = bar().astype(np.uint16) * 257
    pixels = drawing(encoded(wide))
    np.testing.assert_array_equal(pixels, drawing(encoded(bar())))


def test_a_photograph_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    sideways = np.rot90(bar())
    pixels = drawing(encoded(sideways, "PNG", exif=exif))
    np.testing.assert_array_equal(pixels, drawing(encoded(bar())))


def test_large_pictures_are_read() -> None:
    large = np.kron(bar(), np.ones((50, 50), np.uint8))
    pixels = drawing(encoded(large))
    assert longer_side(pixels) == 20


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<svg/>", "expected a picture .PNG, JPEG, GIF, BMP, TIFF or WebP., an IDX"),
        (encoded(bar())[:60], "the picture is damaged"),
        (encoded(np.full((50, 50), 200, np.uint8)), "the picture is blank"),
        (
            encoded(np.random.default_rng(0).normal(128, 20, (99, 99)).astype("u1")),
            "the picture is blank",
        ),
        (encoded(np.zeros((7100, 7100), bool)), "at most 50000000 pixels"),
    ],
    ids=["another format", "cut short", "one grey", "only grain", "too large"],
)
def test_what_holds_no_digit_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        drawing(content)
