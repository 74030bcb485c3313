"""The configuration of a run: typed, validated, frozen.

Values come from the defaults here, a TOML file over them, and single settings
(`section.key=value`, the runner's flags) over both.
"""

import os
import re
import tomllib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo

from components.image_example_gen.hints import Hints
from components.image_example_gen.splitting import Settings
from contract.bounds import BY_CLASS, Bound
from contract.code import split_reference
from contract.demands import AT_LEAST
from contract.errors import BadInputError
from contract.metric import make_metric
from pipeline.beam import Beam
from pipeline.metrics import OFFERED
from pipeline.monitoring_settings import Monitoring
from pipeline.notify import Notify
from pipeline.pushing import Push
from pipeline.section import Section
from pipeline.training.settings import Training
from pipeline.watching import Watch

MODEL_NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,56}[a-z0-9])?$"
"""Also a legal name of a Kubeflow pipeline and of a Kubernetes object. Argo, which
adds five characters to it, takes 58 at most."""

Share = Annotated[float, Field(ge=0, le=1)]


class Data(Section):
    """Which data set, what it is about, and how it is split.

    Attributes:
        path: Folder or file with labelled images, in any of the forms of
            docs/your-own-data.md; None: see `dataset`.
        dataset: Without a path: `mnist` (cache, then mirrors), `digits` (the
            embedded one), or `auto` (mnist, and digits where it is unreachable).
        name: The model's name; None: made from the data's.
        classes: What the classes are called, label 0 first; empty: as the data says,
            or by their labels.
        noun: What an image shows, for people: `letter`; empty: `image`, or `digit`
            for MNIST.
        background: The value of pixels where nothing is drawn, `none`, or `auto`:
            looked for in the images.
        prefix: Only files whose names begin so, where several data sets lie together.
        transpose: Whether rows and columns are exchanged on the disk, as EMNIST's.
        resize: `WxH`, the size that images are brought to; empty: they have one.
        colour: `grey` or `rgb`, what pictures are brought to; `auto`: as they are.
        image_size: `WxH` or `WxHx3`, of images that stand as rows of numbers; empty:
            they are square.
        label: The column with the labels, by name or number; empty: looked for.
        skip_unreadable: Whether pictures in folders that cannot be read are left out,
            and not the end of the run.
        window: Of data in spans (`--data 'incoming/{SPAN}'`): how many of the newest
            are read together.
        spans: The names of the spans to read, in place of the newest: `["7", "8/2"]`.
        marker: A file that says that a span is complete, as `_SUCCESS`: in its folder,
            or beside its file, as `7.npz_SUCCESS`. Spans without it are left alone.
        schema: Path of a schema of one's own; None: `pipeline/schema/schema.pbtxt`.
        split: How rows get into splits. `last`: the last rows of the training part are
            split `eval`, as with Keras' `validation_split`. `stratified`: each class
            gives its share, by `split_seed`. `auto`: `last` where the data has a test
            part and its rows are not ordered by class, else `stratified`; see
            `components.image_example_gen.splitting.assign`.
        split_seed: Of the stratified split.
        eval_fraction: Share of the training rows held out as split `eval`.
        test_fraction: Share of all rows that is split `test`, where the data has no
            test part.
        max_duplicates: Most of the test split, as a share, that may be in the training
            part as well, image by image; DataGate's. Such a row is known by heart: a
            share of 0.01 can raise the accuracy of a model by 0.01 times its error.
        shard_rows: Most examples in one file.
    """

    path: str | None = None
    dataset: Literal["auto", "mnist", "digits"] = "auto"
    name: str | None = Field(
        None,
        pattern=MODEL_NAME_PATTERN,
        description="at most 58 of a-z, 0-9 and -, the first and the last no -",
    )
    classes: tuple[str, ...] = Field((), strict=False)
    noun: str = ""
    background: str | int = "auto"
    prefix: str = ""
    transpose: bool = False
    resize: str = Field(
        "",
        pattern=r"^([1-9]\d{0,4}x[1-9]\d{0,4})?$",
        description="width x height, as 64x64",
    )
    colour: Literal["auto", "grey", "rgb"] = "auto"
    image_size: str = Field(
        "",
        pattern=r"^([1-9]\d{0,4}x[1-9]\d{0,4}(x[13])?)?$",
        description="width x height, as 28x28, or 32x32x3 for colour",
    )
    label: str | int = ""
    skip_unreadable: bool = False
    window: int = Field(1, ge=1)
    spans: tuple[str, ...] = Field((), strict=False)
    marker: str = Field("", pattern=r"^[^/]*$", description="the name of a file")
    # Called so in TOML and in flags; pydantic has a `schema` of its own.
    schema_path: str | None = Field(None, alias="schema")
    split: Literal["auto", "last", "stratified"] = "auto"
    split_seed: int = Field(1, ge=0, lt=2**31)
    eval_fraction: float = Field(0.2, gt=0, lt=1)
    test_fraction: float = Field(0.2, gt=0, lt=1)
    max_duplicates: Share = 0.01
    shard_rows: int = Field(12_000, ge=1)

    def splitting(self) -> Settings:
        """Returns how rows are split."""
        return Settings(
            self.split, self.split_seed, self.eval_fraction, self.test_fraction
        )

    def hints(self, name: str) -> Hints:
        """Returns what a person says of the data."""
        background = "" if self.background == "auto" else str(self.background)
        return Hints(
            name=name,
            classes=self.classes,
            noun=self.noun,
            background=background,
            prefix=self.prefix,
            transpose=self.transpose,
            resize=self.resize,
            colour="" if self.colour == "auto" else self.colour,
            image_size=self.image_size,
            label=str(self.label),
            skip_unreadable=self.skip_unreadable,
            window=self.window,
            spans=self.spans,
            marker=self.marker,
        )


