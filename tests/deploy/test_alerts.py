"""Do the alert rules ask for metrics that there are? And does Prometheus take them, where its promtool is installed?"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.rig.gateway import ROOT

RULES = ROOT / "deploy" / "prometheus" / "alerts.yaml"
PROMTOOL = shutil.which("promtool")
CHECK_SECONDS = 20


def test_every_metric_that_a_rule_asks_for_is_a_documented_one() -> None:
    documented = set(re.findall(r"^\| `(gateway_\w+)` \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    asked = set(re.findall(r"gateway_\w+", RULES.read_text()))
    assert asked
    assert asked - documented == set()


def test_every_alert_is_explained() -> None:
    told = (ROOT / "docs" / "certificates.md").read_text()
    alerts = re.findall(r"alert: (\w+)", RULES.read_text())
    assert len(alerts) == len(set(alerts)) > 0
    assert [alert for alert in alerts if f"`{alert}`" not in told] == []


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    assert PROMTOOL
    checked = subprocess.run(
        [PROMTOOL, "check", "rules", str(RULES)],
        cwd=tmp_path, capture_output=True, text=True, timeout=CHECK_SECONDS, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
