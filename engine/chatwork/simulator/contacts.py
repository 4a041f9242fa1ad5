"""Requests to become somebody's contact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.chatwork.simulator import notation
from engine.chatwork.simulator.errors import bad_request, not_found
from engine.chatwork.simulator.model import Account, ContactRequest

if TYPE_CHECKING:
    from engine.chatwork.simulator.world import World


def ask(world: World, sender: Account, receiver: Account, message: str = "") -> ContactRequest:
    """Send a request, as people do in the web page."""
    if sender is receiver or receiver.account_id in sender.contacts:
        raise bad_request("They are contacts already")
    request = ContactRequest(
        request_id=world.next_id(), from_id=sender.account_id, to_id=receiver.account_id, message=message
    )
    world.requests[request.request_id] = request
    return request


def incoming(world: World, account: Account) -> list[ContactRequest]:
    """Return requests that wait for this account."""
    return [request for request in world.requests.values() if request.to_id == account.account_id]


def accept(world: World, account: Account, request_id: int) -> Account:
    """Become contacts; the direct chat begins with a notice."""
    request = _pop(world, account, request_id)
    sender = world.account(request.from_id)
    room = world.connect(account, sender)
    world.post(room, account.account_id, notation.CONTACT_ADDED)
    return sender


def reject(world: World, account: Account, request_id: int) -> None:
    """Decline without a word."""
    _pop(world, account, request_id)


def _pop(world: World, account: Account, request_id: int) -> ContactRequest:
    request = world.requests.get(request_id)
    if request is None or request.to_id != account.account_id:
        raise not_found("Request")
    return world.requests.pop(request_id)
