"""Settings of the section `data`: the data set, and how it is split."""

import math
from dataclasses import fields
from typing import Literal

from pydantic import Field, field_validator

from components.image_example_gen.hints import Hints
from components.image_example_gen.splitting import Settings
from contract.task import MOST_VALUES
from pipeline.section import Section, Share

MODEL_NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,56}[a-z0-9])?$"
"""Such a name is also valid for a Kubeflow pipeline and a Kubernetes object. Argo adds
five characters to it, so it accepts 58 at most."""


class Data(Section):
    """The data set, its task, and how it is split.

    Attributes:
        path: Folder or file with labelled images, in any of the forms of
            docs/your-own-data.md; None: see `dataset`.
        dataset: Data set without a path: `mnist` (cache, then mirrors), `digits` (the
            embedded one), or `auto` (mnist, or digits if it is unreachable).
        name: Name of the model; None derives it from the data's name.
        classes: Names of the classes, label 0 first; empty takes those of the data, or
            the labels.
        noun: Noun for the object in an image: `letter`; empty means `image`, or `digit`
            for MNIST.
        background: Value of pixels where nothing is drawn, `none`, or `auto` to find it
            in the images.
        prefix: Prefix of the files to read, if a folder has several data sets.
        transpose: Whether the files have rows and columns exchanged, as EMNIST's do.
        resize: `WxH`, new size of all images; empty if they have one size already.
        colour: `grey` or `rgb`, to convert pictures; `auto` keeps them as they are.
        image_size: `WxH` or `WxHx3`, for images that are rows of numbers; empty if they
            are square.
        label: Column with the labels, by name or number; empty to find it.
        skip_unreadable: Whether unreadable pictures in folders are left out; otherwise
            they end the run.
        window: For data in spans (`--data 'incoming/{SPAN}'`): number of newest spans
            that are read together.
        spans: Names of the spans to read, in place of the newest: `["7", "8/2"]`.
        marker: File that marks a span as complete, such as `_SUCCESS` in its folder, or
            `7.npz_SUCCESS` beside its file. Spans without it are not read.
        schema: Path of the user's own schema; None for `pipeline/schema/schema.pbtxt`.
        split: How rows get into splits. `last`: the last rows of the training part are
            split `eval`, as with Keras' `validation_split`. `stratified`: each class
            gives its share, by `split_seed`. `auto`: `last` if the data has a test part
            and its rows are not ordered by class, else `stratified`; see
            `components.image_example_gen.splitting.assign`.
        split_seed: Seed of the stratified split.
        eval_fraction: Share of the training rows held out as split `eval`.
        test_fraction: Share of all rows for split `test`, if the data has no test part.
        max_duplicates: Largest share of the test split whose images may also be in the
            training part; DataGate checks it. A model may have memorised such rows: a
            share of 0.01 can raise its accuracy by 0.01 times its error.
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
    # TOML and flags use the alias; pydantic has a `schema` of its own.
    schema_path: str | None = Field(None, alias="schema")
    split: Literal["auto", "last", "stratified"] = "auto"
    split_seed: int = Field(1, ge=0, lt=2**31)
    eval_fraction: float = Field(0.2, gt=0, lt=1)
    test_fraction: float = Field(0.2, gt=0, lt=1)
    max_duplicates: Share = 0.01
    shard_rows: int = Field(12_000, ge=1)

    @field_validator("resize")
    @classmethod
    def _small_enough(cls, resize: str) -> str:
        if resize and math.prod(map(int, resize.split("x"))) > MOST_VALUES:
            raise ValueError(f"should be at most {MOST_VALUES:,} pixels")
        return resize

    def splitting(self) -> Settings:
        """Returns the settings of the split."""
        return Settings(
            self.split, self.split_seed, self.eval_fraction, self.test_fraction
        )

    def hints(self, name: str) -> Hints:
        """Returns the user's hints about the data: the settings of the same names."""
        given = {field.name: getattr(self, field.name) for field in fields(Hints)}
        given |= {
            "name": name,
            "background": "" if self.background == "auto" else str(self.background),
            "colour": "" if self.colour == "auto" else self.colour,
            "label": str(self.label),
        }
        return Hints(**given)
