"""One file that lost content, now or before: what its chunks are to be.

    chunks           what is there: where content was lost, zeros of the same size
    chunks_healthy   what should be there, kept as long as the two differ

A chunk that comes back, as by a later backup of the same file, takes the place of its zeros again.
"""

from __future__ import annotations

from vinculum._native import ChunkList
from vinculum.formats.ids import split_ids
from vinculum.formats.texts import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vinculum._native import Item
    from vinculum.operations.check.workshop import Findings, Workshop

Chunk = tuple[bytes, int, int]


class FileExamination:
    """Examines the files of one archive. Where it does not repair, the items it returns are what a repair would make."""

    def __init__(self, workshop: Workshop, archive: str, findings: Findings) -> None:
        self._workshop = workshop
        self._archive = archive
        self._findings = findings

    def examine(self, item: Item) -> tuple[Item, bool]:
        """The item as it should be, and whether that is another than it was."""
        repairs, name = self._workshop.repairs, f"{self._archive}: {to_text(item.path)}"
        if item.chunks is None:
            return item, False
        current, healthy, altered = _listed(item.chunks), None, False
        if item.chunks_healthy is not None:
            healthy = _listed(item.chunks_healthy)
            if len(healthy) != len(current):
                self._findings.warning(
                    f"{name}: Invalid chunks_healthy metadata {'removed' if repairs else 'would be removed with --repair'}!"
                )
                healthy, altered = None, True
        wanted = current if healthy is None else healthy
        chunks: list[Chunk] = []
        offset = 0
        for now, well in zip(current, wanted, strict=True):
            chunks.append(self._choose(name, now, well, offset))
            offset += well[1]
        altered |= [chunk[0] for chunk in chunks] != [chunk[0] for chunk in current]
        still_lacks = [chunk[0] for chunk in chunks] != [chunk[0] for chunk in wanted]
        if healthy is not None and not still_lacks:
            altered = True
            heals = "Completely healed previously damaged file!"
            self._findings.info(f"{name}: {heals if repairs else 'Would completely heal damaged file with --repair!'}")
        if item.size is not None and item.size != offset:
            self._findings.warning(f"{name}: size inconsistency detected: size {item.size}, chunks size {offset}")
        if not altered:
            return item, False
        return item.with_content(_list_of(chunks), _list_of(wanted) if still_lacks else None), True

    def _choose(self, name: str, now: Chunk, well: Chunk, offset: int) -> Chunk:
        """Which chunk the file is to have where it has one and should have another, mostly the same one."""
        repairs, survey = self._workshop.repairs, self._workshop.survey
        bytes_and_chunk = f"(Byte {offset}-{offset + well[1]}, Chunk {{}})"
        if well[0] in survey:
            if now[0] != well[0]:
                heals = (
                    "Healed previously missing file chunk!" if repairs else "Missing file chunk would be healed with --repair!"
                )
                self._findings.info(f"{name}: {heals} {bytes_and_chunk.format(well[0].hex())}")
            return well
        if now[0] == well[0]:
            does = "Replacing with all-zero chunk." if repairs else "Would replace it with all-zero chunk with --repair."
            self._findings.error(f"{name}: New missing file chunk detected {bytes_and_chunk.format(well[0].hex())}. {does}")
            return self._zeros(name, now)
        self._findings.info(
            f"{name}: Previously missing file chunk is still missing {bytes_and_chunk.format(well[0].hex())}. "
            "It has an all-zero replacement chunk already."
        )
        if now[0] in survey:
            return now
        does = "Generating new replacement chunk." if repairs else "Would generate new replacement chunk with --repair."
        self._findings.error(
            f"{name}: Missing all-zero replacement chunk detected {bytes_and_chunk.format(now[0].hex())}. {does}"
        )
        return self._zeros(name, now)

    def _zeros(self, name: str, lost: Chunk) -> Chunk:
        size = lost[1]
        zeros = self._workshop.zeros(size)
        if zeros is None:
            self._findings.error(f"{name}: no chunk has {size} bytes, so this one cannot be replaced.")
            return lost
        return zeros[0], size, zeros[1]


def _listed(chunks: ChunkList) -> list[Chunk]:
    return list(zip(split_ids(chunks.ids()), chunks.sizes(), chunks.csizes(), strict=True))


def _list_of(chunks: list[Chunk]) -> ChunkList:
    return ChunkList.of(b"".join(id for id, _, _ in chunks), [size for _, size, _ in chunks], [csize for _, _, csize in chunks])
