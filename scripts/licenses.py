"""The licences of everything that ko-instruct needs, as a table; fails for one that Apache-2.0 does not go with.

python -m scripts.licenses        (of the extras, what is installed)
"""

import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

#: What a work under Apache-2.0 may depend on: permissive licences, and those whose terms end at their own files.
GOES_WITH = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Unlicense|0BSD|CC0|Zlib|HPND|BSL-1\.0"
    r"|Public Domain)\b",
    re.IGNORECASE,
)
#: What it may not be passed on with. The lesser GPL allows use as a library that anyone can replace, as Python's are.
DOES_NOT = re.compile(
    r"(?<!L)(?<!Lesser )\b(A?GPL|(Affero )?General Public Licen[cs]e|SSPL|BUSL|proprietary)", re.IGNORECASE
)
LESSER = re.compile(r"\bLGPL|Lesser General Public", re.IGNORECASE)


def needed(name: str) -> dict[str, str]:
    """Every installed package that a package needs, at any depth, and for what: "" to run, or an extra's name."""
    found: dict[str, str] = {}
    extras = distribution(name).metadata.get_all("Provides-Extra") or []
    for extra in ("", *sorted(extras)):
        waiting = [(name, (extra,))]
        while waiting:
            package, wanted = waiting.pop()
            for line in distribution(package).requires or ():
                requirement = Requirement(line)
                if requirement.marker and not any(
                    requirement.marker.evaluate({"extra": each}) for each in (*wanted, "")
                ):
                    continue
                try:
                    key = distribution(requirement.name).metadata["Name"].lower()
                except PackageNotFoundError:
                    continue
                if key not in found:
                    found[key] = extra
                    waiting.append((key, tuple(requirement.extras)))
    return found


def license_of(package: Distribution) -> str:
    """As its metadata says: the SPDX expression, the classifiers, or the first line of the field."""
    metadata = package.metadata
    classifiers = [
        line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")
    ]
    named = [line for line in classifiers if line != "OSI Approved"]
    text = metadata.get("License-Expression") or "; ".join(named) or (metadata.get("License") or "").strip()
    return (text.splitlines() or ["unknown"])[0]


def goes_with_apache(text: str) -> bool:
    """Whether all of these licences, or one of those to choose from, are known to go with Apache-2.0."""
    choices = [text] if " AND " in text else re.split(r"\bOR\b", text)
    return any((GOES_WITH.search(one) or LESSER.search(one)) and not DOES_NOT.search(one) for one in choices)


def main() -> None:
    faults = []
    print(f"{'package':<32} {'version':<12} {'needed for':<10} licence")
    for name, extra in sorted(needed("ko-instruct").items()):
        package = distribution(name)
        text = license_of(package)
        print(f"{name:<32} {package.version:<12} {extra or 'run':<10} {text}")
        if not goes_with_apache(text):
            faults.append(f"{name}: {text}")
    if faults:
        sys.exit("Does not go with Apache-2.0, or is not known to (see tests/licenses.py):\n  " + "\n  ".join(faults))


if __name__ == "__main__":
    main()