class MetricBound(Section):
    """A further metric with a bound: `[[gates.metrics]]`.

    Attributes:
        name: One of `pipeline.metrics.OFFERED` (accuracy, macro_f1, top_k, log_loss,
            calibration_error), or a class of one's own, as `file.py:Class` or by its
            dotted path.
        min: What has to be reached, for a metric of which more is better.
        max: What must not be passed, for one of which less is better.
        max_champion_loss: How much worse than the champion's it may be.
        slices: `all`, or `class`: the bound holds for each class alone.
        k: Of top_k.
    """

    name: str
    min: float | None = None
    max: float | None = None
    max_champion_loss: float | None = Field(None, ge=0)
    slices: Literal["all", "class"] = "all"
    k: int | None = Field(None, ge=1)

    def bound(self) -> Bound:
        """Returns it as the Evaluator takes it.

        Raises:
            BadInputError: It has no bound, or one of the wrong side.
        """
        own = OFFERED.get(self.name)
        path = f"{own.__module__}.{own.__name__}" if own else self.name
        options = {} if self.k is None else {"k": self.k}
        if own is None:
            try:
                split_reference(path)
            except BadInputError as error:
                raise BadInputError(
                    f"gates.metrics: {self.name}: expected one of "
                    f"{', '.join(OFFERED)}, file.py:Class or the dotted path of a "
                    f"class: {error}"
                ) from error
        metric = make_metric(path, options)
        wanted = "min" if metric.direction == AT_LEAST else "max"
        other = {"min": "max", "max": "min"}[wanted]
        if getattr(self, other) is not None:
            raise BadInputError(
                f"gates.metrics: {self.name}: {other}: expected {wanted}, as "
                f"{'more' if wanted == 'min' else 'less'} is better"
            )
        value = getattr(self, wanted)
        if value is None and self.max_champion_loss is None:
            raise BadInputError(
                f"gates.metrics: {self.name}: expected {wanted} or max_champion_loss, "
                "found neither"
            )
        if self.slices == BY_CLASS and not metric.by_class:
            raise BadInputError(
                f"gates.metrics: {self.name}: slices: expected all, as it means "
                "nothing on the rows of one class"
            )
        name = re.split(r"[.:]", self.name)[-1]
        if self.k is not None:
            name = f"{name}_{self.k}".replace("top_k_", "top_")
        return Bound(name, path, options, value, self.max_champion_loss, self.slices)


