"""Measurements in the form that a benchmark keeps."""

from collections.abc import Callable

import pytest

from benchmarks.pipeline.measurements import Facts, Measured, Results

Make = Callable[..., Measured]


def measured(
    seconds: float,
    *,
    fit: float,
    components: dict[str, float] | None = None,
    peak_mb: float = 1000,
) -> Measured:
    facts = Facts(
        steps=37_500,
        parameters=104_938,
        optimizer="Adam",
        learning_rate=0.001,
        test_accuracy=0.98,
        fit_seconds=fit,
    )
    return Measured(
        seconds=seconds,
        cpu_seconds=seconds * 1.5,
        peak_mb=peak_mb,
        components=components or {},
        # Two thirds of the process's time are computation.
        components_cpu={n: s * 2 / 3 for n, s in (components or {}).items()},
        facts=facts,
    )


@pytest.fixture
def make() -> Make:
    return measured


@pytest.fixture
def results() -> Results:
    """Two rounds; in the second one the machine had half its speed."""
    components = {
        "(start-up)": 7.0,
        "ImageExampleGen": 2.0,
        "StatisticsGen": 9.0,
        "Trainer": 30.0,
        "Evaluator": 3.0,
        "ModelReport": 1.0,
        "(ending)": 0.5,
    }
    return Results(
        machine={"processor": "a slow one", "cores": "2"},
        settings={"data": "abc", "epochs": 25},
        rounds=[
            {
                "notebook": measured(slow * 200, fit=slow * 190),
                "stock": measured(slow * 500, fit=slow * 400),
                "pipeline": measured(
                    slow * 80,
                    fit=slow * 38,
                    components={n: slow * s for n, s in components.items()},
                    peak_mb=1500,
                ),
                "earlier": measured(
                    slow * 100,
                    fit=slow * 38,
                    components={n: slow * s * 2 for n, s in components.items()},
                    peak_mb=1200,
                ),
            }
            for slow in (1, 2)
        ],
    )
