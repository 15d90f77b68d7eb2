"""What an event is, what a listener is, and the one door through which events come in.

`EventManager` (manager.py) is the entry point: it checks a draft and hands it to the event
log. `codec.py` reads drafts from bytes, `listener.py` declares listeners, `registry.py` finds
the listeners of a type, `ports.py` says what the manager needs of others. This room knows the
kernel only: nothing of HTTP, SQL or the node.
"""
