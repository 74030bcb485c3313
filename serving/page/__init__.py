"""A page to draw a digit on, served by the embedded server at ``/``.

``index.html`` is the whole of it: no build step, nothing loaded from elsewhere.
It asks the server it came from, by the REST calls anyone can make, for the model
named by ``?model=`` in its address, ``mnist`` without.
"""
