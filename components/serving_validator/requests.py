"""Stores the probe's requests and expected answers in one npz file.

The executor writes it, and the probe reads it in its own process.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Requests:
    """The same images in both formats for requests, with the expected answers.

    Attributes:
        images: uint8 `[rows, *task.shape]`.
        examples: The same rows as serialised tf.Examples.
        probabilities: Expected probabilities, float32 `[rows, classes]`.
        novelty: Expected novelty, float32 `[rows]`.
        task: The task as JSON, which the model has to return.
    """

    images: np.ndarray
    examples: list[bytes]
    probabilities: np.ndarray
    novelty: np.ndarray
    task: str

    def save(self, path: str) -> None:
        """Writes the file, with the examples as joined bytes and lengths."""
        np.savez(
            path,
            images=self.images,
            examples=np.frombuffer(b"".join(self.examples), np.uint8),
            lengths=np.array([len(example) for example in self.examples]),
            probabilities=self.probabilities,
            novelty=self.novelty,
            task=np.array(self.task),
        )

    @classmethod
    def load(cls, path: str) -> "Requests":
        """Reads the file."""
        with np.load(path) as content:
            ends = np.cumsum(content["lengths"])
            joined = content["examples"].tobytes()
            starts = [0, *ends[:-1].tolist()]
            return cls(
                images=content["images"],
                examples=[joined[a:b] for a, b in zip(starts, ends, strict=True)],
                probabilities=content["probabilities"],
                novelty=content["novelty"],
                task=str(content["task"]),
            )
