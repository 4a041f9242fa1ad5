"""How the control API shows the world: everything, and in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.chatwork.simulator.faults import Fault
    from engine.chatwork.simulator.model import Account, Message, Room
    from engine.chatwork.simulator.vendors import Inbox
    from engine.chatwork.simulator.webhooks import Delivery, Tally, Webhook
    from engine.chatwork.simulator.world import World

Report = dict[str, object]


def world(world: World) -> Report:
    """Who and what there is."""
    return {
        "now": world.now(),
        "accounts": [account(one) for one in world.accounts.values()],
        "rooms": [room(one) for one in world.rooms.values()],
    }


def account(account: Account) -> Report:
    """Show an account with its token."""
    return {
        "account_id": account.account_id,
        "name": account.name,
        "token": account.token,
        "room_id": account.room_id,
    }


def members(room: Room) -> dict[str, str]:
    """Who is in a room, and as what."""
    return {str(account_id): role.value for account_id, role in room.members.items()}


def room(room: Room) -> Report:
    """Show a room, seen from nobody's side."""
    return {
        "room_id": room.room_id,
        "name": room.name,
        "type": room.type.value,
        "members": members(room),
        "message_num": len(room.messages),
        "link_code": room.link.code if room.link else None,
    }


def message(world: World, message: Message) -> Report:
    """Show a message with who said it."""
    return {
        "message_id": str(message.message_id),
        "account_id": message.account_id,
        "name": world.account(message.account_id).name,
        "body": message.body,
        "send_time": message.send_time,
        "update_time": message.update_time,
    }


def webhook(webhook: Webhook) -> Report:
    """Show a webhook as its owner sees it."""
    return {
        "setting_id": webhook.setting_id,
        "account_id": webhook.account_id,
        "url": webhook.url,
        "token": webhook.token,
        "events": sorted(webhook.triggers),
        "room_id": webhook.room_id,
        "status": "valid" if webhook.valid else "invalid",
        "failures": webhook.failures,
    }


def delivery(delivery: Delivery) -> Report:
    """Show what became of a delivery."""
    return {
        "setting_id": delivery.webhook.setting_id,
        "event": delivery.trigger.value,
        "room_id": delivery.room_id,
        "message_id": str(delivery.message_id),
        "status": delivery.fate.value,
        "http_status": delivery.http_status,
        "reason": delivery.reason,
    }


def tally(tally: Tally) -> Report:
    """Show how many deliveries there were and how they ended."""
    ended = [
        {"status": fate.value, "http_status": http_status, "count": count}
        for (fate, http_status), count in tally.ended.items()
    ]
    return {"sent": tally.sent, "ended": ended}


def fault(fault: Fault) -> Report:
    """Show a fault that is still to happen."""
    return {"kind": fault.kind.value, "count": fault.count, "method": fault.method}


def inbox(inbox: Inbox) -> Report:
    """Show what a vendor received. Bodies are shown as text; a signature covers exactly these bytes."""
    received = [
        {"at": one.at, "headers": one.headers, "body": one.body.decode(errors="replace")} for one in inbox.received
    ]
    return {"status": inbox.status, "received": received}
