"""The native interface: every kernel that Python may call, and nothing else.

Each function or method does one *batch* with the GIL released. Bulk data travels in frozen handles (`Bytes`, `ChunkBatch`,
`SealedBatch`, `FileBatch` ...) that Python only passes on. Kernels never call back into Python. `docs/native-boundary.md`
lists the batch unit of each.

Conventions: an *id* is 32 bytes; `ids` arguments and results are n * 32 bytes end to end. File names, paths and texts from
disk are `bytes`. Sizes are bytes, times nanoseconds since 1970 UTC. Inputs are `bytes` or `Bytes` (immutable, so the kernel
may read them without the GIL). System call failures raise `OSError` with errno and filename; malformed stored data raises
`vinculum.errors.IntegrityError`; wrong arguments raise `ValueError`.
"""

from typing import Literal, TypeAlias, final

Blob: TypeAlias = bytes | Bytes
BuzhashParams: TypeAlias = tuple[Literal["buzhash"], int, int, int, int]
FixedParams: TypeAlias = tuple[Literal["fixed"], int, int]
HmacKind: TypeAlias = Literal["sha256", "sha512"]
IdKind: TypeAlias = Literal["sha256", "hmac-sha256", "blake2b"]
ListingPart: TypeAlias = bytes | tuple[str, str, int] | str | None
Trouble: TypeAlias = tuple[
    Literal["os", "path", "parent", "link", "kind", "attribute", "senseless", "size", "damaged"], int, bytes
]
CipherKind: TypeAlias = Literal["none", "aes-ctr-hmac-sha256", "aes-ctr-blake2b"]

def use_threads(count: int) -> None:
    """How many threads kernels may use instead of one for each core. Only the first call counts, before any kernel has run."""

def use_readers(count: int) -> None:
    """How many files may be read at the same time, as suits the device; 0 for as many as there are threads to read them.

    1 limits reading, not what is done with what was read. More than usual has to be asked for before anything is read.
    """

def keep_idle(size: int) -> None:
    """For programs that stay: no more than so much of the memory that kernels freed is kept for their next buffers."""

# -- memory ------------------------------------------------------------------------------------------------------------

@final
class Bytes:
    """Frozen bytes owned by the native side; supports the buffer protocol (read-only), so `memoryview` and `write` take it."""

    def __new__(cls, data: Blob) -> Bytes:
        """A copy of what came from elsewhere, as from another machine."""
    @staticmethod
    def read(fd: int) -> Bytes:
        """The whole content of an open file, from its beginning. OSError."""
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def slice(self, start: int, stop: int) -> Bytes:
        """The bytes from `start` to `stop` (clamped) as another handle on the same memory; no copy."""

# -- checksums ---------------------------------------------------------------------------------------------------------

def crc32(data: Blob, value: int = 0) -> int:
    """CRC-32 (zlib polynomial) of `data`, continuing from `value`."""

@final
class Xxh64:
    """Running XXH64 with seed 0. Confined to one thread at a time."""

    def __new__(cls) -> Xxh64: ...
    def update(self, data: Blob) -> None: ...
    def hexdigest(self) -> str:
        """16 hex digits, canonical (big-endian) order, of everything fed so far; feeding may go on."""

# -- hashing -----------------------------------------------------------------------------------------------------------

@final
class IdHasher:
    """Object ids of one key: sha256(data), HMAC-SHA256(key, data) or BLAKE2b-256(key || data). Immutable, thread-safe."""

    def __new__(cls, kind: IdKind, key: bytes = b"") -> IdHasher: ...
    def digest(self, data: Blob) -> bytes: ...
    def digest_many(self, buffers: list[Blob]) -> bytes:
        """The ids of all buffers, n * 32 bytes in order; BLAKE2b hashes four at a time."""

def derive_key(passphrase: bytes, salt: bytes, iterations: int, length: int) -> bytes:
    """A key from a passphrase, by PBKDF2-HMAC-SHA256."""

def derive_ahead(passphrase: bytes, salt: bytes, iterations: int, length: int) -> KeyToCome:
    """The same in the background."""

@final
class KeyToCome:
    """A key that is being derived in the background."""

    def wait(self) -> bytes:
        """The key, when it is there. ValueError if it was waited for before."""

def hmac(kind: HmacKind, key: bytes, data: bytes) -> bytes: ...
def is_hmac(kind: HmacKind, key: bytes, data: bytes, claimed: bytes) -> bool:
    """Compares in constant time."""

# -- chunking ----------------------------------------------------------------------------------------------------------

@final
class Chunker:
    """Cut rule for content: ("buzhash", min_exp, max_exp, mask_bits, window) or ("fixed", block, header). Immutable.

    `seed` is the key's chunk_seed (signed 32 bit; ignored by fixed). ValueError for parameters outside Borg's limits.
    """

    def __new__(cls, params: BuzhashParams | FixedParams, seed: int) -> Chunker: ...
    def cut(self, data: Blob) -> list[int]:
        """Sizes of the consecutive chunks of `data` taken as one whole file."""
    def recut(self, chunks: ChunkBatch, counts: list[int], hasher: IdHasher) -> tuple[ChunkBatch, list[int]]:
        """The new chunks of whole files whose old ones are given, `counts` for each; and how many new ones each has.

        ValueError if `counts` do not add up to the chunks.
        """

@final
class ChunkBatch:
    """Plaintext chunks with their ids, in order. Immutable, thread-safe.

    Whoever needs the ids first may have to compute them, together with those of other batches that are on their way.
    """

    @staticmethod
    def of(buffers: list[Blob], hasher: IdHasher) -> ChunkBatch:
        """One chunk per buffer, ids computed; the buffers are kept, not copied (for `bytes` they are copied once)."""
    def __len__(self) -> int: ...
    @property
    def size_bytes(self) -> int: ...
    def ids(self) -> bytes: ...
    def sizes(self) -> list[int]: ...
    def without(self, other: ChunkBatch) -> ChunkBatch:
        """The chunks whose ids do not occur in `other`."""
    def data(self, index: int) -> Bytes:
        """The plaintext of one chunk, no copy."""

@final
class ChunkList:
    """Content of one file: chunk ids and sizes in order. Append-only, thread-safe."""

    def __new__(cls) -> ChunkList: ...
    @staticmethod
    def of(ids: bytes, sizes: list[int], csizes: list[int]) -> ChunkList: ...
    def extend(self, chunks: ChunkBatch) -> None: ...
    def __len__(self) -> int: ...
    @property
    def size_bytes(self) -> int:
        """Sum of the plaintext sizes."""
    @property
    def csize_bytes(self) -> int:
        """Sum of the stored sizes as recorded (0 where unknown)."""
    def ids(self) -> bytes: ...
    def sizes(self) -> list[int]: ...
    def csizes(self) -> list[int]: ...
    def part(self, start: int, stop: int) -> ChunkList:
        """A copy of the entries from `start` to `stop`."""

