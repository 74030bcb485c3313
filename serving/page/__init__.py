"""A page that asks the served model, in a browser.

``index.html`` is the whole of it: no build step, nothing loaded from elsewhere. It asks
the server it came from, by the REST calls anyone can make, for the model named by
``?model=`` in its address, `mnist` without; what images and classes are, the model
tells it.
"""

from pathlib import Path

FILE = Path(__file__).with_name("index.html")
"""The page."""
