"""What visitors of web pages experience, measured in their browsers.

The script `/rum.js` (sources in rum/ of the repository) sends a beacon a page view;
`BeaconIntake` (intake.py) is the entry point: it judges who sends, how much, and whether what is
said can be true, and hands numbers to a `Sink` (ports.py). Nothing of a visitor is kept: no
address, no name, no query, only counts by page. The room knows no HTTP framework.
"""
