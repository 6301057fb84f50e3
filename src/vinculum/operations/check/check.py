"""Checks the archives of a repository: that they are there, whole, authentic, and that nothing they refer to is missing.

    objects     list them; open each one, if asked to
    manifest    load it, or make a new one of the archives that can be found
    archives    one after the other
    orphans     what no archive refers to

A repair changes things in one transaction that is committed at the end, so that it can be stopped at any point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vinculum.archive.manifest import Manifest, fetch_manifest_object
from vinculum.errors import IntegrityError, NoManifestError, ObjectNotFound, UnsupportedPayload
from vinculum.formats.ids import split_ids
from vinculum.operations.check.archives import ArchiveCheck
from vinculum.operations.check.lost_manifest import ManifestSearch
from vinculum.operations.check.verification import Verification
from vinculum.operations.check.workshop import Findings, Workshop
from vinculum.repository.store import MANIFEST_KEY

if TYPE_CHECKING:
    from vinculum._native import Bytes
    from vinculum.archive.archive_filter import ArchiveFilter
    from vinculum.archive.manifest import ArchiveEntry
    from vinculum.keys.key import Key
    from vinculum.operations.doors import Doors
    from vinculum.repository.store import Store

OPERATION = "check.rebuild_refcounts"
_KEY_ATTEMPTS = 1000


class CheckOptions(NamedTuple):
    """What is to be done. `archive` is the name of the only one to be checked; if it is None, `choice` chooses among all."""

    repair: bool
    verify_data: bool
    archive: str | None
    choice: ArchiveFilter
    checks_all: bool


def check_archives(store: Store, doors: Doors, options: CheckOptions) -> bool:
    """Checks the archives, and repairs them if asked to; False if something is wrong, still."""
    sink = doors.sink
    findings = Findings(sink)
    findings.info("Starting archive consistency check...")
    ids = store.list()
    if not ids:
        findings.error("Repository contains no apparent data at all, cannot continue check/repair.")
        return False
    key = _find_key(store, ids, doors)
    repair = options.repair
    if options.verify_data:
        verification = Verification(store, key, findings)
        verification.run(len(ids), repair=repair)
        if repair and verification.defective:
            verification.delete_defective()
            gone = frozenset(verification.defective)
            ids = [id for id in ids if id not in gone]
    manifest, first_counter = _load_manifest(store, key, findings, len(ids), repair=repair)
    if key.encrypts:
        _check_counters(store, findings)
    codec = doors.make_codec(store, key, first_counter) if repair else None
    objects = b"".join(id for id in ids if id != MANIFEST_KEY)
    workshop = Workshop(store, key, manifest, objects, findings, codec)
    archives = ArchiveCheck(workshop, doors.workarounds)
    entries = _choose(manifest, findings, options)
    for number, entry in enumerate(entries, 1):
        sink.progress(OPERATION, number, len(entries), "")
        findings.info(f"Analyzing archive {entry.name} ({number}/{len(entries)})")
        archives.check(entry)
    sink.finished(OPERATION)
    if options.checks_all and archives.understood_all:
        _deal_with_orphans(workshop)
    else:
        findings.info("Orphaned objects check skipped (needs all archives checked).")
    workshop.finish()
    if findings.any_errors:
        sink.error("Archive consistency check complete, problems found.", topic="archive")
    else:
        findings.info("Archive consistency check complete, no problems found.")
    return (repair and archives.understood_all) or not findings.any_errors


def _find_key(store: Store, ids: list[bytes], doors: Doors) -> Key:
    """The key, by the manifest if it is there and tells, else by any other object that does."""
    refusal: Exception | None = None
    for id in [MANIFEST_KEY, *ids[:_KEY_ATTEMPTS]]:
        try:
            return doors.open_key(store, store.get(id))
        except (UnsupportedPayload, ObjectNotFound, IntegrityError) as error:
            refusal = refusal or error
    assert refusal is not None
    raise refusal


def _load_manifest(store: Store, key: Key, findings: Findings, count: int, *, repair: bool) -> tuple[Manifest, int]:
    """The manifest, made anew if it has to be, and a counter that is known to be unused, as are all after it."""
    try:
        stored: Bytes = fetch_manifest_object(store)
        manifest = Manifest.load(store, key, stored=stored)
        manifest.check_feature_flags("check")
        return manifest, key.first_counter(stored)
    except NoManifestError:
        findings.error("Repository manifest not found!")
    except IntegrityError as error:
        findings.error(f"Repository manifest is corrupted: {error}")
    search = ManifestSearch(store, key, findings)
    manifest = search.run(count, repair=repair)
    return manifest, search.first_counter()


def _check_counters(store: Store, findings: Findings) -> None:
    """Nobody can write anything if it is not known which ones are taken."""
    try:
        store.get_free_nonce()
    except IntegrityError as error:
        findings.error(str(error))


def _choose(manifest: Manifest, findings: Findings, options: CheckOptions) -> list[ArchiveEntry]:
    if options.archive is not None:
        if options.archive not in manifest.archives:
            findings.error(f"Archive '{options.archive}' not found.")
            return []
        return [manifest.archives[options.archive]]
    choice = options.choice
    entries = choice.select(manifest.archives.values())
    if choice.glob and not choice.without_counts().select(manifest.archives.values()):
        findings.warning(f"--glob-archives {choice.glob} does not match any archives")
    for option, wanted in (("first", choice.first), ("last", choice.last)):
        if wanted and len(entries) < wanted:
            findings.warning(f"--{option} {wanted} archives: only found {len(entries)} archives")
    return entries


def _deal_with_orphans(workshop: Workshop) -> None:
    findings = workshop.findings
    unused = workshop.survey.unused()
    each = split_ids(unused)
    superseded = sum(id in workshop.superseded for id in each)
    orphans = len(each) - superseded
    if orphans:
        findings.error(f"{orphans} orphaned objects found!")
    if unused and workshop.repairs:
        findings.info(f"Deleting {orphans} orphaned and {superseded} superseded objects...")
        workshop.delete(unused)
        findings.info("Finished deleting orphaned/superseded objects.")