@final
class FileReader:
    """Reads one open file or pipe to its end in batches of chunks. Confined to one thread at a time.

    The descriptor stays the caller's. With `sparse` and the fixed chunker, SEEK_DATA/SEEK_HOLE ranges are cut apart and holes
    are not read.
    """

    def __new__(cls, fd: int, chunker: Chunker, hasher: IdHasher, sparse: bool = False) -> FileReader: ...
    def read(self, batch_bytes: int) -> ChunkBatch:
        """The next chunks, at least one and up to about `batch_bytes`; an empty batch at the end of the file.

        From a slow source what is complete after about a second. Signal handlers run while it waits, and may raise.
        """

    def read_some(self, batch_bytes: int) -> ChunkBatch | None:
        """The same for a thread that has other things to look after: None if nothing is complete after about a second."""

@final
class StreamChunker:
    """Cuts a stream that is pushed in pieces, as the item stream is; same cuts as for the whole. Confined to one thread."""

    def __new__(cls, chunker: Chunker, hasher: IdHasher) -> StreamChunker: ...
    def feed(self, data: Blob) -> ChunkBatch:
        """Takes `data` and returns the chunks that are complete now."""
    def feed_batch(self, batch: ChunkBatch) -> ChunkBatch:
        """The same for a stream that comes in other chunks."""
    def finish(self) -> ChunkBatch:
        """Cuts what is left as if the stream ended here, and starts anew."""

# -- sealing -----------------------------------------------------------------------------------------------------------

@final
class Compressor:
    """A compression specification such as "lz4", "zstd,3", "auto,lzma,6" or "obfuscate,110,lz4". Immutable, thread-safe."""

    def __new__(cls, spec: str) -> Compressor: ...
    def compress(self, data: Blob) -> Bytes:
        """`data` with its compression header, as stored inside an envelope."""

def decompress(data: Blob) -> Bytes:
    """The plaintext of a compressed chunk, whatever its method. IntegrityError if it is damaged, unknown or a bomb."""

def aes256_ctr(key: bytes, counter: bytes, data: Blob) -> bytes:
    """AES-256 in CTR mode from the 16-byte counter block; the same call encrypts and decrypts."""

@final
class Sealer:
    """Compresses, encrypts and authenticates chunks into stored objects. Immutable, thread-safe.

    `type_byte` opens each envelope. `enc_key` is 32 bytes, `mac_key` 32 (HMAC) or 128 (BLAKE2b); both empty for "none".
    """

    def __new__(cls, type_byte: int, cipher: CipherKind, enc_key: bytes, mac_key: bytes, compressor: Compressor) -> Sealer: ...
    def counters(self, chunks: ChunkBatch) -> int:
        """How many AES counters `seal` may use for `chunks` at most (known before compressing); 0 for cipher "none"."""
    def seal(self, chunks: ChunkBatch, first_counter: int) -> SealedBatch:
        """Seals all chunks (in parallel); each uses its own counters from `first_counter` on, never more than `counters`."""
    def begin(self, chunks: ChunkBatch, first_counter: int) -> Sealing:
        """Begins to seal all chunks, and does not wait for the end. The same objects as those of `seal`."""

@final
class Sealing:
    """Chunks that are being sealed. Thread-safe; it may be dropped at any time."""

    def wait(self) -> SealedBatch:
        """The stored objects, once they are complete. Raises what `seal` would. ValueError the second time."""

@final
class SealedBatch:
    """Stored objects, laid out as the PUT entries of a segment file. Immutable, thread-safe."""

    def __len__(self) -> int: ...
    def ids(self) -> bytes: ...
    def sizes(self) -> list[int]:
        """Length of each stored object (envelope included, entry header not): the chunk's csize."""
    def object(self, index: int) -> Bytes:
        """One stored object, without the segment entry's header; no copy."""
    def fit(self, start: int, offset: int, limit: int) -> int:
        """Where to stop so that every entry from `start` begins at or below `limit`, if the first begins at `offset`."""
    def entries(self, start: int, stop: int) -> list[Bytes]:
        """The segment entries from `start` to `stop`, ready to be appended to a segment file, end to end in pieces; no copy."""
    def offsets(self, start: int, stop: int, offset: int) -> list[int]:
        """Where those entries begin in the segment if the first begins at `offset`."""

@final
class Opener:
    """Authenticates, decrypts, decompresses and verifies stored objects. Immutable, thread-safe.

    `type_bytes` are the envelope types it accepts. IntegrityError names the object that fails.
    """

    def __new__(
        cls, type_bytes: bytes, cipher: CipherKind, enc_key: bytes, mac_key: bytes, hasher: IdHasher | None
    ) -> Opener: ...
    def open(self, stored: Blob, id: bytes | None) -> Bytes:
        """The plaintext of one object; `id` None skips the id check (only the manifest is exempt)."""
    def open_many(self, stored: list[Blob], ids: bytes) -> list[Bytes]:
        """The plaintexts of several objects, opened in parallel."""
    def open_ahead(self, stored: list[Bytes], ids: bytes) -> ChunksToCome:
        """The same in the background."""
    def find_references(self, stored: list[Blob], ids: bytes, rules: ItemRules | None = None) -> ReferencesToCome:
        """Opens chunks of item streams and parses them, in parallel and in the background; judges their items by `rules`."""
    def find_damage(self, stored: list[Bytes], ids: bytes) -> DamageToCome:
        """Opens objects just to see whether that works, in parallel and in the background."""
    def measure(self, stored: list[Bytes], ids: bytes) -> SizesToCome:
        """Opens objects just to see how long their plaintexts are, in parallel and in the background."""
    def find_archives(self, stored: list[Bytes], ids: bytes) -> tuple[list[int], list[tuple[int, str]]]:
        """Opens objects, in parallel: the places of those that seem to describe archives, and what is wrong with others."""
    def open_batch(self, stored: list[Bytes], ids: bytes) -> BatchToCome:
        """Opens objects in parallel and in the background, as chunks to be stored again; nothing is hashed anew."""
    def packed_otherwise(self, stored: list[Bytes], chunks: ChunkBatch, compressor: Compressor) -> ChunkBatch:
        """Those of `chunks` whose objects (`stored`, in the same order) `compressor` would pack by another method.

        Levels do not count. Where `auto` tries its expensive method, that method is meant, whether it turns out better or not.
        """

@final
class ChunksToCome:
    """Plaintexts of objects that are being opened in the background."""

    def wait(self) -> list[Bytes]:
        """The plaintexts, when they are there. ValueError if they were waited for before."""

@final
class BatchToCome:
    """Chunks that are being opened in the background."""

    def wait(self) -> ChunkBatch:
        """The chunks, when they are there. ValueError if they were waited for before."""

@final
class SizesToCome:
    """Sizes of plaintexts that are being opened in the background."""

    def wait(self) -> list[int]:
        """The sizes, when they are there. IntegrityError if one could not be opened."""

# -- remote protocol ---------------------------------------------------------------------------------------------------

# What it is, the number of its first message, and what it holds; the numbers are consecutive.
RequestRun: TypeAlias = (
    tuple[Literal["puts"], int, SealedBatch] | tuple[Literal["gets"], int, bytes] | tuple[Literal["other"], int, Bytes]
)
ReplyRun: TypeAlias = (
    tuple[Literal["acknowledged"], int, int] | tuple[Literal["objects"], int, list[Bytes]] | tuple[Literal["other"], int, Bytes]
)

