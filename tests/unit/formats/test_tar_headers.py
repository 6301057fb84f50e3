"""Headers of tar members are those of `tarfile`, whatever they say."""

from __future__ import annotations

import tarfile

from hypothesis import example, given
from hypothesis import strategies as st

from vinculum.formats.tar_headers import Member, _any_header, gnu_header

KINDS = [tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE]
NAMES = st.one_of(
    st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name),
    st.integers(98, 102).map(lambda length: b"n" * length),
    st.sampled_from([b"directory/", "ä".encode(), b"\xff/\xfe"]),
)
NUMBERS = st.one_of(st.integers(0, 2**40), st.sampled_from([-1, 8**7 - 1, 8**7, 8**11 - 1, 8**11]))
MEMBERS = st.builds(
    Member,
    st.sampled_from(KINDS),
    NAMES,
    st.integers(0, 0o7777),
    NUMBERS,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    NAMES,
    NAMES,
    NAMES,
    st.none(),
)


@given(MEMBERS)
@example(Member(tarfile.REGTYPE, b"x" * 100, 0o644, 8**7 - 1, 0, 8**11 - 1, 8**11 - 1, b"y" * 100, b"u" * 40, b"g" * 32, None))
@example(Member(tarfile.BLKTYPE, b"device", 0o600, 0, 0, 0, 0, b"", b"", b"", (8, 1)))
def test_headers_are_those_of_tarfile(member: Member) -> None:
    assert gnu_header(member) == _any_header(member)
