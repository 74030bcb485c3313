"""Runs a version's SavedModel in this process, with the same answers as a server."""

import os
import warnings
from pathlib import Path

import numpy as np

from contract.errors import BadInputError
from contract.task import read_task
from contract.version_number import version_number
from serving.client import calls
from serving.client.errors import InputError, UnexpectedResponse, one_line
from serving.client.results import ClassAnswer, ModelMetadata, ServedTask
from serving.client.tasks import (
    DESCRIBE,
    TASK,
    TEXT,
    NoTaskError,
    derived_task,
    is_told,
    tells_novelty,
    told_task,
)


class LocalModel:
    """A SavedModel that TensorFlow loads; TensorFlow is imported only here.

    Args:
        folder: A version's folder, `.../NAME/VERSION`.
        signature: A signature of input `images` and output `probabilities`.

    Raises:
        InputError: The folder holds no SavedModel that classifies images.
    """

    def __init__(self, folder: Path, signature: str = calls.DEFAULT_SIGNATURE) -> None:
        folder = folder.resolve()
        if not (folder / "saved_model.pb").is_file():
            raise InputError(
                f"{folder}: expected a version's folder, which has a saved_model.pb"
            )
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            with warnings.catch_warnings():
                # These warnings are for the developers of the libraries.
                warnings.simplefilter("ignore")
                import tensorflow as tf

                self._loaded = tf.saved_model.load(str(folder))
        except Exception as error:  # TensorFlow raises many types for damaged files
            raise InputError(
                f"{folder}: cannot be loaded: {one_line(str(error))[:300]}"
            ) from error
        self._name, self._signature = folder.parent.name, signature
        self._version = version_number(folder.name) or 0
        try:
            self.served = self._served_task(folder)
        except (NoTaskError, BadInputError) as error:
            raise InputError(
                f"{folder}: cannot be asked about images: {error}"
            ) from error

    def _served_task(self, folder: Path) -> ServedTask:
        metadata = ModelMetadata(
            self._name,
            self._version,
            calls.signatures_in(str(folder)),
        )
        derived_task(metadata, self._signature)  # checks that it takes images
        if task := read_task(str(folder)):
            return ServedTask(
                task,
                self._name,
                self._version,
                tells_novelty=tells_novelty(metadata),
            )
        if is_told(metadata):
            import tensorflow as tf

            describe = self._loaded.signatures[DESCRIBE]
            texts = describe(**{TEXT: tf.constant([DESCRIBE])})[TASK]
            return told_task(metadata, texts.numpy())
        return derived_task(metadata, self._signature)

    def predict_images(
        self, images: np.ndarray, novelty: bool = False
    ) -> list[ClassAnswer]:
        """Classifies images, uint8 [n, *task.shape], with their novelty if it has that.

        Raises:
            InputError: The model fails, or its answer is not as expected.
        """
        import tensorflow as tf

        function = self._loaded.signatures[self._signature]
        try:
            outputs = function(**{calls.IMAGES: tf.constant(images)})
            rows = outputs.get(calls.PROBABILITIES)
            answers = calls.class_answers(
                None if rows is None else rows.numpy(), len(images), self.served
            )
            if novelty and self.served.tells_novelty:
                asked = self._loaded.signatures[calls.NOVELTY_SIGNATURE]
                outputs = asked(**{calls.IMAGES: tf.constant(images)})
                found = {name: tensor.numpy() for name, tensor in outputs.items()}
                answers = calls.marked(answers, calls.novelties(found, len(images)))
            return answers
        except (tf.errors.OpError, ValueError, UnexpectedResponse) as error:
            raise InputError(f"{self._name}: {one_line(str(error))[:300]}") from error