@final
class MessageFramer:
    """Cuts a stream of msgpack objects into messages, whatever a peer sends. Thread-safe.

    The limits are those of one message: bytes, elements of an array, entries of a map, maps and arrays in all.
    """

    def __new__(cls, max_message: int, max_array: int, max_map: int, max_containers: int) -> MessageFramer: ...
    def feed(self, data: Blob) -> None:
        """Takes the next bytes of the stream; nothing more after what is malformed."""
    def pending_bytes(self) -> int:
        """How much there is of a message that is not complete."""
    def messages(self) -> list[Bytes]:
        """Takes out what is complete. Once there is nothing more, ValueError if what follows is malformed."""
    def requests(self) -> list[RequestRun]:
        """The same, in runs: puts (of distinct ids, none the manifest's, none too large to be stored), gets, and any other
        message by itself (its number is 0 here)."""
    def replies(self) -> list[ReplyRun]:
        """The same, in runs: how many results without a value, objects, and any other message by itself."""

def encode_calls(method: bytes, first: int, ids: bytes) -> Bytes:
    """A call of `method` for each id, numbered from `first`."""

def encode_puts(first: int, sealed: SealedBatch, start: int, stop: int) -> Bytes:
    """A put for each object of the batch from `start` to `stop`, numbered from `first`."""

def encode_acknowledgements(first: int, count: int) -> Bytes:
    """Results without a value."""

def encode_objects(first: int, objects: list[Bytes]) -> list[Bytes]:
    """Results that are objects, as pieces to be sent one behind the other; large objects are not copied."""

@final
class Pump:
    """Moves bytes to and from a child in a thread of its own, so many of them ahead in either direction. Thread-safe.

    Both pipes must not block; they are duplicated. Nothing here waits.
    """

    def __new__(cls, to_child: int, from_child: int, send_capacity: int, receive_capacity: int) -> Pump: ...
    def fileno(self) -> int:
        """What is readable once `ready` may answer something new."""
    def ready(self) -> tuple[bool, bool]:
        """Whether there is room for something to be sent, and whether something was received (or nothing will be any more)."""
    def send(self, pieces: list[Blob]) -> int:
        """Takes as many of the pieces as there is room for; returns their bytes. BrokenPipeError if nobody reads them."""
    def unsent_bytes(self) -> int: ...
    def receive(self) -> Bytes | None:
        """Some of what was received, None if nothing was, empty if nothing will be any more."""
    def stop_sending(self) -> None:
        """Closes the pipe to the child; what was not sent is forgotten."""
    def stop(self) -> None:
        """Ends the thread and lets go of the pipes."""

# -- index -------------------------------------------------------------------------------------------------------------

@final
class RepositoryIndex:
    """id -> (segment, offset), with Borg's table layout, growth and iteration order. Thread-safe."""

    def __new__(cls, capacity: int = 0) -> RepositoryIndex: ...
    @staticmethod
    def load(data: Blob) -> RepositoryIndex:
        """From the bytes of an index file; IntegrityError if they are not one."""
    def save(self) -> Bytes:
        """The bytes of the index file."""
    def __len__(self) -> int: ...
    def __contains__(self, id: bytes, /) -> bool: ...
    def get(self, id: bytes) -> tuple[int, int] | None: ...
    def set(self, id: bytes, segment: int, offset: int) -> None: ...
    def pop(self, id: bytes) -> tuple[int, int] | None:
        """Removes and returns the position, None if absent."""
    def set_many(self, ids: bytes, segment: int, offsets: list[int]) -> None: ...
    def get_many(self, ids: bytes) -> list[tuple[int, int] | None]: ...
    def locate(self, ids: bytes) -> list[tuple[int, bytes, list[int], list[int]]]:
        """Where all of them are: (segment, ids, offsets, places in the list) by segment, in each by offset.

        KeyError with the first unknown id in hex.
        """
    def known(self, ids: bytes) -> bytes:
        """Those of the ids that are in the index, in their order."""
    def remove_many(self, ids: bytes) -> None:
        """Removes the ids; KeyError without change if one is absent."""
    def ids(self, marker: bytes | None = None, limit: int | None = None) -> list[bytes]:
        """Up to `limit` ids in table order, after `marker`; KeyError for an unknown marker."""
    def in_disk_order(self) -> DiskOrder:
        """All entries as they are now, by segment and offset."""
    def differences(self, other: RepositoryIndex) -> list[tuple[bytes, tuple[int, int] | None, tuple[int, int] | None]]:
        """(id, position here, position there) where two indexes do not agree, None where an id is not known."""
    def replay(self, entries: SegmentEntries, segment: int) -> Replay:
        """Applies the PUTs and DELETEs of one segment in order and reports what they superseded."""

@final
class DiskOrder:
    """The entries of an index in the order of the segment files. Confined to one thread."""

    def next(self, most_bytes: int) -> tuple[int, bytes, list[int]] | None:
        """The next ones that lie in one segment within about so many bytes: (segment, ids, offsets); None at the end."""

@final
class Replay:
    """What applying a segment did to the index, for the bookkeeping of hints. Immutable."""

    @property
    def puts(self) -> int: ...
    @property
    def put_bytes(self) -> int:
        """Sum of the sizes of all PUT entries, headers included."""
    @property
    def superseded(self) -> list[tuple[bytes, int, int]]:
        """Per PUT of a key that was known: (id, its old segment, size of the *new* entry), in order."""
    @property
    def deleted(self) -> list[tuple[bytes, int, int]]:
        """Per DELETE of a key that was known: (id, its old segment, its old offset), in order."""

