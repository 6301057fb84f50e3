"""What a server makes of the arguments that a client sent."""

from __future__ import annotations

import pytest

from vinculum.errors import Error, InvalidRpcMethod
from vinculum.remote.messages import Request
from vinculum.remote.methods import METHODS, bind

ID = bytes(32)


def test_missing_arguments_have_defaults_and_unknown_ones_are_ignored() -> None:
    assert bind(Request(1, "open", {"path": b"/r\xff", "colour": 7})) == {
        "path": "/r\udcff",
        "create": False,
        "lock_wait": None,
        "lock": True,
        "exclusive": None,
        "append_only": False,
        "make_parent_dirs": False,
    }


def test_arguments_come_by_position_from_old_clients() -> None:
    assert bind(Request(1, "put", [ID, b"data"])) == {"id": ID, "data": b"data"}
    assert bind(Request(1, "open", [b"/r", True, 5, False]))["lock"] is False
    assert bind(Request(1, "commit", [False]))["compact"] is True


@pytest.mark.parametrize("method", ["", "close", "__init__", "__class__", "_open", "Open"])
def test_other_methods_do_not_exist(method: str) -> None:
    with pytest.raises(InvalidRpcMethod):
        bind(Request(1, method, {}))


@pytest.mark.parametrize(("method", "arguments"), [("scan", []), ("inject_exception", [b"divide"])])
def test_some_cannot_be_called_by_position(method: str, arguments: list[object]) -> None:
    with pytest.raises(InvalidRpcMethod):
        bind(Request(1, method, arguments))


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("get", {}),
        ("get", {"id": None}),
        ("get", {"id": b"short"}),
        ("get", {"id": bytes(33)}),
        ("get", {"id": [ID]}),
        ("get", [ID, ID]),
        ("put", {"id": ID}),
        ("put", {"id": ID, "data": 5}),
        ("list", {"limit": -1}),
        ("list", {"limit": True}),
        ("list", {"limit": 2**64}),
        ("list", {"marker": b""}),
        ("commit", {"threshold": b"0.1"}),
        ("commit", {"threshold": float("nan")}),
        ("commit", {"compact": 1}),
        ("check", {"max_duration": 1.5}),
        ("open", {"path": b"/r\0s"}),
        ("open", {"path": "/text"}),
        ("open", {"path": b"/r", "lock_wait": b"x"}),
        ("save_key", {"keydata": None}),
        ("commit_nonce_reservation", {"next_unreserved": -1, "start_nonce": None}),
        ("commit_nonce_reservation", {"next_unreserved": 2**64, "start_nonce": None}),
    ],
)
def test_wrong_arguments_are_errors(method: str, arguments: dict[str, object] | list[object]) -> None:
    assert method in METHODS
    with pytest.raises(Error):
        bind(Request(1, method, arguments))
