"""POSIX ACLs between Borg's text and the kernel's binary value, written down line by line.

The oracle for `acl_from_text`, `acl_names` and the ACL texts in the items of a batch.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
NO_ID = 0xFFFFFFFF
KINDS = {USER_OBJ: b"user", USER: b"user", GROUP_OBJ: b"group", GROUP: b"group", MASK: b"mask", OTHER: b"other"}

Entry = tuple[int, int, int]  # tag, permissions, id


def entries_of_value(value: bytes) -> list[Entry]:
    assert value[:4] == b"\2\0\0\0"
    return sorted((tag, permissions, id_) for tag, permissions, id_ in struct.iter_unpack("<HHI", value[4:]))


def value_of_entries(entries: list[Entry]) -> bytes:
    ordered = sorted(entries, key=lambda entry: (entry[0], entry[2]))
    return b"\2\0\0\0" + b"".join(struct.pack("<HHI", *entry) for entry in ordered)


def entries_of_mode(mode: int) -> list[Entry]:
    return [(USER_OBJ, mode >> 6 & 7, NO_ID), (GROUP_OBJ, mode >> 3 & 7, NO_ID), (OTHER, mode & 7, NO_ID)]


def text_of_entries(entries: list[Entry], users: Mapping[int, bytes], groups: Mapping[int, bytes]) -> bytes:
    """Borg's text; an id without name stands for itself."""
    mask = next((permissions for tag, permissions, _ in entries if tag == MASK), 7)
    lines = []
    for tag, permissions, id_ in sorted(entries, key=lambda entry: (entry[0], entry[2])):
        letters = bytes(letter if permissions & bit else ord("-") for letter, bit in zip(b"rwx", (4, 2, 1), strict=True))
        if tag in {USER, GROUP_OBJ, GROUP} and permissions & ~mask:
            letters += b"\t"  # what is left of libacl's comment on the effective permissions
        if tag in {USER, GROUP}:
            number = b"%d" % id_
            name = (users if tag == USER else groups).get(id_, number)
            lines.append(b"%s:%s:%s:%s" % (KINDS[tag], name, letters, number))
        else:
            lines.append(b"%s::%s" % (KINDS[tag], letters))
    return b"\n".join(lines)


def entries_of_text(text: bytes, numeric_ids: bool, users: Mapping[bytes, int], groups: Mapping[bytes, int]) -> list[Entry]:
    """For well-formed texts without quoted names."""
    entries = []
    for line in text.split(b"\n"):
        if not line:
            continue
        kind, name, letters, *number = line.split(b":")
        permissions = sum(bit for letter, bit in zip(b"rwx", (4, 2, 1), strict=True) if letter in letters)
        if name:
            tag, known = (USER, users) if kind == b"user" else (GROUP, groups)
            local = None if numeric_ids else known.get(name)
            id_ = local if local is not None else int(number[0] if number else name)
        else:
            tag = {b"user": USER_OBJ, b"group": GROUP_OBJ, b"mask": MASK, b"other": OTHER}[kind]
            id_ = NO_ID
        entries.append((tag, permissions, id_))
    limited = [permissions for tag, permissions, _ in entries if tag in {USER, GROUP_OBJ, GROUP}]
    if any(tag in {USER, GROUP} for tag, _, _ in entries) and all(tag != MASK for tag, _, _ in entries):
        union = 0
        for permissions in limited:
            union |= permissions
        entries.append((MASK, union, NO_ID))
    return entries
