"""What is asked of the candidate, and which answers are right: one npz file.

The executor writes it, the probe in its own process reads it.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Requests:
    """The same images in both forms in which they can be sent.

    Attributes:
        images: uint8 `[rows, *task.shape]`.
        examples: The same rows as serialised tf.Examples.
        probabilities: float32 `[rows, classes]`, the answers to expect.
        novelty: float32 `[rows]`, likewise.
        task: The task as JSON, which the model has to tell.
    """

    images: np.ndarray
    examples: list[bytes]
    probabilities: np.ndarray
    novelty: np.ndarray
    task: str

    def save(self, path: str) -> None:
        """Writes the file; the examples as one run of bytes and their lengths."""
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