class Gates(Section):
    """What a model has to reach on the test split, and what a person overrules.

    Attributes:
        min_accuracy: Lower bound of the share answered rightly.
        min_class_accuracy: The same for each class alone.
        max_champion_loss: How much accuracy a new model may lose against the
            one that is served.
        max_champion_fall: How much accuracy the served model may have lost on this
            run's data since it was pushed; where it is more, these are other data.
        metrics: Further metrics with bounds.
        replay_log: The log of what callers asked of the served model: the folder, or
            the `filename_prefix` of a server's `logging_config`. The new model answers
            the same pictures, and is held to the three bounds below. Empty: it does
            not.
        replay_pictures: Most pictures that it answers, of the newest requests.
        min_agreement: Least share of them that it answers with the same class.
        min_class_agreement: The same of those that the served model answered with a
            class, for each class alone.
        max_share_shift: How far each class's share of all answers may move.
        allow_anomalies: Go on in spite of what DataGate finds; kept on record.
        allow_champion_fall: Go on where the champion fell; kept on record.
        replace_task: Push under a name by which a model of another task is served.
    """

    min_accuracy: Share = 0.97
    min_class_accuracy: Share = 0.93
    max_champion_loss: Share = 0.005
    max_champion_fall: Share = 0.1
    metrics: tuple[MetricBound, ...] = Field((), strict=False)
    replay_log: str = ""
    replay_pictures: int = Field(10_000, ge=1)
    min_agreement: Share = 0.95
    min_class_agreement: Share = 0.85
    max_share_shift: Share = 0.02
    allow_anomalies: bool = False
    allow_champion_fall: bool = False
    replace_task: bool = False

    def replay(self) -> dict[str, Any]:
        """Returns the settings of Replay, by its parameters."""
        return {
            "log": self.replay_log,
            "max_pictures": self.replay_pictures,
            "min_agreement": self.min_agreement,
            "min_class_agreement": self.min_class_agreement,
            "max_share_shift": self.max_share_shift,
        }

    def bounds(self) -> list[Bound]:
        """Returns all that a model is held to.

        Raises:
            BadInputError: One of `metrics` cannot be used.
        """
        overall = MetricBound(
            name="accuracy",
            min=self.min_accuracy,
            max_champion_loss=self.max_champion_loss,
        )
        by_class = MetricBound(
            name="accuracy", min=self.min_class_accuracy, slices="class"
        )
        bounds = [
            overall.bound(),
            by_class.bound(),
            *(metric.bound() for metric in self.metrics),
        ]
        measured: dict[str, Bound] = {}
        for bound in bounds:
            same = measured.setdefault(bound.name, bound)
            if (same.path, same.options) != (bound.path, bound.options):
                raise BadInputError(
                    f"gates.metrics: {bound.name}: expected one metric of that name, "
                    f"found {same.path} and {bound.path}"
                )
        return bounds


class Storage(Section):
    """What is kept of earlier runs on this machine.

    Attributes:
        keep_runs: After each push, only what the newest runs of the model made or
            reused stays; None: everything does, until `local_runner.py clean`.
    """

    keep_runs: int | None = Field(None, ge=1)


class Config(Section):
    """Everything that can be configured about a run."""

    data: Data = Data()
    training: Training = Training()
    gates: Gates = Gates()
    beam: Beam = Beam()
    storage: Storage = Storage()
    notify: Notify = Notify()
    monitoring: Monitoring = Monitoring()
    push: Push = Push()
    watch: Watch = Watch()

    def with_gate_defaults(self, **bounds: float) -> Self:
        """Returns the same with other default bounds; what was set stays."""
        unset = {
            k: v for k, v in bounds.items() if k not in self.gates.model_fields_set
        }
        return self.model_copy(update={"gates": self.gates.model_copy(update=unset)})


FORMER_SETTINGS = {"gates.min_digit_accuracy": "gates.min_class_accuracy"}
"""What settings were called in version 0.1; they are still taken."""


