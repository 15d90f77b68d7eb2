"""Of what browsers report."""

from __future__ import annotations

from event_system.kernel.errors.root import EventSystemError


class RumDisabledError(EventSystemError):
    """The node takes no measurements of browsers."""

    code = "rum.disabled"
    title = "Measuring in browsers is switched off"
    status = 404
    remedy = "Set `rum.enabled: true`; docs/monitoring.md says what that measures."


class RumScriptMissingError(EventSystemError):
    """The product was built where there was no Node, so that it lacks the script for browsers."""

    code = "rum.no_script"
    title = "The script was not built"
    status = 404
    remedy = "Install Node 18 or newer with npm, and run `make serve` or build the package again."


class InvalidBeaconError(EventSystemError):
    """What a browser has sent is no beacon of `/rum.js`."""

    code = "rum.invalid"
    title = "Invalid beacon"
    status = 400
    remedy = "Let `/rum.js` of this version send the beacons; docs/monitoring.md has their form."


class ForeignOriginError(EventSystemError):
    """A page of another site has sent a beacon."""

    code = "rum.origin"
    title = "Beacons of this origin are not taken"
    status = 403
    remedy = "Name the page's origin in `rum.origins`, such as https://play.example."


class BeaconLimitError(EventSystemError):
    """More beacons came than the node takes."""

    code = "rum.limited"
    title = "Too many beacons"
    status = 429
    remedy = "Raise `rum.rate` or `rum.rate_per_address`, or lower `rum.sample`."