@final
class ChunkIndex:
    """id -> (refcount, size, csize), in Borg's chunks format. Thread-safe. Counts stick at 4294966271."""

    def __new__(cls, capacity: int = 0) -> ChunkIndex: ...
    @staticmethod
    def load(data: Blob) -> ChunkIndex: ...
    def save(self) -> Bytes: ...
    def save_compact(self) -> Bytes:
        """The bytes in compact form (no empty buckets), as chunks.archive.d holds them."""
    def __len__(self) -> int: ...
    def __contains__(self, id: bytes, /) -> bool: ...
    def get(self, id: bytes) -> tuple[int, int, int] | None: ...
    def set(self, id: bytes, refcount: int, size: int, csize: int) -> None: ...
    def add(self, id: bytes, refcount: int, size: int, csize: int) -> int:
        """Raises the count by `refcount` (inserting if absent; a csize or size of 0 is completed); returns the new count."""
    def add_references(self, ids: bytes) -> None:
        """Raises the count of each id by one. KeyError if one is absent."""
    def assume(self, ids: bytes) -> None:
        """Enters ids that are stored, though nobody knows how large or how often used: counts that stick, sizes of 0."""
    def csizes(self, ids: bytes) -> list[int]:
        """The stored size of each id. KeyError if one is absent."""
    def remove_references(self, ids: bytes) -> bytes:
        """Lowers the count of each id by one; returns the ids that reached zero and were removed. KeyError if absent."""
    def missing(self, ids: bytes) -> bytes:
        """One byte per id: 1 if it is not in the index, else 0."""
    def claim(self, chunks: ChunkBatch) -> ChunkBatch:
        """Adds one reference per chunk and returns those that were new: exactly one caller gets each id to store.

        New entries have csize 0 until `settle`.
        """
    def settle(self, sealed: SealedBatch) -> None:
        """Records the stored size of claimed chunks once they are sealed."""
    def merge(self, other: ChunkIndex) -> None:
        """Adds every count of `other` to this index."""
    def count_items(self, stream: ItemStream, data: Blob) -> None:
        """Feeds a piece of an item stream and adds one reference per chunk entry in it (cache synchronisation)."""
    def release(self, ids: bytes) -> Released:
        """Gives up one reference per id. KeyError without change if one is absent."""
    def release_items(self, stream: ItemStream, data: Blob, with_parts: bool) -> Released:
        """Feeds a piece of an item stream and gives up one reference per chunk entry in it; KeyError if a chunk is absent.

        Sizes of part files count only `with_parts`.
        """
    def release_references(self, stream: ItemStream, chunks: list[ItemReferences], with_parts: bool) -> tuple[Released, int]:
        """Gives up one reference per chunk of an item stream, and per chunk entry in it; KeyError if a chunk is absent.

        Also returns how many were taken, as `ReferenceTally.count`; what is left goes to `release_items`.
        """
    def usage(self) -> tuple[int, int, int, int, int, int]:
        """(total size, total csize, unique size, unique csize, unique chunks, total chunks) over all entries."""
    def unsized_ids(self) -> bytes:
        """The entries whose csize is 0, that is unknown."""
    def ids(self) -> list[bytes]: ...

@final
class Released:
    """What giving up references came to. Immutable."""

    @property
    def orphans(self) -> bytes:
        """The chunks that nothing refers to any more, in the order in which that happened."""
    @property
    def size(self) -> int:
        """Sum of the sizes, once per reference."""
    @property
    def csize(self) -> int: ...
    @property
    def freed(self) -> int:
        """The part of `csize` that belonged to the orphans."""
    @property
    def damage(self) -> str | None:
        """What ended the reading of an item stream early."""

@final
class ItemStream:
    """Parsing state between the pieces of one item stream. Confined to one thread."""

    def __new__(cls) -> ItemStream: ...
    @property
    def is_between_items(self) -> bool:
        """Whether all that was fed belongs to complete items."""

@final
class ItemReferences:
    """What one chunk of an item stream refers to, parsed without the chunks before it. Immutable.

    Where the first item begins is a guess, which is checked when the chunk is taken as the next one of a stream.
    """

    @property
    def head_bytes(self) -> int:
        """How much of the chunk is only parsed once what came before it is known."""
    @property
    def memory_bytes(self) -> int:
        """About how much memory this takes."""

@final
class ReferencesToCome:
    """References that are being found in the background. Thread-safe."""

    def wait(self) -> list[ItemReferences]:
        """The references in the order of the chunks, once. IntegrityError names the object that could not be opened."""

@final
class ReferenceTally:
    """Counts references for many archives, adding up once what a chunk that they share refers to. Thread-safe.

    One tally goes with one index, which is complete after `settle`.
    """

    def __new__(cls) -> ReferenceTally: ...
    def count(self, index: ChunkIndex, stream: ItemStream, chunks: list[ItemReferences]) -> int:
        """Adds one reference per chunk of an item stream, and per chunk entry in it.

        Returns how many were taken. If not all were, the next one was parsed wrongly: the rest of its content, after its head,
        is still to be fed to `count_items`.
        """
    def settle(self, index: ChunkIndex) -> None: ...

@final
class ContentUsage:
    """Counts the references of one archive against an index as it was when this was made. Thread-safe.

    KeyError for a reference to what the index does not know.
    """

    def __new__(cls, index: ChunkIndex) -> ContentUsage: ...
    def count(self, stream: ItemStream, chunks: list[ItemReferences]) -> int:
        """Goes on in an item stream. Returns how many chunks were taken, as `ReferenceTally.count` does."""
    def count_piece(self, stream: ItemStream, piece: Blob) -> None:
        """The same with what was not taken."""
    def sums(self) -> tuple[int, int, int, int, int, int]:
        """As `ChunkIndex.usage`, of all references; unique is what nothing else in the index refers to."""

# -- checking ----------------------------------------------------------------------------------------------------------

@final
class DamageToCome:
    """Damage that is being looked for in the background. Thread-safe."""

    def wait(self) -> list[tuple[int, str]]:
        """(place, what is wrong) of each object that could not be opened; once."""

@final
class ItemRules:
    """What items must be like; `further_keys` are fields that they may have beside the usual ones. Immutable."""

    def __new__(cls, further_keys: list[bytes]) -> ItemRules: ...

@final
class ArchiveSurvey:
    """The objects of a repository, and which of them archives refer to. Thread-safe."""

    def __new__(cls, ids: bytes, rules: ItemRules) -> ArchiveSurvey: ...
    def __len__(self) -> int: ...
    def __contains__(self, id: bytes, /) -> bool: ...
    def add(self, ids: bytes) -> None:
        """Enters objects that were stored since; nothing refers to them yet."""
    def remove(self, ids: bytes) -> None:
        """Takes out objects that were deleted."""
    def begin(self) -> None:
        """Begins with an archive."""
    def abandon(self) -> None:
        """Forgets the references that were noted since."""
    def examine(self, stream: ItemStream, chunks: list[ItemReferences]) -> tuple[int, bool]:
        """Notes references to chunks of an item stream, and in them.

        Returns how many were taken, as `ReferenceTally.count`, and whether they are flawless: nothing is missing, and the rules
        that they were parsed by object to nothing.
        """
    def examine_rest(self, stream: ItemStream, data: Blob) -> bool:
        """The same for what is left of a chunk."""
    def flawed(self, items: list[Item]) -> list[int]:
        """Which of the items lost content, now or before, or have another size than their chunks."""
    def refer(self, ids: bytes) -> bool:
        """Notes references; False if one of the objects is not there."""
    def refer_to_content(self, items: list[Item]) -> None:
        """Notes the references in the items; chunks that are not there do not matter."""
    def unused(self) -> bytes:
        """The ids of all objects that nothing refers to."""

@final
class ItemSalvage:
    """Gets items out of a damaged item stream. Confined to one thread."""

    def __new__(cls, rules: ItemRules) -> ItemSalvage: ...
    def feed(self, data: Blob) -> tuple[list[Item], list[str]]:
        """The items that are complete now, and what is wrong with the rest."""
    def skip(self) -> None:
        """Tells that the next piece is lost."""
    def finish(self) -> tuple[list[Item], list[str]]:
        """What the end of the stream brings to light."""
    def unknown_keys(self) -> list[bytes]:
        """The fields of items so far that are not permitted."""

# -- segments ----------------------------------------------------------------------------------------------------------

