"""Counts Prometheus metrics under the names of TensorFlow Serving's metrics.

`prometheus_client` cannot write them: it appends `_total` to every counter,
while `:tensorflow:serving:request_count` has no such ending. The text format is
https://prometheus.io/docs/instrumenting/exposition_formats/; the names and
buckets are those of tensorflow_serving/servables/tensorflow/util.cc.
"""

import bisect
import threading
from collections.abc import Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_Labels = tuple[str, ...]


def exponential(scale: float, growth: float, count: int) -> tuple[float, ...]:
    """Returns `count` bucket limits, `scale * growth**k`."""
    return tuple(scale * growth**power for power in range(count))


class Counter:
    """A growing number for each combination of labels."""

    kind = "counter"

    def __init__(self, name: str, labels: Sequence[str]):
        self.name = name
        self._label_names = tuple(labels)
        self._values: dict[_Labels, int] = {}
        self._lock = threading.Lock()

    def add(self, labels: _Labels, amount: int = 1) -> None:
        """Adds `amount` under `labels`."""
        with self._lock:
            self._values[labels] = self._values.get(labels, 0) + amount

    def total(self) -> int:
        """Returns the sum over all labels."""
        with self._lock:
            return sum(self._values.values())

    def lines(self) -> list[str]:
        """Returns the samples in the text format."""
        with self._lock:
            values = sorted(self._values.items())
        return [
            f"{self.name}{{{_pairs(self._label_names, labels)}}} {value}"
            for labels, value in values
        ]


class Histogram:
    """A distribution for each combination of labels."""

    kind = "histogram"

    def __init__(self, name: str, labels: Sequence[str], limits: tuple[float, ...]):
        self.name = name
        self._label_names = tuple(labels)
        self._limits = limits
        # The counts of the buckets (the last is above all limits), and the sum.
        self._cells: dict[_Labels, tuple[list[int], list[float]]] = {}
        self._lock = threading.Lock()

    def observe(self, labels: _Labels, value: float) -> None:
        """Counts `value` under `labels`."""
        index = bisect.bisect_left(self._limits, value)
        with self._lock:
            cell = self._cells.get(labels)
            if cell is None:
                cell = self._cells[labels] = ([0] * (len(self._limits) + 1), [0.0])
            cell[0][index] += 1
            cell[1][0] += value

    def total(self) -> int:
        """Returns the number of counted values."""
        with self._lock:
            return sum(sum(buckets) for buckets, _ in self._cells.values())

    def lines(self) -> list[str]:
        """Returns the samples in the text format."""
        with self._lock:
            cells = sorted(
                (labels, list(buckets), sums[0])
                for labels, (buckets, sums) in self._cells.items()
            )
        out = []
        limits = [f"{limit:.6g}" for limit in self._limits] + ["+Inf"]
        for labels, buckets, value_sum in cells:
            pairs = _pairs(self._label_names, labels)
            comma = "," if pairs else ""
            count = 0
            for limit, bucket in zip(limits, buckets, strict=True):
                count += bucket
                out.append(f'{self.name}_bucket{{{pairs}{comma}le="{limit}"}} {count}')
            out.append(f"{self.name}_sum{{{pairs}}} {value_sum:.10g}")
            out.append(f"{self.name}_count{{{pairs}}} {count}")
        return out


def _pairs(names: _Labels, values: _Labels) -> str:
    return ",".join(
        f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)
    )


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


# Microseconds: 10 * 1.8^k; the last limit is about 25 minutes.
_LATENCY = exponential(10, 1.8, 33)
_SERVING = ":tensorflow:serving:"


class Metrics:
    """The metric families of one server."""

    def __init__(self) -> None:
        self.request_count = Counter(
            _SERVING + "request_count", ("model_name", "status")
        )
        self.request_latency = Histogram(
            _SERVING + "request_latency", ("model_name", "API", "entrypoint"), _LATENCY
        )
        self.runtime_latency = Histogram(
            _SERVING + "runtime_latency", ("model_name", "API", "runtime"), _LATENCY
        )
        self.example_counts = Histogram(
            _SERVING + "request_example_counts", ("model",), exponential(1, 2, 15)
        )
        self.example_count_total = Counter(
            _SERVING + "request_example_count_total", ("model",)
        )
        self.warmup_latency = Histogram(
            _SERVING + "model_warmup_latency", ("model_path", "status"), _LATENCY
        )
        self.warmup_records = Counter(
            _SERVING + "model_warmup_records_read", ("model_path",)
        )
        self.queuing_latency = Histogram(
            _SERVING + "batching_session:queuing_latency", (), _LATENCY
        )
        self.wrapped_run_count = Counter(
            _SERVING + "batching_session:wrapped_run_count", ()
        )
        self.batch_size = Histogram(
            _SERVING + "batching_session:processed_batch_size",
            (),
            exponential(1, 2, 15),
        )
        self.load_attempts = Counter(
            ":tensorflow:cc:saved_model:load_attempt_count", ("model_path", "status")
        )
        self.load_latency = Counter(
            ":tensorflow:cc:saved_model:load_latency", ("model_path",)
        )
        self.request_log_count = Counter(
            _SERVING + "request_log_count", ("model_name", "status_code")
        )
        self.graph_runs = Counter(":tensorflow:core:graph_runs", ())

    def record_batch(self, rows: int, waited: float) -> None:
        """Counts a graph run: its rows, and the seconds its first request waited."""
        self.graph_runs.add(())
        self.wrapped_run_count.add(())
        self.queuing_latency.observe((), waited * 1e6)
        self.batch_size.observe((), rows)

    def record_examples(self, model: str, count: int) -> None:
        """Counts the rows of a request."""
        self.example_counts.observe((model,), count)
        self.example_count_total.add((model,), count)

    def families(self) -> list[Counter | Histogram]:
        """Returns every family, sorted by name."""
        return sorted(vars(self).values(), key=lambda family: str(family.name))

    def page(self) -> str:
        """Returns all samples in Prometheus's text format."""
        lines = []
        for family in self.families():
            samples = family.lines()
            if samples:
                lines += [f"# TYPE {family.name} {family.kind}", *samples]
        return "\n".join(lines) + "\n"

    def totals(self) -> dict[str, int]:
        """Returns the total of each family, by its name."""
        return {family.name: family.total() for family in self.families()}
