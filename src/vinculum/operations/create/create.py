"""Making an archive: sources in, one committed archive out."""

from __future__ import annotations

import os
import stat
import time

from vinculum import _native
from vinculum.archive.statistics import Statistics
from vinculum.errors import Error
from vinculum.operations.create.content import ChunkStore, ContentReader, ContentUnreadable
from vinculum.operations.create.gathering import Gatherer, describe_os_error
from vinculum.operations.create.intake import Intake
from vinculum.operations.create.pipeline import run_pipeline
from vinculum.operations.create.reading import Reader
from vinculum.operations.create.reporting import Reporter
from vinculum.operations.create.roots import split_root
from vinculum.operations.create.walk import Walker, WalkRules, error_by_name
from vinculum.operations.create.writer import ArchiveWriter
from vinculum.platform import owners
from vinculum.platform.devices import readers_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vinculum.events import Sink
    from vinculum.operations.create.gathering import Bundle
    from vinculum.operations.create.options import CreateOptions, StandardInput
    from vinculum.operations.create.writer import SavedArchive
    from vinculum.operations.opened import OpenAnyCache


def _never() -> bool:
    return False


class Creation:
    """One archive in the making. Add sources in order, then `save`. Confined to one thread."""

    def __init__(
        self, opened: OpenAnyCache, options: CreateOptions, sink: Sink, stop_requested: Callable[[], bool] = _never
    ) -> None:
        key = opened.key
        self.statistics = Statistics()
        self._options = options
        self._sink = sink
        self._chunks = ChunkStore(opened, self.statistics, may_lag=True)
        self._writer = ArchiveWriter(opened, self._chunks, options, sink, stop_requested)
        chunker = _native.Chunker(options.chunker_params, key.chunk_seed)
        self._content = ContentReader(self._chunks, chunker, key.hasher, sink, sparse=options.sparse)
        # An empty cache is false, so `or` would throw it away.
        files = _native.FilesCache("d", 0) if opened.cache.files is None else opened.cache.files
        self._reader = Reader(chunker=chunker, hasher=key.hasher, index=self._chunks.index, files=files, sparse=options.sparse)
        reporter = Reporter(sink, self.statistics, options.reads_all_because)
        self._intake = Intake(chunks=self._chunks, files=files, content=self._content, writer=self._writer, reporter=reporter)
        self._gatherer = Gatherer(options.item_options, self._take_in, stop_requested, wants_files=sink.wants_files)

    def _take_in(self, bundle: Bundle) -> None:
        """Everything that happens to a bundle, here and now."""
        self._intake.store(self._reader.read(bundle))

    def walker(self, rules: WalkRules, skip: set[tuple[int, int]]) -> Walker:
        """What `add_trees` takes: it leaves out what is in `skip` (inode, device)."""
        take_tree = None if self._sink.wants_files else self._gatherer.take_tree
        return Walker(rules, self._gatherer, skip, take_tree)

    def add_trees(self, walker: Walker, roots: list[bytes]) -> None:
        """Archives one tree after the other, gathering, reading and storing at the same time."""

        def walk() -> None:
            for root in roots:
                walker.walk(root)

        _native.use_readers(readers_for(roots))
        if self._options.threads == 1:
            walk()
        else:
            run_pipeline(walk, self._gatherer, self._reader, self._intake)

    def add_paths(self, paths: Iterable[bytes]) -> None:
        """Archives each path by itself, without going into directories."""
        for path in paths:
            walked, archived = split_root(path)
            self._gatherer.begin(walked)
            try:
                entry = _native.scan_root(walked, archived)
            except OSError as error:
                self._gatherer.fail(walked, error_by_name(error, walked), "stat")
                continue
            self._gatherer.take(entry, 0, len(entry))
            if entry.kinds() == b"d":
                self._gatherer.note("d", walked)

    def add_pipe(self, fd: int, source: StandardInput) -> None:
        """Archives everything that comes out of `fd` as one regular file."""
        self._gatherer.flush()
        self._chunks.catch_up()  # what comes before is reported before
        fields = _pipe_fields(source)
        if self._sink.wants_files:
            self._sink.status("i", source.name)

        def encode(chunks: _native.ChunkList, part: dict[str, int | bytes]) -> _native.Bytes:
            sized = self._chunks.sized(chunks)
            return _native.encode_item({**fields, "size": sized.size_bytes, **part}, sized)

        def save_part(number: int, chunks: _native.ChunkList) -> None:
            path = source.name + b".borg_part_%d" % number
            self._writer.add_items(encode(chunks, {"path": path, "part": number}))
            self._writer.checkpoint()

        try:
            content = self._content.read(fd, source.name, self._writer.checkpoint_is_due, save_part)
        except ContentUnreadable as failure:
            error = OSError(failure.errno, os.strerror(failure.errno))
            self._sink.warning(*describe_os_error(source.name, error, "read"), path=source.name)
            return
        self._chunks.catch_up()
        self.statistics.add_files(1, content.size_bytes, self._chunks.sized(content).csize_bytes)
        self._writer.add_items(encode(content, {"hardlink_master": False}))

    def save(self) -> SavedArchive:
        """Takes in what is still waiting and commits the archive."""
        self._gatherer.flush()
        self._chunks.catch_up()  # so that every file is reported before the end is
        if self._sink.wants_progress:
            self._sink.archive_finished()
        return self._writer.save()


def _pipe_fields(source: StandardInput) -> dict[str, int | bytes | bool | dict[bytes, bytes | None] | None]:
    uid, gid = os.getuid(), os.getgid()
    user, group = owners.user_name(uid), owners.group_name(gid)
    if source.user is not None:
        user = os.fsencode(source.user)
        known = owners.user_id(user)
        if known is None:
            raise Error(f"no such user: {source.user}")
        uid = known
    if source.group is not None:
        group = os.fsencode(source.group)
        known = owners.group_id(group)
        if known is None:
            raise Error(f"no such group: {source.group}")
        gid = known
    now_ns = int(time.time()) * 1_000_000_000
    mode = source.mode & 0o107777 | stat.S_IFREG
    times = {"mtime": now_ns, "atime": now_ns, "ctime": now_ns}
    return {"path": source.name, "mode": mode, "uid": uid, "gid": gid, "user": user, "group": group, **times}


def read_separated(stream: Iterable[bytes], delimiter: bytes) -> Iterable[bytes]:
    """The pieces between delimiters of a byte stream that arrives in blocks; an empty last piece is dropped."""
    rest = b""
    for block in stream:
        *pieces, rest = (rest + block).split(delimiter)
        yield from pieces
    if rest:
        yield rest
