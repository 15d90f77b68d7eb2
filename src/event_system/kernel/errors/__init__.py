"""The whole error tree, with a module for each area; all names are here.

Every error that can reach a user has a class, with a stable `code`, a `title` that never
changes, the HTTP `status` that it is answered with, and a `remedy`: how to mend it. The
`detail` says what and where in this one case. `root.py` has what all of them are.
"""

from __future__ import annotations

from event_system.kernel.errors.alerting import *
from event_system.kernel.errors.catalogue import *
from event_system.kernel.errors.client import *
from event_system.kernel.errors.events import *
from event_system.kernel.errors.incidents import *
from event_system.kernel.errors.listeners import *
from event_system.kernel.errors.metrics import *
from event_system.kernel.errors.oncall import *
from event_system.kernel.errors.overload import *
from event_system.kernel.errors.process import *
from event_system.kernel.errors.requests import *
from event_system.kernel.errors.root import *
from event_system.kernel.errors.rum import *
from event_system.kernel.errors.scheduling import *
from event_system.kernel.errors.servers import *