def load_config(
    path: str | None = None,
    settings: Sequence[str | tuple[str, Any]] = (),
    note: Callable[[str], None] = lambda line: None,
) -> Config:
    """Reads the configuration.

    Args:
        path: A TOML file with the sections of `Config`; None: defaults.
        settings: Texts `section.key=value`, or pairs of both; they win over the
            file, and later ones over earlier.
        note: Told what has another name now.

    Raises:
        BadInputError: No such file, no TOML, an unknown key, an impossible
            value; one line that names file or setting, key and what is wrong.
    """
    content: dict[str, Any] = {}
    origin: dict[str, str] = {}
    if path is not None:
        try:
            with open(path, encoding="utf-8-sig") as stream:
                content = tomllib.loads(stream.read())
        except OSError as error:
            raise BadInputError(f"{path}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInputError(f"{path}: expected TOML, found: {error}") from error
    for former, name in FORMER_SETTINGS.items():
        section, _, key = former.partition(".")
        of_section = content.get(section)
        if isinstance(of_section, dict) and key in of_section:
            of_section.setdefault(name.partition(".")[2], of_section.pop(key))
            note(f"{path}: {former} is called {name} now")
    if path is not None:
        _find_beside(os.path.dirname(path), content)
    for setting in settings:
        dotted, value = _parse(setting) if isinstance(setting, str) else setting
        if dotted in FORMER_SETTINGS:
            note(f"setting {dotted} is called {FORMER_SETTINGS[dotted]} now")
        section, _, key = FORMER_SETTINGS.get(dotted, dotted).partition(".")
        of_section = content.setdefault(section, {})
        if not isinstance(of_section, dict):
            raise BadInputError(
                f"{path}: {section}: expected a section [{section}], "
                f"found {of_section!r}"
            )
        of_section[key] = value
        origin[f"{section}.{key}"] = origin[section] = f"setting {dotted}"
    try:
        config = Config.model_validate(content)
        # What a bound is on is looked up now, and not after the training.
        config.gates.bounds()
        return config
    except ValidationError as error:
        first = error.errors()[0]
        dotted = ".".join(str(part) for part in first["loc"][:2])
        where = origin.get(dotted, f"{path}: {dotted}")
        raise BadInputError(f"{where}: {_explain(dotted, first)}") from error


def _find_beside(folder: str, content: dict[str, Any]) -> None:
    """Names code of one's own that lies beside the TOML file from where one is."""
    training, gates = content.get("training"), content.get("gates")
    metrics = gates.get("metrics") if isinstance(gates, dict) else None
    naming = [(training, "model")]
    naming += [(one, "name") for one in metrics] if isinstance(metrics, list) else []
    for section, key in naming:
        if not isinstance(section, dict) or not isinstance(section.get(key), str):
            continue
        reference = section[key]
        file, colon, _ = reference.partition(".py:")
        if colon and os.path.isfile(os.path.join(folder, f"{file}.py")):
            section[key] = os.path.join(folder, reference)


def _parse(setting: str) -> tuple[str, Any]:
    """Splits `section.key=value`; the value is read as TOML, or is plain text."""
    dotted, equals, text = setting.partition("=")
    if not equals or dotted.count(".") != 1:
        raise BadInputError(
            f"setting {setting}: expected section.key=value, as training.epochs=5"
        )
    try:
        return dotted, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return dotted, text


def _explain(dotted: str, error: Any) -> str:
    """Returns what pydantic found in the words of the person who typed it."""
    loc = error["loc"]
    # What is wrong inside of a setting is named by its key there.
    inner = [part for part in loc[2:] if isinstance(part, str)]
    key = f"{inner[-1]}: " if inner else ""
    if error["type"] == "extra_forbidden":
        names = ", ".join(_keys(loc[:-1]))
        return f"{key}unknown key, expected one of {names}"
    if error["type"] == "model_type":
        return f"expected a section [{dotted}], found {error['input']!r}"
    if error["type"] == "value_error":
        text, value = str(error["ctx"]["error"]), error["input"]
        is_section = isinstance(value, dict)
        found = "" if is_section or "found" in text else f", found {value!r}"
        return f"{key}{text}{found}"
    if error["type"] == "string_pattern_mismatch":
        field = _field(loc)
        if field is not None and field.description:
            return f"expected {field.description}; found {error['input']!r}"
    text = error["msg"].removeprefix("Input ").removeprefix("String ")
    text = text.replace("a valid tuple", "an array")
    return f"{key}{text}, found {error['input']!r}"


def _field(loc: Sequence[str | int]) -> FieldInfo | None:
    """Returns a setting of a section by its place."""
    section = Config.model_fields.get(str(loc[0]))
    if section is None or len(loc) != 2:
        return None
    return _section_in(section.annotation).model_fields.get(str(loc[1]))


def _keys(loc: Sequence[str | int]) -> list[str]:
    """Returns what may stand in a section, or in a section inside of one."""
    section: type[BaseModel] = Config
    for part in loc:
        if isinstance(part, str):
            section = _section_in(section.model_fields[part].annotation)
    return [field.alias or name for name, field in section.model_fields.items()]


def _section_in(annotation: Any) -> type[BaseModel]:
    """Returns the section that a type is, or is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(
        _section_in(inner)
        for inner in get_args(annotation)
        if inner not in (type(None), ...)
    )
