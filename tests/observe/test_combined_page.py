"""Does one page hold what all workers count, in the order that the format wants?"""

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from mesh_gateway.observe.combined_page import combine, label_worker
from mesh_gateway.observe.metrics import Metrics

ONE = """\
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{method="GET",path="{odd} \\"x\\""} 2.0
# HELP open Open ones.
# TYPE open gauge
open 1.0
"""


def test_each_sample_says_whose_it_is_and_is_as_it_was() -> None:
    assert label_worker(ONE, "7").splitlines() == [
        "# HELP requests_total Requests.",
        "# TYPE requests_total counter",
        'requests_total{worker="7",method="GET",path="{odd} \\"x\\""} 2.0',
        "# HELP open Open ones.",
        "# TYPE open gauge",
        'open{worker="7"} 1.0',
    ]


def test_families_stand_once_with_the_samples_of_all() -> None:
    combined = combine([label_worker(ONE, "0"), label_worker(ONE, "1")])
    families = {family.name: family.samples for family in text_string_to_metric_families(combined)}
    assert combined.count("# TYPE") == 2
    assert [sample.labels["worker"] for sample in families["open"]] == ["0", "1"]
    assert [sample.value for sample in families["requests"]] == [2.0, 2.0]


def test_a_family_that_only_one_has_is_there() -> None:
    other = "# HELP more More.\n# TYPE more gauge\nmore 3.0\n"
    names = [family.name for family in text_string_to_metric_families(combine([ONE, other]))]
    assert names == ["requests", "open", "more"]


def test_nothing_of_a_real_page_is_lost() -> None:
    metrics = Metrics(CollectorRegistry(), {"version": "1"})
    before = metrics.page()
    metrics.call_worker("3")
    page, _ = metrics.render()
    samples = [
        sample
        for family in text_string_to_metric_families(combine([page.decode()]))
        for sample in family.samples
        if not sample.name.startswith(("process_", "python_"))
    ]
    plain = [line for line in before.splitlines() if not line.startswith(("#", "process_", "python_"))]
    assert len(samples) == len(plain) > 50
    assert {sample.labels.get("worker") for sample in samples} == {"3"}


def test_without_a_number_the_page_has_no_label() -> None:
    assert "worker=" not in Metrics(CollectorRegistry()).page()
