"""A page to draw a digit on, served by the embedded server at ``/``.

``index.html`` is the whole of it: no build step, nothing loaded from elsewhere.
It asks the server it came from, by the REST calls anyone can make. It asks the
model named by, in this order: ``?model=`` in its address, the content of its
``<meta name="serving-model">`` (which a server may fill in), ``mnist``.
"""
