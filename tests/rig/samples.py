"""What do the metrics say? The Prometheus text format as a look-up."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def parse_samples(text: str) -> Samples:
    """(name, labels) -> value."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum of all samples of that name which carry at least these labels; 0 for none."""
    return sum(value for (key, have), value in samples.items() if key == name and labels.items() <= have)


def names(samples: Samples) -> set[str]:
    """Which metrics there are."""
    return {name for name, _ in samples}
