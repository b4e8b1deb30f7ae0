"""What a push publishes: the files of an exported folder, and what forbids it. Nothing here sends a request."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.dataset.layout import CARD, MANIFEST, in_repository, inside_config, kind_of
from pipeline.dataset.manifest_file import ManifestError, read_manifest
from pipeline.hub.errors import PushError
from pipeline.io.hashed_files import describe_file
from schemas.manifest import Manifest, config_name
from schemas.options import Source
from schemas.push import PushOptions

#: Licences that forbid publishing a changed copy, as `spelled` writes them: no derivatives, types 3 and 4 of the Korean
#: public licence (변경금지), all rights reserved, and the terms of the corpora of AI Hub and NIKL.
FORBIDDING_LICENCES = re.compile(
    r"^cc-.*\bnd\b|(kogl|공공누리)\D*[34]|all-rights-reserved|proprietary|no-redistribution|non-redistributable"
    r"|재배포-?(금지|불가)|변경-?금지|^ai-?hub|^nikl|모두의-?말뭉치"
)
UNKNOWN_LICENCES = ("", "unknown", "other")


@dataclass(frozen=True)
class LocalFile:
    """A file to publish. `path`: its place in the repository. `content`: the file on this machine, or the bytes."""

    path: str
    content: Path | bytes
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Publication:
    """What a push publishes. `name`: of the dataset. `files`: below the folder of the config in the repository."""

    name: str
    config: str
    files: tuple[LocalFile, ...]
    warnings: tuple[str, ...]


def publication_of(folder: Path, options: PushOptions) -> Publication:
    """What a push of this exported folder publishes. Raises PushError where it must not be published."""
    try:
        manifest = read_manifest(folder)
    except ManifestError as error:
        raise PushError("not-an-export", f"{folder / MANIFEST}: {'; '.join(error.faults)}.", error.remedy) from None
    config = config_name(manifest.options)
    paths = select(manifest, config, options)
    refuse_embedded_vocabulary(manifest, options)
    warnings = check_licences(manifest.sources, options.permitted)
    digests = {path: sha256_of(folder, path) for path in paths}
    warnings += check_unchanged(digests, manifest)
    files = [
        LocalFile(in_repository(path, config), folder / path, (folder / path).stat().st_size, digests[path])
        for path in paths
    ]
    return Publication(manifest.dataset.name, config, tuple(files), tuple(warnings))


def select(manifest: Manifest, config: str, options: PushOptions) -> dict[str, str]:
    """The files to publish: card, manifest, Parquet, text forms, and what the options add.

    From the path in the exported folder, sorted, to the path below the folder of the config in the repository.
    """
    wanted = {"card", "manifest", "parquet", "forms", *options.also, *(["rejects"] if options.rejects else [])}
    have = {path: inside_config(path, config) for path in sorted({*manifest.files, MANIFEST})}
    kinds = {inside: kind_of(inside) for inside in have.values()}
    for name in ("parquet", *options.also):
        if name not in kinds.values():
            raise PushError(
                "not-an-export",
                f"The exported folder holds no {name} files.",
                f'Add "{name}" to formats under [export] in pipeline.toml and build the dataset again.',
            )
    return {path: inside for path, inside in have.items() if kinds[inside] in wanted}


def refuse_embedded_vocabulary(manifest: Manifest, options: PushOptions) -> None:
    if manifest.tokenizer.kind == "embedded" and not options.allow_embedded:
        raise PushError(
            "embedded-tokenizer",
            "The dataset was tokenised with the embedded vocabulary. Its ids do not fit any published model.",
            "Build it with the tokenizer of a model (tokenizer under [tokenize] in pipeline.toml: a Hub id or a local "
            "file), or allow the embedded vocabulary for this push (--allow-embedded).",
        )


def check_licences(sources: Sequence[Source], permitted: Sequence[str]) -> list[str]:
    """Raises for a licence that forbids publishing; gives a warning for each licence that is unknown.

    `permitted`: the sources whose owner permits it all the same.
    """
    names = {source.name for source in sources}
    if unknown := sorted(set(permitted) - names):
        raise PushError(
            "license",
            f"--permitted names {', '.join(unknown)}, but this dataset has no such source.",
            f"Its sources are {', '.join(sorted(names))}.",
        )
    others = [source for source in sources if source.name not in permitted]
    if forbidden := [source for source in others if FORBIDDING_LICENCES.search(spelled(source.license))]:
        raise PushError(
            "license",
            "The licences of these sources forbid publishing a changed copy: "
            + ", ".join(f"{source.name} ({source.license})" for source in forbidden)
            + ".",
            "Remove these sources from pipeline.toml and build the dataset again. If the owner permits it, name each "
            "of them (--permitted NAME).",
        )
    return [
        f"The licence of {source.name} is unknown. Find out whether it may be published, and declare the licence in "
        "pipeline.toml."
        for source in others
        if spelled(source.license) in UNKNOWN_LICENCES
    ]


def spelled(licence: str) -> str:
    """The name of a licence in lower case, with - for spaces.

    >>> spelled("CC BY-NC_ND 4.0")
    'cc-by-nc-nd-4.0'
    """
    return re.sub(r"[\s_-]+", "-", licence.strip().lower())


def sha256_of(folder: Path, path: str) -> str:
    try:
        return describe_file(folder / path).sha256
    except OSError as error:
        raise PushError(
            "changed-since-export",
            f"{path} is in the manifest, but cannot be read ({error.strerror}).",
            "Build the dataset again (make processed).",
        ) from None


def check_unchanged(digests: Mapping[str, str], manifest: Manifest) -> list[str]:
    """Raises where a file is not the one that the manifest describes. A card may be edited by hand: a warning."""
    changed = [
        path for path, digest in digests.items() if path in manifest.files and digest != manifest.files[path].sha256
    ]
    if data := [path for path in changed if path != CARD]:
        raise PushError(
            "changed-since-export",
            f"These files were changed after the export: {', '.join(data)}. The manifest describes other files.",
            "Build the dataset again (make processed).",
        )
    return [f"{CARD} was edited after the export; the edited card is published."] if changed else []
