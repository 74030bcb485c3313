"""Three tasks for the tests of serving, which find constants of a single task."""

import string

from contract.task import Task, plain_names

DIGITS = Task("mnist", 28, 28, 1, plain_names(10), "digit", 0)
LETTERS = Task("fonts", 20, 24, 1, tuple(string.ascii_lowercase), "letter", 255)
SHAPES = Task(
    "shapes", 12, 16, 3, ("circle", "square", "star", "\N{GREEK SMALL LETTER PHI} wave")
)
TASKS = (DIGITS, LETTERS, SHAPES)
