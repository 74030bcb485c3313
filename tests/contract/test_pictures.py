"""Pictures for training and for requests are prepared in the same way."""

import io

import numpy as np
import pytest
from PIL import Image

from components.image_example_gen.hints import Hints
from components.image_example_gen.pictures import decode, find_form
from contract.task import Task
from serving.client.pictures import Fit, from_bytes

WIDTH, HEIGHT = 20, 14
NOISE = np.random.default_rng(1).integers(0, 256, (150, 200, 3), np.uint8)
SMOOTH = Image.fromarray(NOISE).resize((1999, 1502), Image.Resampling.BICUBIC)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(SMOOTH, "JPEG", exif=exif)


def with_alpha() -> Image.Image:
    image = SMOOTH.resize((301, 200)).convert("RGBA")
    image.putalpha(image.getchannel("R"))
    return image


PICTURES = {
    "a photograph": saved(SMOOTH, "JPEG"),
    "a photograph that a camera turned": turned(),
    "CMYK": saved(SMOOTH.convert("CMYK"), "JPEG"),
    "grey JPEG": saved(SMOOTH.convert("L"), "JPEG"),
    "PNG": saved(SMOOTH.resize((301, 200)), "PNG"),
    "smaller than the task": saved(SMOOTH.resize((9, 7)), "PNG"),
    "as large as the task": saved(SMOOTH.resize((WIDTH, HEIGHT)), "PNG"),
    "transparent": saved(with_alpha(), "PNG"),
    "palette": saved(with_alpha().quantize(), "PNG"),
    "one bit": saved(SMOOTH.resize((301, 200)).convert("1"), "PNG"),
    "16 bits": saved(
        Image.fromarray((NOISE[..., 0].astype(np.uint16) * 251).astype(np.uint16)),
        "PNG",
    ),
    "a strip": saved(SMOOTH.resize((1900, 9)), "PNG"),
}


@pytest.mark.parametrize("colour", ["grey", "rgb"])
@pytest.mark.parametrize("name", PICTURES)
def test_data_and_client_make_the_same_image_of_a_picture(
    name: str, colour: str
) -> None:
    content = PICTURES[name]
    hints = Hints(resize=f"{WIDTH}x{HEIGHT}", colour=colour)
    form = find_form([(name, lambda: io.BytesIO(content))], hints)
    learned = decode(name, content, form)
    channels = 1 if colour == "grey" else 3
    task = Task("photos", HEIGHT, WIDTH, channels, ("a", "b"), "photo", None)
    asked, _ = from_bytes(content, task, Fit.STRETCH)
    np.testing.assert_array_equal(learned, asked)


@pytest.mark.parametrize("name", ["a photograph", "PNG"])
def test_it_is_what_averaging_all_pixels_gives(name: str) -> None:
    content = PICTURES[name]
    form = find_form(
        [(name, lambda: io.BytesIO(content))], Hints(resize=f"{WIDTH}x{HEIGHT}")
    )
    with Image.open(io.BytesIO(content)) as image:
        whole = image.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    found = decode(name, content, form).astype(int)
    apart = np.abs(found - np.asarray(whole).astype(int))
    assert apart.mean() < 2
    assert apart.max() < 16
