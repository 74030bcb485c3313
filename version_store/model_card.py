"""`model_card.md`: the manifest for people.

Its sections are those of Mitchell et al., Model Cards for Model Reporting (FAT*
2019, arXiv:1810.03993), section 4. What nobody stated is said to be so.
"""

import os
from collections.abc import Iterable, Sequence

from contract.demands import bound_text, number, outcome_text, value_text, words
from contract.features import SPLITS
from contract.task import Task, names_text
from version_store.digests import MODEL_CARD_FILE
from version_store.manifest import Manifest

_NOT_STATED = "Not stated."
_UNKNOWN = "unknown"


def write_model_card(folder: str, manifest: Manifest) -> None:
    """Writes the card into a version's folder."""
    path = os.path.join(folder, MODEL_CARD_FILE)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(render(manifest))


def render(manifest: Manifest) -> str:
    """Returns the card as Markdown; nothing in it that is not in the manifest."""
    name = manifest.model or _UNKNOWN
    sections = [
        (
            f"Model card: {name}, version {manifest.version}",
            "#",
            _rolled_back(manifest),
        ),
        ("Model details", "##", _details(manifest)),
        ("Intended use", "##", _use(manifest, name)),
        ("Factors", "##", _factors(manifest)),
        ("Metrics", "##", _metrics(manifest)),
        ("Evaluation data", "##", _evaluation_data(manifest)),
        ("Training data", "##", _training_data(manifest)),
        ("Quantitative analyses", "##", _analyses(manifest)),
        ("Ethical considerations", "##", [_NOT_STATED]),
        ("Caveats and recommendations", "##", _caveats(manifest)),
    ]
    blocks: list[str] = []
    for title, level, content in sections:
        blocks += [f"{level} {title}", *content]
    return "\n\n".join(blocks) + "\n"


def _rolled_back(manifest: Manifest) -> list[str]:
    back = manifest.rolled_back
    if back is None:
        return []
    return [
        f"This is version {back.of} again: it was rolled back to at {back.at} by "
        f"{_plain(back.by)}, while version {back.instead_of} was served. Reason: "
        f"{_plain(back.reason) if back.reason else 'not stated'}."
    ]


def _details(m: Manifest) -> list[str]:
    training = m.training or {}
    tree = {
        True: "",
        False: ", with changes that were not committed",
        None: ", not known whether all was committed",
    }[m.tree_clean]
    lock = f"{m.lock.name}, SHA-256 `{m.lock.digest}`" if m.lock else _UNKNOWN
    commit = f"`{m.commit}`{tree}" if m.commit else _UNKNOWN
    facts = [
        ("Kind", "Keras network behind a Transform graph, one SavedModel"),
        ("Pushed", m.pushed_at or _UNKNOWN),
        ("Run", _plain(m.run) or _UNKNOWN),
        ("Hidden layers, units", _plain(training.get("hidden_units")) or _UNKNOWN),
        *(
            (label, _plain(training.get(key)) or _UNKNOWN)
            for label, key in (
                ("Epochs", "epochs"),
                ("Batch size", "batch_size"),
                ("Learning rate", "learning_rate"),
                ("Seed", "seed"),
            )
        ),
        ("Code commit", commit),
        ("Lock", lock),
        ("Python", m.python or _UNKNOWN),
        (
            "Libraries",
            ", ".join(f"{k} {v}" for k, v in (m.libraries or {}).items()) or _UNKNOWN,
        ),
        ("Model digest", f"`{m.model_digest}`" if m.model_digest else _UNKNOWN),
        ("Developers, licence, contact", "not stated"),
    ]
    return [_list(facts)]


def _use(m: Manifest, name: str) -> list[str]:
    task = Task.from_dict(m.task) if m.task else None
    if task is None:
        return ["What it is asked is unknown. Intended users: not stated."]
    shape = ", ".join(map(str, task.shape))
    of_background = (
        "" if task.background is None else f", {task.background} is background"
    )
    classes = len(task.classes)
    return [
        f"Tells which of {classes} classes {_article(task.noun)} {_plain(task.noun)} "
        f"in an image of {task.size_text} belongs to: "
        f"{_plain(names_text(task.classes))}. Intended users and uses out of scope: "
        "not stated.",
        "How to query: signature `serving_default` takes `images`, uint8 "
        f"`[n, {shape}]`{of_background}; `tf_examples` takes `examples`, serialised "
        f"tf.Examples with `image`. Both answer `probabilities`, float32 "
        f"`[n, {classes}]`, and `class_id`, int64 `[n]`. `classify` answers with "
        "names, `describe` with the task as JSON.",
        f"```sh\npython -m serving.client predict {task.noun.replace(' ', '-')}.png "
        f"--model {name}\n```",
    ]


def _article(noun: str) -> str:
    return "an" if noun[:1].lower() in "aeiou" else "a"