@final
class SegmentEntries:
    """The entries of one segment in order, without their data. Immutable."""

    def __len__(self) -> int: ...
    def tags(self) -> bytes:
        """One byte per entry: 0 PUT, 1 DELETE, 2 COMMIT."""
    def keys(self) -> bytes:
        """32 bytes per entry, zeros for COMMIT."""
    def offsets(self) -> list[int]: ...
    def sizes(self) -> list[int]: ...
    @property
    def size_bytes(self) -> int:
        """Length of the part of the file that was read."""

def scan_segment(fd: int) -> SegmentEntries:
    """All entries of a segment file, every CRC verified; IntegrityError says what is wrong at which offset."""

def scan_segments(fds: list[int]) -> list[SegmentEntries | str | OSError]:
    """The same for several files in parallel; for one that is damaged what is wrong with it, or why it cannot be read."""

def read_objects(fd: int, ids: bytes, offsets: list[int]) -> list[Bytes]:
    """The data of the PUT entries at the offsets, CRC and key verified; IntegrityError if an entry is not what it should be."""

def entry_sizes(fd: int, ids: bytes, offsets: list[int]) -> list[int]:
    """The sizes of the PUT entries at the offsets, headers included; IntegrityError if one is not that of its id."""

def encode_deletes(ids: bytes) -> Bytes:
    """One DELETE entry per id, ready to be appended to a segment file."""

def find_entries(fd: int) -> list[tuple[int, int]]:
    """(start, stop) of each run of valid entries in a damaged segment file, wherever they begin."""

# -- compaction --------------------------------------------------------------------------------------------------------

@final
class ShadowIndex:
    """id -> segments that hold a superseded PUT of it, in the order in which ids were noted. Thread-safe."""

    def __new__(cls) -> ShadowIndex: ...
    @staticmethod
    def load(data: Blob) -> ShadowIndex:
        """From the msgpack map in a hints file; IntegrityError if it is none."""
    def save(self) -> Bytes:
        """That map."""
    def __len__(self) -> int: ...
    def get(self, id: bytes) -> list[int] | None:
        """The segments; none are left if the list is empty, nothing is known of the id if it is None."""
    def add_many(self, ids: bytes, segment: int) -> None:
        """Notes that a PUT of each id in a segment was superseded."""
    def forget_after(self, segment: int) -> None:
        """Drops all segments above this one."""

@final
class MovedEntries:
    """What a compaction keeps of a stretch of a segment: current PUTs, and DELETEs that an older PUT would come back without.

    Immutable. `read` and append it at the target: the index has the new places already.
    """

    def __new__(
        cls,
        entries: SegmentEntries,
        start: int,
        segment: int,
        index: RepositoryIndex,
        shadows: ShadowIndex,
        *,
        is_stable: bool,
        target: int,
        offset: int,
        limit: int,
        most: int,
        is_new: bool,
    ) -> MovedEntries:
        """Goes through the entries of `segment` from `start` on as far as segment `target` takes them at `offset`.

        That is: none begins beyond `limit`, the manifest only begins a segment (`is_new`), and they have no more than `most`
        bytes, unless it is one. `shadows` loses what was left behind. DELETEs go only if `is_stable`: if the segment, and
        the deletions of others before it, have certainly reached the disk.
        """
    def __len__(self) -> int:
        """How many entries have to be copied."""
    @property
    def stop(self) -> int:
        """The first entry that was not looked at."""
    @property
    def needs_segment(self) -> bool:
        """True if that one has to go into another segment."""
    @property
    def puts(self) -> int:
        """How many of them are PUTs."""
    @property
    def delete_bytes(self) -> int:
        """Sum of the sizes of the others."""
    @property
    def superseded_bytes(self) -> int:
        """Sum of the sizes of the PUTs that were left behind, headers included."""
    def read(self, fd: int) -> Bytes:
        """The entries as they are in their segment; IntegrityError if one is not what it was any more."""

# -- scanning ----------------------------------------------------------------------------------------------------------

@final
class DirectoryListing:
    """The entries of one directory in inode order, each with its statx result. Immutable; keeps its directory open."""

    def __len__(self) -> int: ...
    @property
    def path(self) -> bytes:
        """The directory as it was walked to; empty for the listing of a root."""
    @property
    def errno(self) -> int:
        """Why the directory could be opened but not read (then there are no entries); else 0."""
    def names(self) -> list[bytes]:
        """The names in the directory; for the listing of a root its whole path."""
    def paths(self) -> list[bytes]:
        """The entries as walked to: `path` joined with the names."""
    def path_of(self, index: int) -> bytes:
        """One of them."""
    def kinds(self) -> bytes:
        """One letter per entry: f regular, d directory, l symlink, p fifo, c and b devices, s socket, ? other."""
    def device(self, index: int) -> int: ...
    def identity(self, index: int) -> tuple[int, int]:
        """Inode and device."""
    def attributes_errno(self, index: int) -> int:
        """Why the attributes of a directory could not be listed when it was scanned; 0 if they could, or were not asked for."""
    def nodump(self) -> list[int]:
        """Indices of the entries that carry the nodump flag."""
    def failures(self) -> list[tuple[bytes, int]]:
        """(path, errno) of names that could be listed but not examined; they are not among the entries."""

def scan_root(
    path: bytes,
    archived: bytes,
    asks_attributes: bool = False,
    everything: tuple[int | None, set[tuple[int, int]]] | None = None,
) -> DirectoryListing:
    """A listing of one entry: `path` itself (not followed if a symlink), which archives store as `archived`.

    `asks_attributes` has directories asked for the names of their extended attributes as they are scanned, here and below.
    `everything` says that all directories here and below will be entered (on one device, if one is given, and none whose inode
    and device are in the set), so that they may be scanned ahead without being announced.
    """

def scan_ahead(listing: DirectoryListing, indices: list[int]) -> None:
    """Tells that these entries will be scanned next, in this order: other threads begin with it."""

def scan_directory(listing: DirectoryListing, index: int) -> DirectoryListing:
    """The content of the directory that is entry `index`, opened relative to its parent, never through a symlink.

    OSError if it cannot be opened or is another directory than the one listed.
    """

# -- files -------------------------------------------------------------------------------------------------------------

@final
class PlainWalk:
    """A walk through all that a directory leads to, as far as `everything` of its root says. Confined to one thread."""

    def __new__(cls, listing: DirectoryListing) -> PlainWalk:
        """Begins with the first entry of a directory. ValueError if its root was not scanned with `everything`."""
    @property
    def has_ended(self) -> bool: ...
    def fill(self, batch: FileBatch) -> list[tuple[int, bytes, int, str]]:
        """Adds entries until the batch is full, the end is reached, or many directories were entered.

        Returns what could not be listed or entered, each with the number of entries before: (before, path, errno, operation).
        Operations: dir_open, listxattr, scandir (entered, and empty therefore), stat.
        """

@final
class ItemOptions:
    """What to record of a file. Immutable."""

    def __new__(
        cls,
        *,
        numeric_ids: bool = False,
        atime: bool = False,
        ctime: bool = True,
        birthtime: bool = True,
        flags: bool = True,
        acls: bool = True,
        xattrs: bool = True,
        read_special: bool = False,
        files_changed: Literal["ctime", "mtime", "disabled"] = "ctime",
        sparse: bool = False,
    ) -> ItemOptions: ...

