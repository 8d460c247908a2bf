"""Publication: an object and its manifest replace the earlier ones, and a kill at any step loses nothing.

An object and its manifest have fixed names, and no store replaces two files at once, so for a moment no
manifest is visible. The earlier extraction must survive that moment. So where an object is to be replaced
under its own name:

1. the new object is stored whole under a hidden name, and read back; the earlier one is not touched;
2. a hidden note, with the new manifest and the checksum of the object that it replaces, commits it: from now
   on `finish` completes the publication, whichever run comes next;
3. the earlier manifest is removed, the object takes its place, and the manifest is written last;
4. the note and the other hidden files are removed.

Before the second step the earlier extraction is complete; after it the new one is stored. `finish` may run
twice, or beside the run that it helps: each of its steps can be repeated. Where there is no object of that
name (only one of another compression, or none), the object is written to its place directly.
"""

from __future__ import annotations

import json
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_binance_liq.core.manifest import Manifest, ManifestObject, from_dict, from_json
from airflow_provider_binance_liq.exceptions import InconsistentManifest, StorageError
from airflow_provider_binance_liq.lake.layout import SUFFIXES
from airflow_provider_binance_liq.lake.locks import lock
from airflow_provider_binance_liq.lake.reading import standing
from airflow_provider_binance_liq.lake.storage import (
    check_stored,
    make_directory,
    move,
    put,
    read_if_there,
    sha256_of,
    stored_sha256,
    storing,
)

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_provider_binance_liq.lake.drafts import Draft
    from airflow_provider_binance_liq.lake.layout import Place

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Note:
    """A committed publication: the new manifest, and the checksum of the object that it replaces."""

    manifest: Manifest
    replaces: str

    def to_json(self) -> str:
        return json.dumps({"replaces": self.replaces, "manifest": self.manifest.to_dict()}) + "\n"

    @classmethod
    def of(cls, text: bytes, path: ObjectStoragePath) -> _Note:
        try:
            plain = json.loads(text)
            return cls(from_dict(plain["manifest"]), str(plain["replaces"]))
        except (
            ValueError,
            RecursionError,
            KeyError,
            TypeError,
            AttributeError,
            InconsistentManifest,
        ) as error:
            message = (
                f"{path} marks a publication that is to be completed, but cannot be read ({error}). Nothing "
                "was changed; use the version that wrote it, or move it away with the hidden object beside it"
            )
            raise InconsistentManifest(message) from error


def publish(draft: Draft, place: Place) -> ManifestObject:
    """Store the object whole: at its place, or under a hidden name where it would overwrite a published one.

    :raises StorageError: the destination cannot be written; the earlier object is unchanged.
    """
    finish(place)
    target = place.object
    with storing("write", target):
        text = read_if_there(place.manifest)
        earlier = _parse(text)
        if not _is_published(earlier, draft, place):
            make_directory(place.directory)
            # Also where a manifest cannot be read: it may describe the object at that name.
            if text is not None and (earlier is None or earlier.object.compression == place.compression):
                _stage(draft, place)
            else:
                put(draft.path, target)
                check_stored(target, draft.sha256)
    return ManifestObject(str(target), draft.rows, draft.bytes, draft.sha256, place.compression)


def commit(manifest: Manifest, place: Place, directory: Path, *, seen: Manifest | None) -> None:
    """Write the manifest, last of all.

    :param seen: the manifest at the place when this one was made; it has to be there still.
    :raises StorageError: the destination cannot be written, or another run of the same window has published
        meanwhile. Either the earlier extraction is unchanged, or a retry completes this publication.
    """
    staged = place.staged(manifest.object.sha256)
    note = None
    with storing("write", place.manifest):
        if staged.exists():
            try:
                earlier = standing(place).manifest
                _check_unchanged(earlier, place, seen)
                _check_no_other_note(place)
                note = _write_note(manifest, earlier, place, directory)
            except BaseException:
                staged.unlink(missing_ok=True)
                raise
            _replace_object(place, manifest)
        else:
            _check_unchanged(standing(place).manifest, place, seen)
        _write_manifest(manifest, place, directory, note)
    _clean_up(place, manifest, note)


def finish_interrupted(place: Place) -> None:
    """Complete an interrupted publication, under the lock of its place; nothing where there is none.

    :raises StorageError: the destination cannot be written, or another process holds the lock.
    """
    if _read_pending(place) is not None:
        with lock(place):
            finish(place)


def finish(place: Place) -> None:
    """Complete a publication that was committed and then interrupted; nothing where there is none.

    :raises StorageError: the destination cannot be written; a retry continues.
    :raises InconsistentManifest: the note is not of this version, or of another extraction.
    """
    text = _read_pending(place)
    if text is None:
        return
    note = _Note.of(text, place.pending)
    manifest = note.manifest
    place.check_identity(manifest)
    place = place.in_form(manifest.object.compression)
    with storing("complete the publication of", place.object):
        if not _is_outdated(note, place) and _move_object(manifest, place):
            log.info(
                "Completing the interrupted publication of %s at %s", manifest.extracted_at, place.object
            )
            with tempfile.TemporaryDirectory(prefix="binance-liq-") as directory:
                _write_manifest(manifest, place, Path(directory), text)
        else:
            log.warning("%s is outdated: another run has published since", place.pending)
            place.pending.unlink(missing_ok=True)
            place.staged(manifest.object.sha256).unlink(missing_ok=True)
            return
    _clean_up(place, manifest, text)


