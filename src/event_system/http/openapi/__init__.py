"""The API described: an OpenAPI 3.1 document made from the routes themselves.

`document.py` makes it; `answers.py` says what routes answer, `bodies.py` what the intake
routes read, `examples.py` shows both. It must not know how anything is answered.
"""
