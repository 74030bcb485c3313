"""Makes the project's environment in `.venv`: `python3 -m bootstrap`.

It picks one of the two locks in `requirements/`, fetches the pinned `uv` with the
machine's own pip, installs the lock by hash, byte-compiled, and puts the project
itself on top. When the environment is already right it does nothing.

It runs before anything is installed, so it uses the standard library only, and it
keeps to what Python 3.8 understands, so that a machine whose `python3` is too old
is told so in one line (or is served by a newer Python that lies beside it).
"""
