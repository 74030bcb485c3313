"""Proves from a signature's graph that its rows do not influence each other.

Each tensor between the inputs and the outputs of a signature is one of

- `Rows`: its first dimension is that of the inputs, and each row depends only on the
  same row of the inputs;
- `Sizes`: whole numbers that depend only on the number of rows of the inputs;
- `Fixed`: independent of the inputs, such as weights.

TensorFlow makes one graph of a signature's functions and infers its shapes. A rule for
each operation (`rules`) derives the kind of its outputs from the kinds of its inputs.
An operation without a rule, or one that breaks its rule, raises `Mixed`: rows may
influence each other. So a positive result is a proof; a negative one only means that
there is no proof.
"""