@final
class OwnerNames:
    """uid -> user name and gid -> group name, filled by Python. Thread-safe."""

    def __new__(cls) -> OwnerNames: ...
    def set_user(self, uid: int, name: bytes | None) -> None: ...
    def set_group(self, gid: int, name: bytes | None) -> None: ...
    def unknown(self, batch: FileBatch) -> tuple[list[int], list[int]]:
        """uids and gids that occur in the batch and have no name here yet."""

@final
class HardLinks:
    """(inode, device) -> archived path of the first visited link. Thread-safe."""

    def __new__(cls) -> HardLinks: ...
    def __len__(self) -> int: ...

@final
class FilesCache:
    """path hash -> age, inode, size, time and chunk ids, in Borg's files format. Thread-safe.

    `mode` is a set of letters: c or m (ctime, mtime), i inode, s size, r rechunk, d disabled.
    """

    def __new__(cls, mode: str, ttl: int) -> FilesCache: ...
    def load(self, data: Blob) -> None:
        """Takes the records of a files cache, every age raised by one; IntegrityError if they are not well formed."""
    def save(self) -> Bytes:
        """The records worth keeping (docs/format/client-state.md: age, ttl, strictly older than the newest file read)."""
    def __len__(self) -> int: ...

@final
class FileBatch:
    """A run of files in walk order on its way into an archive. Stages are called in this order, one at a time per batch:

    add* -> link -> match -> read -> claim (seal, put, settle) -> encode -> memorize.
    """

    def __new__(
        cls, options: ItemOptions, *, max_entries: int = ..., max_bytes: int = ..., max_listings: int = ...
    ) -> FileBatch:
        """A batch that is full with so many entries, so many bytes in regular files, or more listings (open directories)."""
    def add(self, listing: DirectoryListing, start: int, stop: int) -> int:
        """Appends entries of a listing until the batch is full, and returns where it stopped.

        Sockets and unknown kinds are left out.
        """
    def __len__(self) -> int: ...
    @property
    def is_full(self) -> bool: ...
    def link(self, links: HardLinks) -> None:
        """Marks later links of a file already seen as such, and remembers first links."""
    def match(self, cache: FilesCache, chunks: ChunkIndex, hasher: IdHasher, cwd: bytes) -> None:
        """Marks regular files that the cache knows as unchanged, chunks and all; `cwd` makes paths absolute."""
    def read(self, chunker: Chunker, hasher: IdHasher, max_file_bytes: int) -> None:
        """Reads attributes of every entry and content of changed regular files up to `max_file_bytes` (in parallel).

        Failures stay inside the batch (see `failures`) and leave their entry out of `encode`.
        """
    def large(self) -> list[int]:
        """Entries whose content is still to be read: bigger than `max_file_bytes`, or special files to be read."""
    def bereft(self) -> list[int]:
        """Entries that `claim` found to have lost a chunk: they are to be read like large ones."""
    def may_wait(self, index: int) -> bool:
        """Whether opening or reading the entry may have to wait for another program, as for the writer of a fifo."""
    def open_large(self, index: int) -> int:
        """A descriptor of that entry, checked to be the file that was listed; the caller closes it. OSError if it is not."""
    def end_large(self, index: int, fd: int) -> None:
        """Notes that a large entry was read to its end, and whether the file changed meanwhile: it is large no more."""
    def finish_large(self, index: int, chunks: ChunkList) -> None:
        """Sets the content of an entry that was read to its end."""
    def fail_large(self, index: int, errno: int, was_opened: bool) -> None:
        """Leaves a large entry out because opening or reading it failed. A hard link of it later in this batch becomes so."""
    def failures(self) -> list[tuple[int, bytes, int, str]]:
        """(entry, path, errno, operation) of each entry that could not be read; errno 0 with operation "race" for a file that
        was replaced meanwhile. Operations: open, dir_open, fstat, read, readlink, listxattr, getxattr (of an ACL), race."""
    def unreadable_attributes(self) -> list[tuple[int, bytes, int]]:
        """(entry, name, errno) of each extended attribute that could not be read, and that its entry goes without."""
    def claim(self, chunks: ChunkIndex, start: int = 0, stop: int = ...) -> ChunkBatch:
        """References the chunks of the entries from `start` to `stop`; returns the ones to store, freeing the others.

        An unchanged file of which a chunk has left the index since `match` becomes bereft, and claiming ends there.
        """
    def encode(self, start: int, stop: int, owners: OwnerNames, chunks: ChunkIndex) -> Bytes:
        """The items of the entries from `start` to `stop` as item stream bytes; csizes come from `chunks`."""
    def part(self, index: int, number: int, chunks: ChunkList, owners: OwnerNames, index_of_chunks: ChunkIndex) -> Bytes:
        """The part item `number` of a large entry with just these chunks and no extended attributes, as item stream bytes."""
    def statuses(self) -> bytes:
        """One letter per entry: A M U C h d s c b f i E, or ? before `read`."""
    def changed(self) -> list[tuple[int, str]]:
        """(entry, A or M) of each entry with status C: Borg first reports that letter, then a warning, then the C."""
    def was_known(self, index: int) -> bool:
        """Whether the files cache had a record of the path: M rather than A, whatever became of the entry since."""
    def reasons(self) -> bytes:
        """Why each regular file is read: u if nothing was known of it, s, i, c or m for the size, inode, ctime or mtime that
        differs, g for a chunk that has gone from the repository; a point for what is not read, or would be in any case."""
    def paths(self) -> list[bytes]:
        """Walked path of each entry."""
    def path(self, index: int) -> bytes:
        """Walked path of one entry."""
    def totals(self) -> tuple[int, int, int]:
        """(regular files, their size, their csize) of the entries that were encoded; hard link slaves count nothing."""
    def memorize(self, cache: FilesCache) -> None:
        """Records the regular files that were read, or found unchanged, in the cache."""

# -- items -------------------------------------------------------------------------------------------------------------

@final
class Item:
    """One archived file as the item stream describes it; absent fields are None. Immutable."""

    @property
    def path(self) -> bytes: ...
    @property
    def mode(self) -> int: ...
    @property
    def uid(self) -> int | None: ...
    @property
    def gid(self) -> int | None: ...
    @property
    def user(self) -> bytes | None: ...
    @property
    def group(self) -> bytes | None: ...
    @property
    def mtime(self) -> int: ...
    @property
    def atime(self) -> int | None: ...
    @property
    def ctime(self) -> int | None: ...
    @property
    def birthtime(self) -> int | None: ...
    @property
    def size(self) -> int | None: ...
    @property
    def source(self) -> bytes | None: ...
    @property
    def rdev(self) -> int | None: ...
    @property
    def hardlink_master(self) -> bool:
        """True if absent."""
    @property
    def content_bytes(self) -> int:
        """Sum of the sizes of `chunks`."""
    @property
    def chunks(self) -> ChunkList | None: ...
    @property
    def chunks_healthy(self) -> ChunkList | None: ...
    @property
    def xattrs(self) -> dict[bytes, bytes | None] | None: ...
    @property
    def acl_access(self) -> bytes | None: ...
    @property
    def acl_default(self) -> bytes | None: ...
    @property
    def bsdflags(self) -> int | None: ...
    @property
    def part(self) -> int | None: ...
    def with_content(self, chunks: ChunkList, healthy: ChunkList | None) -> Item:
        """The same with these chunks, and with these as the ones that it should have, if they are others."""
    def with_chunks(self, chunks: ChunkList, is_cut_alike: bool) -> Item:
        """The same with other chunks; `chunks_healthy` goes unless the content is cut as before."""
    def linked_to(self, source: bytes) -> Item:
        """The same as a later link to the file `source`."""
    def in_place_of(self, first: Item) -> Item:
        """A later link as the first one, with the content that was kept with `first`."""
    def as_part(self, number: int, chunks: ChunkList) -> Item:
        """The part file `number` with just these chunks."""
    def encode(self) -> Bytes:
        """The item as canonical msgpack, unknown fields included."""

