"""The server: one table of routes, one middleware for errors. Handlers live beside their subject."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from api import (
    admin,
    certificate,
    changes,
    explore,
    export,
    faceted,
    families,
    feeds,
    health,
    helping,
    history,
    losses,
    match,
    metrics,
    openapi,
    pages,
    quarantine,
    reconcile,
    records,
    rendering,
    search,
    searchfeed,
    searchpage,
    similar,
    sourcepage,
    sources,
    subscriptions,
    thumbnails,
)
from api.clients import CLIENTS, limited
from api.node import NODE, Node
from api.problempage import problems
from api.slots import SLOTS, Slots

ROUTES = (
    web.get("/", searchpage.search),
    web.get("/facets/{name}", searchpage.facet),
    web.get("/help/search", pages.search_help),
    web.get("/explore", explore.explore),
    web.get("/explore/{name}.svg", explore.chart),
    web.get("/explore/{name}.csv", explore.rows),
    web.get("/sources", sourcepage.listed),
    web.get("/sources/{name}", sourcepage.shown),
    web.get("/sources/{name}/loss", pages.losses),
    web.get("/records/{id:.+}/family", families.shown),
    web.get("/records/{id:.+}/thumbnail", thumbnails.shown),
    web.get("/records/{id:.+}", records.landing),
    web.get("/api/v1/search", search.search),
    web.get("/api/v1/facets/{name}", faceted.facet),
    web.get("/api/v1/suggest", helping.suggest),
    web.post("/api/v1/match", match.match),
    web.get("/api/v1/reconcile", reconcile.service),
    web.post("/api/v1/reconcile", reconcile.service),
    web.get("/api/v1/reconcile/suggest/entity", reconcile.suggest_entity),
    web.get("/api/v1/reconcile/suggest/property", reconcile.suggest_property),
    web.get("/api/v1/reconcile/suggest/type", reconcile.suggest_type),
    web.get("/api/v1/reconcile/properties", reconcile.propose),
    web.get("/api/v1/reconcile/preview", reconcile.preview),
    web.get("/api/v1/records/{id:.+}/similar", similar.alike),
    web.get("/api/v1/export", export.export),
    web.get("/api/v1/certificate", certificate.certificate),
    web.post("/api/v1/certificate", certificate.certificate),
    web.post("/api/v1/rerun", certificate.rerun),
    web.get("/api/v1/records/{id:.+}/raw", records.raw),
    web.get("/api/v1/records/{id:.+}/history", history.versions),
    web.get("/api/v1/records/{id:.+}/family", families.family),
    web.get("/api/v1/records/{id:.+}", records.record),
    web.get("/api/v1/changes", changes.changes),
    web.get("/api/v1/diff", changes.diff),
    web.get("/api/v1/sources", sources.sources),
    web.get("/api/v1/sources/{name}", sources.source),
    web.get("/api/v1/sources/{name}/runs", sources.runs),
    web.get("/api/v1/sources/{name}/loss", losses.losses),
    web.get("/api/v1/quarantine", quarantine.listed),
    web.get("/api/v1/quarantine/{did}", quarantine.shown),
    web.get("/feeds/search.atom", searchfeed.atom),
    web.get("/feeds/search.json", searchfeed.json),
    web.get("/feeds/withdrawn.atom", feeds.withdrawn_atom),
    web.get("/feeds/withdrawn.json", feeds.withdrawn_json),
    web.post("/api/v1/subscriptions", subscriptions.subscribe),
    web.get("/api/v1/subscriptions/{token}", subscriptions.show),
    web.delete("/api/v1/subscriptions/{token}", subscriptions.delete),
    web.get("/unsubscribe/{token}", subscriptions.unsubscribe),
    web.get("/subscriptions/confirm/{challenge}", subscriptions.confirming),
    web.post("/subscriptions/confirm/{challenge}", subscriptions.confirm),
    web.get("/admin", admin.shown),
    web.get("/admin/log", admin.logged),
    web.get("/admin/login", admin.asking),
    web.post("/admin/login", admin.login),
    web.post("/admin/logout", admin.logout),
    web.post("/admin/actions", admin.do),
    web.get("/api/v1/admin/actions", admin.log_for_program),
    web.post("/api/v1/admin/actions", admin.do_for_program),
    web.get("/openapi.json", openapi.openapi),
    web.get("/docs", openapi.docs),
    web.get("/healthz", health.healthz),
    web.get("/readyz", health.readyz),
    web.get("/metrics", metrics.metrics),
    web.get("/web/{name:[a-z]+\\.(?:css|svg|js)}", rendering.web_file),
)


def create_app(node: Node) -> web.Application:
    """Build the server of a node; closing it closes the node's threads."""
    app = web.Application(middlewares=[metrics.measured, problems, limited])
    app[NODE], app[CLIENTS] = node, node.clients
    app[metrics.METRICS] = metrics.Metrics(node)
    app[SLOTS], app[export.SUMS] = Slots(node.exports), export.Sums()
    app.add_routes(ROUTES)
    app.cleanup_ctx.append(_threads)
    app.cleanup_ctx.append(explore.drawing)
    return app


async def _threads(app: web.Application) -> AsyncIterator[None]:
    yield
    if (fetching := app[NODE].thumbnails) is not None:
        await fetching.close()
    if (operated := app[NODE].admin) is not None:
        await operated.errands.close()
    app[SLOTS].close()
    app[NODE].close()
