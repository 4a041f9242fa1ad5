"""What is behind the web page: webhooks and their deliveries, the clock, faults, and the vendors' inboxes."""

from __future__ import annotations

from aiohttp import web

from engine.chatwork.simulator.control import orders, reports
from engine.chatwork.simulator.control.common import read_order, webhook_of, world_of
from engine.chatwork.simulator.faults import Fault
from engine.chatwork.simulator.keys import COURIER
from engine.chatwork.simulator.vendors import Received

routes = web.RouteTableDef()


@routes.get("/_world/webhooks")
async def get_webhooks(request: web.Request) -> web.Response:
    """Every webhook."""
    return web.json_response([reports.webhook(webhook) for webhook in world_of(request).webhooks.values()])


@routes.post("/_world/webhooks")
async def post_webhook(request: web.Request) -> web.Response:
    """Register a webhook."""
    order = await read_order(request, orders.NewWebhook)
    world = world_of(request)
    webhook = world.add_webhook(
        world.account(order.account_id),
        order.url,
        order.events,
        room_id=order.room_id,
        setting_id=order.setting_id,
        token=order.token,
    )
    return web.json_response(reports.webhook(webhook))


@routes.put("/_world/webhooks/{setting}")
async def put_webhook(request: web.Request) -> web.Response:
    """Enable, disable, or point elsewhere."""
    order = await read_order(request, orders.WebhookChange)
    webhook = webhook_of(request)
    webhook.url = order.url or webhook.url
    if order.status is not None:
        webhook.enable(valid=order.status == "valid")
    return web.json_response(reports.webhook(webhook))


@routes.get("/_world/deliveries")
async def get_deliveries(request: web.Request) -> web.Response:
    """Every delivery and its fate, oldest first."""
    if request.query.get("settled") == "1":
        await request.app[COURIER].settled()
    return web.json_response([reports.delivery(delivery) for delivery in world_of(request).deliveries])


@routes.get("/_world/tally")
async def get_tally(request: web.Request) -> web.Response:
    """How many deliveries there were and how they ended, also those that are no longer listed."""
    return web.json_response(reports.tally(world_of(request).tally))


@routes.post("/_world/clock")
async def post_clock(request: web.Request) -> web.Response:
    """Move the clock ahead."""
    order = await read_order(request, orders.ClockMove)
    return web.json_response({"now": world_of(request).advance(order.advance)})


def _faults(request: web.Request) -> web.Response:
    return web.json_response([reports.fault(fault) for fault in world_of(request).faults.ordered])


@routes.get("/_world/faults")
async def get_faults(request: web.Request) -> web.Response:
    """Faults that are still to happen."""
    return _faults(request)


@routes.post("/_world/faults")
async def post_fault(request: web.Request) -> web.Response:
    """Order a fault."""
    order = await read_order(request, orders.NewFault)
    world_of(request).faults.order(Fault(kind=order.kind, count=order.count, method=order.method))
    return _faults(request)


@routes.delete("/_world/faults")
async def delete_faults(request: web.Request) -> web.Response:
    """All is well again."""
    world_of(request).faults.clear()
    return _faults(request)


@routes.post("/_vendors/{vendor}")
async def receive(request: web.Request) -> web.Response:
    """Take in whatever a vendor is sent."""
    world = world_of(request)
    inbox = world.inboxes[request.match_info["vendor"]]
    headers = {name.lower(): value for name, value in request.headers.items()}
    inbox.received.append(Received(at=world.now(), headers=headers, body=await request.read()))
    return web.Response(status=inbox.status)


@routes.get("/_world/vendors/{vendor}")
async def get_vendor(request: web.Request) -> web.Response:
    """Show what a vendor received."""
    return web.json_response(reports.inbox(world_of(request).inboxes[request.match_info["vendor"]]))


@routes.put("/_world/vendors/{vendor}")
async def put_vendor(request: web.Request) -> web.Response:
    """Choose what a vendor's inbox answers."""
    order = await read_order(request, orders.InboxSettings)
    inbox = world_of(request).inboxes[request.match_info["vendor"]]
    inbox.status = order.status
    return web.json_response(reports.inbox(inbox))


@routes.delete("/_world/vendors/{vendor}")
async def delete_vendor(request: web.Request) -> web.Response:
    """Empty a vendor's inbox."""
    inbox = world_of(request).inboxes[request.match_info["vendor"]]
    inbox.received.clear()
    return web.json_response(reports.inbox(inbox))