def _factors(m: Manifest) -> list[str]:
    known = m.metrics and m.metrics.classes
    what = "The class of the image; each has its own figures below." if known else ""
    others = "Other groups, instruments and environments: not stated."
    return [" ".join(part for part in (what, others) if part)]


def _metrics(m: Manifest) -> list[str]:
    text = "Accuracy: the share of images answered rightly, overall and by class."
    if m.gates is None:
        return [text, "The gates that it passed are unknown."]
    rows = [
        (
            demand.gate,
            " ".join(p for p in (words(demand.metric), _plain(demand.slice)) if p),
            value_text(demand),
            bound_text(demand),
            number(demand.champion) if demand.has_champion else "-",
            outcome_text(demand),
        )
        for demand in m.gates
    ]
    header = ("gate", "metric", "value", "bound", "champion", "")
    champion = {"": "There was no champion to beat.", None: "The champion is unknown."}
    return [
        text,
        _table(header, rows),
        champion.get(m.champion, f"The champion was version {m.champion}."),
    ]


def _evaluation_data(m: Manifest) -> list[str]:
    return [
        f"Split `test`: {_count(m, 'test')} images. {_source(m)}",
        "Motivation and preprocessing by the source: not stated.",
    ]


def _training_data(m: Manifest) -> list[str]:
    text = (
        f"Splits `train`, {_count(m, 'train')} images, to fit on, and `eval`, "
        f"{_count(m, 'eval')}, to watch while fitting. Pixels go through "
        "the Transform graph that the model carries."
    )
    if m.statistics is None:
        return [text, "Statistics are unknown."]
    order = {split: place for place, split in enumerate(SPLITS)}
    splits = sorted(m.statistics, key=lambda split: order.get(split, len(order)))
    by_split = [m.statistics[split] for split in splits]
    labels = list(dict.fromkeys(x for one in by_split for x in one.labels or {}))
    rows = [
        *(
            (
                f"class {_plain(label)}",
                *(_plain((s.labels or {}).get(label)) for s in by_split),
            )
            for label in labels
        ),
        ("pixel mean", *(_number(s.image_mean) for s in by_split)),
        ("pixel deviation", *(_number(s.image_std_dev) for s in by_split)),
    ]
    return [text, _table(("", *splits), rows)]


def _analyses(m: Manifest) -> list[str]:
    if m.metrics is None:
        return ["Unknown."]
    measured = m.metrics
    kept = measured.kept_epoch
    epoch = f"epoch {kept} ({measured.kept_why})" if kept else "last epoch"
    facts = [
        ("Test accuracy", _number(measured.test_accuracy)),
        ("Test loss (cross-entropy)", _number(measured.test_loss)),
        (f"Validation accuracy, {epoch}", _number(measured.val_accuracy)),
        (f"Validation loss, {epoch}", _number(measured.val_loss)),
        ("Champion's test accuracy", _number(measured.champion_accuracy)),
    ]
    if not m.champion and measured.champion_accuracy is None:
        facts.pop()
    content = [_list(facts)]
    if measured.classes:
        rows = [
            (
                _plain(of_class),
                _plain(one.examples) or _UNKNOWN,
                _number(one.accuracy),
                "-" if one.champion is None else _number(one.champion),
            )
            for of_class, one in measured.classes.items()
        ]
        content.append(_table(("class", "images", "accuracy", "champion"), rows))
    return content


def _caveats(m: Manifest) -> list[str]:
    lines = []
    if m.overrides is None:
        lines.append("Whether anything was overridden is unknown.")
    elif m.overrides.allow_anomalies:
        lines.append(
            "DataGate had findings and was overridden (`gates.allow_anomalies`):\n\n"
            + "\n".join(
                f"- split {f.get('split')}, feature {f.get('feature')}: "
                f"{_plain(f.get('reason'))}"
                for f in m.overrides.findings
            )
        )
    else:
        lines.append("DataGate found nothing; nothing was overridden.")
    lines.append("Further limits and recommendations: not stated.")
    return lines


def _source(m: Manifest) -> str:
    source = _plain(m.data_source) or "Source unknown"
    fingerprint = (
        f"SHA-256 of images and labels `{m.data_fingerprint}`"
        if m.data_fingerprint
        else "fingerprint unknown"
    )
    return f"{source}; {fingerprint}."


def _count(m: Manifest, split: str) -> str:
    count = (m.counts or {}).get(split)
    return _UNKNOWN if count is None else f"{count:,}"


def _number(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:.4f}"


def _plain(value: object) -> str:
    """Returns a value on one line, harmless in Markdown; empty for None."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return " ".join(str(value).split()).replace("<", "&lt;")


def _list(facts: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- {label}: {value}" for label, value in facts)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: str) -> str:
    return " ".join(value.split()).replace("|", "\\|")
