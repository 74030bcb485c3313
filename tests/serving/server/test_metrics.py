"""The text format of the metrics."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from serving.server.metrics import Histogram, Metrics, exponential


def test_prometheus_reads_the_page() -> None:
    metrics = Metrics()
    metrics.request_count.add(('a "name"\\\n', "OK"), 2)
    metrics.request_latency.observe(("m", "Predict", "GRPC"), 15.0)
    metrics.record_batch(3, 1e-4)
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.page())
        for sample in family.samples
    }
    # The metrics' reader adds `_total` to the names of counters.
    name = ":tensorflow:serving:request_count_total"
    assert samples[name, (("model_name", 'a "name"\\\n'), ("status", "OK"))] == 2
    latency = ":tensorflow:serving:request_latency"
    labels = (("API", "Predict"), ("entrypoint", "GRPC"), ("model_name", "m"))
    assert samples[f"{latency}_count", labels] == 1
    assert samples[f"{latency}_sum", labels] == 15
    assert samples[":tensorflow:core:graph_runs_total", ()] == 1
    assert ":tensorflow:core:graph_runs{} 1\n" in metrics.page()


def test_a_histogram_counts_up_to_each_limit() -> None:
    histogram = Histogram("h", ("model",), exponential(10, 1.8, 3))
    for value in (10, 11, 1000):
        histogram.observe(("m",), value)
    assert histogram.lines() == [
        'h_bucket{model="m",le="10"} 1',
        'h_bucket{model="m",le="18"} 2',
        'h_bucket{model="m",le="32.4"} 2',
        'h_bucket{model="m",le="+Inf"} 3',
        'h_sum{model="m"} 1021',
        'h_count{model="m"} 3',
    ]
