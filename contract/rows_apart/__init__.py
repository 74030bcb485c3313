"""Shows that a signature's rows do not see each other, by its graph alone.

Each tensor between the inputs and the outputs of a signature is one of

- `Rows`: its first dimension is that of the inputs, and a row depends on the same row
  of the inputs and on no other;
- `Sizes`: whole numbers that depend on nothing of the inputs but the number of rows;
- `Fixed`: what depends on the inputs in no way, such as weights.

TensorFlow makes one graph of a signature's functions and knows its shapes; a rule for
each operation (`rules`) says what comes out of what goes in. Whatever has no rule, or
does not keep to it, is `Mixed`: rows may see each other. So a `True` here is a proof,
and a `False` means no more than that there is none.
"""
