"""Setting flags, and ACLs from text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import acl as reference
from support.inode_flags import FLAG_NODUMP, change_flags, get_flags
from vinculum import _native
from vinculum.errors import IntegrityError

# -- flags -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", range(8))
def test_flags_come_back_and_leave_others_alone(flags: int, workplace: Path) -> None:
    path = workplace / "file"
    path.touch()
    no_atime = 0x80
    change_flags(os.fsencode(path), add=no_atime)
    before = get_flags(os.fsencode(path))
    fd = os.open(path, os.O_RDONLY)
    try:
        _native.set_flags(fd, flags)
        assert _native.get_flags(fd) == flags
        assert bool(get_flags(os.fsencode(path)) & FLAG_NODUMP) == bool(flags & 1)
        _native.set_flags(fd, 0)
        assert get_flags(os.fsencode(path)) == before
    finally:
        os.close(fd)


def test_what_has_no_flags_has_none() -> None:
    reader, writer = os.pipe()
    try:
        assert _native.get_flags(reader) == 0
    finally:
        os.close(reader)
        os.close(writer)


# -- ACLs --------------------------------------------------------------------------------------------------------------

PERMISSIONS = st.integers(0, 7)
IDS = st.integers(0, 2**32 - 2)
NAMES = st.sampled_from([b"alice", b"bob", b"staff", "grün".encode()])
NAMED = st.dictionaries(IDS, st.tuples(PERMISSIONS, st.none() | NAMES), max_size=5)


@st.composite
def acls(draw: st.DrawFn) -> tuple[list[reference.Entry], dict[int, bytes], dict[int, bytes]]:
    """Entries, and the names of users and groups."""
    users, groups = draw(NAMED), draw(NAMED)
    entries = [(tag, draw(PERMISSIONS), reference.NO_ID) for tag in (reference.USER_OBJ, reference.GROUP_OBJ, reference.OTHER)]
    entries += [(reference.USER, permissions, id_) for id_, (permissions, _) in users.items()]
    entries += [(reference.GROUP, permissions, id_) for id_, (permissions, _) in groups.items()]
    if users or groups or draw(st.booleans()):
        entries.append((reference.MASK, draw(PERMISSIONS), reference.NO_ID))
    named = [{id_: name for id_, (_, name) in holders.items() if name} for holders in (users, groups)]
    return entries, named[0], named[1]


@given(acls(), st.dictionaries(NAMES, IDS), st.dictionaries(NAMES, IDS), st.booleans())
@settings(deadline=None)
def test_acl_values_equal_the_twin(
    acl: tuple[list[reference.Entry], dict[int, bytes], dict[int, bytes]],
    users: dict[bytes, int],
    groups: dict[bytes, int],
    numeric_ids: bool,
) -> None:
    text = reference.text_of_entries(*acl)
    expected = reference.value_of_entries(reference.entries_of_text(text, numeric_ids, users, groups))
    assert _native.acl_from_text(text, numeric_ids, users, groups) == expected


@given(acls())
@settings(deadline=None)
def test_acl_values_come_back_from_texts(acl: tuple[list[reference.Entry], dict[int, bytes], dict[int, bytes]]) -> None:
    text = reference.text_of_entries(*acl)
    assert _native.acl_from_text(text, True, {}, {}) == reference.value_of_entries(acl[0])


def test_the_kernel_takes_the_value(workplace: Path) -> None:
    text = b"user::rwx\nuser:nobody-knows:r--:777\nuser:1:rw-:1\ngroup::r-x\ngroup:root:--x:0\nother::---"
    value = _native.acl_from_text(text, False, {b"nobody-knows": 5}, {})
    (workplace / "file").touch()
    os.setxattr(workplace / "file", "system.posix_acl_access", value)
    stored = os.getxattr(workplace / "file", "system.posix_acl_access")
    entries = {(tag, id_): permissions for tag, permissions, id_ in reference.entries_of_value(stored)}
    assert entries[reference.USER, 5] == 4
    assert entries[reference.MASK, reference.NO_ID] == 7


def test_an_empty_text_removes_the_default_acl(workplace: Path) -> None:
    name = "system.posix_acl_default"
    os.setxattr(workplace, name, reference.value_of_entries(reference.entries_of_mode(0o750)))
    os.setxattr(workplace, name, _native.acl_from_text(b"", False, {}, {}))
    assert name not in os.listxattr(workplace)


def test_three_field_entries_of_old_archives_are_understood() -> None:
    value = _native.acl_from_text(b"user::rwx\nuser:alice:r--\nuser:33:r--\n", False, {b"alice": 1234}, {})
    assert [entry[2] for entry in reference.entries_of_value(value)[1:3]] == [33, 1234]


@pytest.mark.parametrize(
    "text", [b"user", b"user:alice:rwx", b"user::rwq", b"mask:x:rwx", b"else::rwx", b"user:a:rwx:-1", b"\xff"]
)
def test_malformed_acls_are_integrity_errors(text: bytes) -> None:
    with pytest.raises(IntegrityError):
        _native.acl_from_text(text, False, {}, {})


def test_names_of_an_acl() -> None:
    users = b"user::rwx\nuser:alice:rwx:1\nuser:7:r--:7\n"
    groups = b"group::r-x\ngroup:DOM\\\\a\\040b:r--:2\ngroup:staff:r--:3\nmask::rwx\nother::---"
    assert _native.acl_names(users + groups) == ([b"alice", b"7"], [b"DOM\\a b", b"staff"])