def _read_pending(place: Place) -> bytes | None:
    with storing("look for an interrupted publication at", place.pending):
        return read_if_there(place.pending)


def _stage(draft: Draft, place: Place) -> None:
    staged = place.staged(draft.sha256)
    try:
        put(draft.path, staged)
        check_stored(staged, draft.sha256)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def _write_note(manifest: Manifest, earlier: Manifest | None, place: Place, directory: Path) -> bytes:
    """Commit: from here on, the publication will be completed, by this run or another."""
    text = _Note(manifest, earlier.object.sha256 if earlier else "").to_json()
    local = directory / "pending.json"
    local.write_text(text, encoding="utf-8")
    put(local, place.pending)
    return text.encode()


def _replace_object(place: Place, manifest: Manifest) -> None:
    """Replace the object; first remove the manifest of the earlier one."""
    place.manifest.unlink(missing_ok=True)
    move(place.staged(manifest.object.sha256), place.object)


def _write_manifest(manifest: Manifest, place: Place, directory: Path, note: bytes | None) -> None:
    """Write the manifest, and remove it again where its object is not there any more."""
    local = directory / "manifest.json"
    local.write_text(manifest.to_json(), encoding="utf-8")
    put(local, place.manifest)
    check_stored(place.manifest, sha256_of(local))
    try:
        check_stored(place.object, manifest.object.sha256)
    except StorageError:
        # Another run of the same window was faster; this note must not undo what that run committed.
        _remove_own(place.manifest, local.read_bytes())
        if note is not None:
            _remove_own(place.pending, note)
        raise


def _is_outdated(note: _Note, place: Place) -> bool:
    """Whether a later publication is there: then the note is a remnant of an earlier one."""
    there = standing(place).manifest
    return there is not None and there.object.sha256 not in (note.manifest.object.sha256, note.replaces)


def _move_object(manifest: Manifest, place: Place) -> bool:
    """Move the object to its place, if it is not there yet; returns whether it is there."""
    sha256 = manifest.object.sha256
    if stored_sha256(place.object) == sha256:
        return True
    if stored_sha256(place.staged(sha256)) != sha256:
        return False
    _replace_object(place, manifest)
    return True


def _clean_up(place: Place, manifest: Manifest, note: bytes | None) -> None:
    """Remove hidden files and an object of the other compression; what cannot be removed does no harm."""
    try:
        with storing("remove temporary files beside", place.object):
            # The object of the other compression may be that of another run's manifest, written meanwhile.
            if _is_standing(manifest, place):
                for compression in SUFFIXES:
                    if compression != place.compression:
                        place.in_form(compression).object.unlink(missing_ok=True)
            if note is not None:
                _remove_own(place.pending, note)
                place.staged(manifest.object.sha256).unlink(missing_ok=True)
    except StorageError as error:
        log.warning("The window is published; a file that is not needed any more stays: %s", error)


def _is_standing(manifest: Manifest, place: Place) -> bool:
    there = _parse(read_if_there(place.manifest))
    return there is not None and there.object.sha256 == manifest.object.sha256


def _remove_own(path: ObjectStoragePath, text: bytes) -> None:
    if read_if_there(path) == text:
        path.unlink(missing_ok=True)


def _check_unchanged(there: Manifest | None, place: Place, seen: Manifest | None) -> None:
    if (there and (there.object.sha256, there.extracted_at)) != (
        seen and (seen.object.sha256, seen.extracted_at)
    ):
        message = (
            f"another run of the same window has published {place.object} since this one was compared with "
            "the earlier extraction. Nothing was overwritten; a retry compares with the new one"
        )
        raise StorageError(message)


def _check_no_other_note(place: Place) -> None:
    """Check that no other run is between its note and its manifest.

    `publish` has completed what was interrupted, so a note is that of a run at work. Were it overwritten,
    either run could undo the other one's manifest, and nothing would be left to complete.
    """
    if _read_pending(place) is not None:
        message = (
            f"another run of the same window is publishing {place.object} just now. Nothing was overwritten; "
            "a retry compares with what that run publishes"
        )
        raise StorageError(message)


def _is_published(earlier: Manifest | None, draft: Draft, place: Place) -> bool:
    """Whether the same object with its manifest is there already, so that nothing is to be written."""
    if earlier is None or earlier.object.compression != place.compression:
        return False
    return earlier.object.sha256 == draft.sha256 == stored_sha256(place.object)


def _parse(text: bytes | None) -> Manifest | None:
    try:
        return None if text is None else from_json(text)
    except InconsistentManifest:
        return None
