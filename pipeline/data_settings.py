"""Section `data` of the configuration: which data set, and how it is split."""

from typing import Literal

from pydantic import Field

from components.image_example_gen.hints import Hints
from components.image_example_gen.splitting import Settings
from pipeline.section import Section, Share

MODEL_NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,56}[a-z0-9])?$"
"""Also a legal name of a Kubeflow pipeline and of a Kubernetes object. Argo, which
adds five characters to it, takes 58 at most."""


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