@final
class ItemWindow:
    """Consecutive items as they came, packed. Immutable, thread-safe; windows of one origin share their memory.

    All methods raise IntegrityError for an item that is none.
    """

    def __len__(self) -> int: ...
    def items(self) -> list[Item]:
        """The items with all they have."""
    def paths(self) -> list[bytes]: ...
    def chosen(self, mask: bytes) -> ItemWindow:
        """Those for which the mask, a byte for each, is not zero."""
    def content_bytes(self) -> int:
        """Sum of the sizes of their contents."""
    def part(self, start: int, stop: int) -> ItemWindow:
        """Consecutive items; none beyond the end."""

@final
class ItemPiece:
    """A chunk of an item stream, cut into items without the chunks before it. Its length is that of the chunk. Immutable."""

    def __len__(self) -> int: ...

@final
class ItemPiecesToCome:
    """Chunks of an item stream that are being opened and cut in the background."""

    def wait(self) -> list[ItemPiece]:
        """The chunks, when they are there. ValueError if they were waited for before."""

@final
class ItemWindowDecoder:
    """Turns the chunks of an item stream into windows of the items that a selector chooses, or of all. Confined to one thread.

    IntegrityError for anything that is not a stream of maps; nothing may be fed after that.
    """

    def __new__(cls, selector: PathSelector | None = None) -> ItemWindowDecoder: ...
    def open_ahead(self, opener: Opener, stored: list[Bytes], ids: bytes) -> ItemPiecesToCome:
        """Opens stored chunks and cuts them, in parallel and in the background. Any chunks, in any order: see `join`."""
    def join(self, pieces: list[ItemPiece]) -> ItemWindow:
        """What is chosen of the items that are complete with these chunks, which `open_ahead` of this decoder has cut."""
    def feed(self, chunks: list[Bytes]) -> ItemWindow:
        """The same with chunks that were opened otherwise."""
    def finish(self) -> None:
        """IntegrityError if the stream ends inside an item."""
    @property
    def deciding(self) -> list[int]:
        """The places of the selector's prefixes that decided about any item so far."""

@final
class PathSelector:
    """Patterns of two kinds with whether what they match is in: whole paths, which decide first, and prefixes that end with a
    slash, of which the first that matches decides. `fallback` holds for all other paths; leading slashes do not count. Parts of
    files, as checkpoints leave them, are out unless asked for. Immutable, thread-safe.
    """

    def __new__(
        cls, full: dict[bytes, bool], prefixes: list[tuple[bytes, bool]], fallback: bool, *, with_parts: bool
    ) -> PathSelector: ...

@final
class ItemRenderer:
    """A compiled format for listings of items. Immutable, thread-safe.

    Its parts are: `bytes` as they are; (key, alignment or "", width), a value as text; a key, its value as JSON; and None, a
    column that the caller fills. ValueError for an unknown key.
    """

    def __new__(cls, parts: list[ListingPart]) -> ItemRenderer: ...
    def render(self, window: ItemWindow, columns: list[list[bytes]]) -> Bytes | None:
        """The lines of all items, rendered in parallel; `columns` has a text for each item, column by column.

        None if the window holds an item that cannot be shown like this, or not at all.
        """

@final
class ItemPairing:
    """Brings together the items of two archives that have one path, and keeps those that are not equal. Confined to one thread.

    With `by_ids` the same content has the same chunks; with `content_only` owners, modes and times do not count. What is
    unequal comes as path, both items (for a hard link, what it refers to; None where an archive lacks it), and whether they are
    equal after all if their content is. Both methods raise IntegrityError for an item that is none.
    """

    def __new__(cls, *, by_ids: bool, content_only: bool) -> ItemPairing: ...
    def meet(self, old: ItemWindow, new: ItemWindow) -> list[tuple[bytes, Item | None, Item | None, bool]]:
        """Goes on in both archives: with equally many items, unless one archive has ended."""
    def rest(self, most: int) -> tuple[list[tuple[bytes, Item | None, Item | None, bool]], list[tuple[bytes, bytes]]]:
        """After the end: about `most` of what one archive lacks, and of hard links that cannot be compared, as their first link
        has not come: path and source. Nothing of both if there is no more.
        """

def encode_items(items: list[Item]) -> Bytes:
    """Items one behind the other, as the item stream has them."""

def encode_item(fields: dict[str, int | bytes | bool | dict[bytes, bytes | None] | None], chunks: ChunkList | None) -> Bytes:
    """One item map in canonical order, with `chunks` (and nothing else) taken from the list."""

# -- restoring ---------------------------------------------------------------------------------------------------------

@final
class Restorer:
    """Creates files below one directory, never through a symlink, and gives them their attributes. Thread-safe.

    `root` is a descriptor of the directory; it is duplicated. A `Trouble` is what went wrong with a file: what it is, a number
    (errno, file type, size) and bytes (attribute, text) that belong to it.
    """

    def __new__(
        cls,
        root: int,
        *,
        numeric_ids: bool = False,
        acls: bool = True,
        xattrs: bool = True,
        flags: bool = True,
        sparse: bool = False,
    ) -> Restorer: ...
    def set_user(self, name: bytes, uid: int | None) -> None:
        """Tells which user this is here; None if there is none."""
    def set_group(self, name: bytes, gid: int | None) -> None: ...

@final
class LargeFile:
    """A regular file whose content comes in several parts, while it is written. Thread-safe."""

    def __new__(cls, item: Item, path: bytes) -> LargeFile: ...
    @property
    def is_over(self) -> bool:
        """True when nothing more will be done with it: it is complete, or could not be written."""

@final
class RestoreBatch:
    """Actions on files, each with the item it is for and a path below the target. They take effect as if done in this order."""

    def __new__(cls) -> RestoreBatch: ...
    def __len__(self) -> int: ...
    @property
    def chunk_count(self) -> int: ...
    @property
    def content_bytes(self) -> int:
        """How much content will be written."""
    def make_directory(self, item: Item, path: bytes) -> None:
        """Creates a directory if it is not there; its attributes come with `finish_directory`."""
    def finish_directory(self, item: Item, path: bytes) -> None: ...
    def write_file(self, item: Item, path: bytes) -> None: ...
    def write_part(self, file: LargeFile, chunks: ChunkList, known: dict[int, Bytes], *, is_last: bool) -> None:
        """More of a large file: the next chunks, those that are `known` with their places in the list. All parts of a file come
        in order."""
    def make_link(self, item: Item, source: bytes, path: bytes) -> None:
        """A hard link to what was restored at `source`."""
    def make_special(self, item: Item, path: bytes) -> None:
        """A symlink, fifo or device."""
    def ids(self) -> bytes:
        """The chunks of all files to be written, in order, but for those that are known."""
    def unknown_owners(self, restorer: Restorer) -> tuple[list[bytes], list[bytes]]:
        """Names of users and of groups that the restorer was not told of."""

