"""The page as a file: it can be read back, escapes texts, and loads nothing."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.report import templates
from components.report.page import (
    DATA,
    RUN,
    VERDICT,
    Page,
    Section,
    as_json,
    templates_digest,
)
from components.report.run import Component, RunFacts
from components.report.sections import guarded, run_section, verdict_section
from components.report.standing import BROKEN, PUSHED, REFUSED, Verdict
from contract.demands import AT_LEAST, AT_MOST, Demand
from tests.components.report.reading import Outline

HOSTILE = "</script><!--/section--><img src=x onerror=alert(1)>\"'&{{ 7*7 }}"
GATE = Demand("Evaluator", "accuracy", "", 0.9, 0.97, AT_LEAST)


def run_facts(**more: object) -> RunFacts:
    facts = {
        "run": "scans-1",
        "started": "today",
        "seconds": 10.0,
        "components": (Component("Trainer", "done", 4.0, 900_000_000),),
        "data": "data set from somewhere",
        "versions": {"Python": "3.11.7"},
        "commands": {"Query": "ask"},
    }
    return RunFacts(**{**facts, **more})  # type: ignore[arg-type]


def page(reason: str = "too bad", name: str = "scans", of_class: str = "") -> Page:
    gate = replace(GATE, slice=of_class)
    verdict = Verdict(BROKEN, "Broken in Trainer", (reason,), (gate,))
    return Page(name, "scans-1").having(
        verdict_section(verdict, {}), run_section(run_facts())
    )


def test_it_is_well_formed() -> None:
    outline = Outline(page().render())
    assert {"title", "h1", "h2", "table", "nav"} <= outline.tags()


def test_the_verdict_is_first_and_in_the_title() -> None:
    text = page().render()
    assert "<title>scans: Broken in Trainer</title>" in text
    assert (
        text.index('id="verdict"') < text.index('id="gates"') < text.index('id="run"')
    )


def test_what_was_not_reached_is_said() -> None:
    assert Outline(page().render()).text.count("Not reached") == 3


def test_it_is_read_back_as_it_was() -> None:
    made = page()
    assert Page.parse(made.render()) == made
    assert Page.parse(made.render()).render() == made.render()


def test_a_section_is_replaced_and_the_others_stay() -> None:
    before = Page.parse(page().render())
    after = before.having(run_section(run_facts(data="another")))
    assert after.sections[VERDICT] == before.sections[VERDICT]
    assert "another" in after.render()
    assert "data set from somewhere" not in after.render()


def test_what_is_no_page_is_not_read() -> None:
    with pytest.raises(ValueError, match="expected a page of this pipeline"):
        Page.parse("<html><body></body></html>")


@pytest.mark.parametrize("where", ["reason", "name", "of_class"])
def test_hostile_text_stays_text(where: str) -> None:
    made = page(**{where: HOSTILE})
    text = made.render()
    outline = Outline(text)
    assert HOSTILE in outline.text
    assert not any("onerror" in attributes for _, attributes in outline.elements)
    assert Page.parse(text) == made


def test_no_script_runs_and_nothing_is_fetched() -> None:
    outline = Outline(page().render())
    for tag, attributes in outline.elements:
        assert tag not in ("iframe", "object", "embed", "base", "form")
        if tag == "script":
            assert attributes["type"] == "application/json"
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:")), (tag, name, value)
    [policy] = [
        attributes["content"] or ""
        for tag, attributes in outline.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


def test_every_table_has_headings_and_every_picture_a_text() -> None:
    for tag, attributes in Outline(page().render()).elements:
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
        if tag == "img":
            assert attributes["alt"]


def test_facts_are_json_for_programs() -> None:
    facts = Page.parse(page().render()).sections[RUN].facts
    assert facts["components"] == [
        {"node": "Trainer", "state": "done", "seconds": 4.0, "peak_memory": 900_000_000}
    ]


def test_what_is_no_number_is_null() -> None:
    content = as_json({"a": math.nan, "b": [math.inf, 1.5], 3: (True, None, "x")})
    assert content == {"a": None, "b": [None, 1.5], "3": [True, None, "x"]}
    json.dumps(content, allow_nan=False)


def test_memory_that_is_not_known_is_called_unknown() -> None:
    part = Component("Trainer", "done", 4.0, None)
    text = Outline(run_section(run_facts(components=(part,))).html).text
    assert "unknown" in text
    assert "this system does not tell it" in text


def test_a_section_that_cannot_be_made_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> Section:
        raise OSError("no <such> file")

    section = guarded(DATA, broken)
    made = Page("scans").having(section)
    assert section.failed
    assert not made.has(DATA)
    assert "OSError: no <such> file" in Outline(made.render()).text
    assert Page.parse(made.render()) == made
    assert "section data could not be made" in caplog.text


def head(*demands: Demand, **more: Any) -> str:
    """Returns the text of a refused run's head."""
    verdict = Verdict(REFUSED, "Refused", more.get("reasons", ()), demands)
    return Outline(verdict_section(verdict, {}).html).text


def of_class(name: str, value: float) -> Demand:
    passed = value >= 0.93
    return Demand("Evaluator", "accuracy", name, value, 0.93, AT_LEAST, passed=passed)


def test_of_classes_the_worst_and_those_that_failed_stand_among_the_gates() -> None:
    text = head(*(of_class(str(d), 0.9 + d / 100) for d in (7, 2, 5, 1, 3)))
    assert "accuracy of 1 the worst of 5 classes" in text
    assert "accuracy of 2" in text
    assert "0.9500" not in text
    assert "0.9700" not in text


def test_classes_that_failed_are_one_reason() -> None:
    text = head(*(of_class(str(d), 0.9 + d / 100) for d in (2, 5, 1, 0)))
    reason = "accuracy of 0: 0.9000, expected ≥ 0.93; and 2 more classes: 1, 2"
    assert text.count(reason) == 1


def test_a_metric_that_nobody_knew_is_shown_by_itself() -> None:
    demand = Demand("Evaluator", "my_own", "", 0.25, 0.2, AT_MOST, champion=0.125)
    text = head(demand)
    assert "Evaluator: my own: 0.2500, expected ≤ 0.2, champion 0.1250" in text
    assert "change max of my_own in [[gates.metrics]]" in text


def test_what_is_overruled_is_not_called_refused() -> None:
    findings = Demand("DataGate", "findings", "", 1, 0, AT_MOST, overruled=True)
    verdict = Verdict(PUSHED, "Pushed as version 17", (), (findings,), "17")
    text = Outline(verdict_section(verdict, {}).html).text
    assert "DataGate: findings: 1, expected ≤ 0: overruled" in text
    assert "refused" not in text.lower()


def test_findings_are_told_and_not_only_counted() -> None:
    findings = Demand("DataGate", "findings", "", 1, 0, AT_MOST)
    text = head(findings, reasons=("split eval: too many threes",))
    assert "split eval: too many threes" in text
    assert "findings: 1, expected" not in text


def test_what_the_demands_say_is_not_said_by_reasons_again() -> None:
    assert "the same again" not in head(GATE, reasons=("the same again",))


def test_an_edit_of_a_template_is_another_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Path(templates.__file__).parent
    shutil.copytree(source, tmp_path / "templates")
    before = templates_digest()
    monkeypatch.setattr(templates, "__file__", str(tmp_path / "templates/__init__.py"))
    assert templates_digest.__wrapped__() == before
    with (tmp_path / "templates/run.html").open("a") as stream:
        stream.write("<p>more</p>")
    assert templates_digest.__wrapped__() != before
