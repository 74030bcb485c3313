"""Writes the facts about the training of a model that `local_runner.py` trained.

    python -m benchmarks.pipeline.trained --run FOLDER --facts facts.json

The facts come from the model's file, including the optimiser's counter of steps, and
from the history and the timing beside it. They do not come from the run's settings.
"""

import argparse
import json
from pathlib import Path


def main() -> None:
    """Writes the facts of a ModelRun's folder as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--facts", type=Path, required=True)
    arguments = parser.parse_args()

    import keras

    model = keras.models.load_model(arguments.run / "model.keras")
    timing = json.loads((arguments.run / "timing.json").read_text())
    history = json.loads((arguments.run / "history.json").read_text())
    facts = {
        "steps": int(model.optimizer.iterations.numpy()),
        "parameters": model.count_params(),
        "optimizer": type(model.optimizer).__name__,
        "learning_rate": round(float(model.optimizer.learning_rate.numpy()), 8),
        "test_accuracy": history["test"]["accuracy"],
        "fit_seconds": timing["fit_seconds"],
    }
    arguments.facts.write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
