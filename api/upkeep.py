"""Metrics on what `headwater up` does beside harvesting: its appointments, and the alerts it tells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from api.due import shape_due
from index.past import pasts
from index.store import Store
from index.told import told_by


def appointments(store: Store) -> Iterator[Metric]:
    """Tell when each source was harvested last and is due next, as Unix time.

    A source has no next moment while a run is under way and where it is switched off, and no last one before
    a first run has ended: an alert on `time() - headwater_last_harvest_seconds` must not see a zero.
    """
    known, states = pasts(store), store.source_states()
    last = GaugeMetricFamily(
        "headwater_last_harvest_seconds", "When the last harvest ended, Unix time", labels=["source"]
    )
    coming = GaugeMetricFamily(
        "headwater_next_harvest_seconds", "When the next harvest is due, Unix time", labels=["source"]
    )
    for name, state in states.items():
        due = shape_due(name, state.card.get("schedule"), known.get(name))
        for family, stamp in ((last, due["last"]), (coming, due["next"])):
            if stamp is not None:
                family.add_metric([name], datetime.fromisoformat(stamp).timestamp())
    yield last
    yield coming


def alerts(store: Store) -> Iterator[Metric]:
    """Tell how many alerts each channel was told and how many could not be; both since it was set up.

    The figures stand in the store, so that they go on counting after a restart and in every process.
    """
    sent = CounterMetricFamily("headwater_alerts_told", "Alerts a channel has taken", labels=["channel"])
    failed = CounterMetricFamily(
        "headwater_alerts_failed", "Tries to tell a channel that failed", labels=["channel"]
    )
    for channel, (taken, refused) in told_by(store).items():
        sent.add_metric([channel], taken)
        failed.add_metric([channel], refused)
    yield sent
    yield failed
