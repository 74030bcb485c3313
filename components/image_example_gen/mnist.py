"""Defines MNIST's task and the checksums of its files.

MNIST is by LeCun, Cortes and Burges, CC BY-SA 3.0. Only this module and `digits.py`
know about handwritten digits.
"""

from contract.task import Task, plain_names

NAME = "mnist"

TASK = Task(
    name=NAME,
    height=28,
    width=28,
    channels=1,
    classes=plain_names(10),
    noun="digit",
    background=0,
)
"""Handwritten digits, light on a background of 0."""

FINGERPRINT = "37712b7ed5852c9fa083c11672585fe8f3396369dde13ee2ee44f7661a7dfe4d"
"""`Source.fingerprint()` of the original MNIST, the same for every file format."""

PAYLOAD_SHA256 = {
    "train-images-idx3-ubyte": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    "train-labels-idx1-ubyte": (
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    "t10k-images-idx3-ubyte": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    "t10k-labels-idx1-ubyte": (
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}
"""SHA-256 of the four uncompressed IDX files; mirrors gzip them differently."""