@final
class RestoreLine:
    """Restores batch after batch in the background: contents are opened side by side, actions done in order. Thread-safe.

    Without a restorer content is verified, and nothing written.
    """

    def __new__(cls, opener: Opener, restorer: Restorer | None) -> RestoreLine: ...
    def begin(self, batch: RestoreBatch, stored: list[Bytes]) -> RestoreToCome:
        """Opens the stored objects of the batch's `ids` and does all its actions; the batch is empty then."""

@final
class RestoreToCome:
    """A batch that is being restored in the background."""

    def wait(self) -> list[tuple[int, Trouble]]:
        """What went wrong, with the number of the action, when all is done. IntegrityError if content could not be opened:
        nothing of the batch was done then, nor will be of those behind it: these fail with ValueError."""

@final
class ContentPlan:
    """What a dry run reads of a window of items: the chunks of all files, in portions. Confined to one thread.

    Entries are the items whose paths have something left without their first `strip` components (from the end, if that is
    negative), in order. IntegrityError for an item that is none.
    """

    def __new__(cls, window: ItemWindow, strip: int) -> ContentPlan: ...
    def next(self, most_bytes: int, most_chunks: int) -> bytes | None:
        """The ids of the next portion, at least one; None if there are no more. Entries without any content are a portion
        all the same, and an empty one."""
    def settle(self, sizes: list[int]) -> list[tuple[int, Trouble]]:
        """Takes the sizes of the next chunks that were opened. What is amiss with the entries that are complete now."""
    @property
    def complete(self) -> int:
        """How many entries are complete."""
    @property
    def begun_bytes(self) -> int:
        """How much content of the next one was opened."""
    def item(self, number: int) -> Item:
        """One entry with all it has."""
    def path(self, number: int) -> bytes:
        """Where it would go."""

def get_flags(fd: int) -> int:
    """BSD-style flags of an open file (nodump 1, immutable 2, append-only 4); 0 where there are none."""

def set_flags(fd: int, flags: int) -> None:
    """Sets those flags, leaving the other inode flags alone."""

def acl_from_text(text: bytes, numeric_ids: bool, users: dict[bytes, int], groups: dict[bytes, int]) -> bytes:
    """The value of a system.posix_acl_* attribute for Borg's ACL text; ids by name unless numeric, else the 4th field."""

def acl_names(text: bytes) -> tuple[list[bytes], list[bytes]]:
    """User and group names that occur in an ACL text."""

# -- file system -------------------------------------------------------------------------------------------------------

@final
class Appearance:
    """How archives are shown as files. Immutable.

    Owners are those whose names are known, else the archived ids, else `default_owner`; `uid` and `gid` override them all.
    `strip` leading parts of each path are dropped; with `versions` each file becomes a directory of all its versions.
    """

    def __new__(
        cls,
        *,
        default_owner: tuple[int, int],
        uid: int | None = None,
        gid: int | None = None,
        umask: int = 0,
        numeric_ids: bool = False,
        strip: int = 0,
        with_parts: bool = False,
        versions: bool = False,
    ) -> Appearance: ...

@final
class FileTree:
    """Inodes and names of one archive, or of several merged, growing from item streams. Thread-safe.

    For each archive: grow with each window, setting users and groups where it stops, then finish_archive. A file system takes
    the tree away: ValueError for whatever is called then.
    """

    def __new__(cls, appearance: Appearance, time: int) -> FileTree:
        """An empty tree; `time` is shown for directories that no archive describes."""
    def set_user(self, name: bytes, uid: int) -> None: ...
    def set_group(self, name: bytes, gid: int) -> None: ...
    def grow(
        self, window: ItemWindow, start: int, mask: Blob | None = None
    ) -> tuple[int, list[bytes], list[bytes], list[bytes], list[bytes]]:
        """Takes items from `start` on, or those of them whose byte in the mask is not zero.

        Returns where it stopped; names of users and groups that it met for the first time, to be set if they are known before
        it goes on; the paths of links to what is not there; and of files whose ACL makes no sense and is left out.
        """
    def finish_archive(self) -> None:
        """Links of the next archive are to its own files."""

@final
class FileSystem:
    """Trees as a file system that the kernel asks by itself, in threads that never wait for Python. Thread-safe.

    What has to come from the repository is noted: trees that were `entered` (numbers from 1 on), and the ids of chunks that are
    `wanted`.
    """

    @staticmethod
    def of_tree(tree: FileTree, cache_bytes: int, shows_damage: bool) -> FileSystem:
        """One tree; `cache_bytes` bounds what is kept of content, `shows_damage` lets damaged files be read."""
    @staticmethod
    def of_archives(
        appearance: Appearance, time: int, archives: list[tuple[bytes, int]], cache_bytes: int, shows_damage: bool
    ) -> FileSystem:
        """A directory of archives, by name and time, that are loaded when somebody enters them."""
    def serve(self, device: int, *, threads: int, enforces_acls: bool, admits_root_only: bool) -> None:
        """Begins to answer the kernel's requests at a mounted descriptor of /dev/fuse; the descriptor stays the caller's."""
    def withdraw(self) -> None:
        """Whoever waits for content gets an error, and none is handed to the kernel any more when this returns.

        To be called before a process ends that is mounted still: the kernel lets who hands something over wait for who answers.
        """
    def wait(self) -> None:
        """Returns when there is something new, or the end. Signal handlers run meanwhile, within a second, and may raise."""
    @property
    def has_ended(self) -> bool:
        """Whether it was unmounted."""
    def entered(self) -> list[int]:
        """The trees that are to be loaded; each is named once."""
    def load(self, number: int, tree: FileTree) -> None: ...
    def lose(self, number: int, errno: int) -> None:
        """The tree cannot be had."""
    @staticmethod
    def settle() -> None:
        """Gives back to the system what loading has left behind, when everything about it is gone."""
    def wanted(self) -> bytes:
        """The ids of the chunks to fetch next, a batch at a time: first those that somebody waits for."""
    def deliver(self, ids: bytes, chunks: list[Bytes]) -> None:
        """Answers everybody who waited for these chunks."""
    def fail(self, ids: bytes, errno: int) -> None:
        """These chunks cannot be had."""

def mount_fuse(source: str, directory: str, flags: int, options: str) -> None:
    """The system call, for root: `flags` and `options` are the kernel's, the descriptor of /dev/fuse is among the latter."""

def unmount(directory: str, *, lazily: bool) -> None:
    """The system call, for root; `lazily` even if something is in use."""
