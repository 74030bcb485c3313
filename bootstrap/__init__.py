"""Makes the project's environment in `.venv`: `python3 -m bootstrap`.

It picks one of the two locks in `requirements/`, fetches the pinned `uv` with the
machine's own pip, installs the lock by hash, byte-compiled, and puts the project
itself on top. When the environment is already right it does nothing.

It runs before anything is installed, so it uses the standard library only. Its code
also runs in Python 3.8: if a machine's `python3` is too old, the user gets one clear
line, or another, newer Python of the machine is used.
"""
