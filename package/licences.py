#!/usr/bin/env python3
"""licences.py TRIPLE: writes what is linked into the binaries, each with its licence and its text.

Of every crate that the binaries are built from (`cargo tree`) for that target: name, version, the
licence that it declares, and the files of its source that state it. A text that several crates
share stands there once. A crate that declares a licence and has no text of it is listed as such.
"""

import hashlib
import json
import pathlib
import re
import subprocess
import sys

TEXTS = re.compile(r"(?i)^(licen[cs]e|copying|notice|unlicense|copyright)")
# Longer ones are no licences.
LONGEST = 100_000


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def texts(folder):
    found = [path for path in sorted(folder.iterdir()) if TEXTS.match(path.name)]
    files = []
    for path in found:
        files.extend(sorted(path.iterdir()) if path.is_dir() else [path])
    read = [path.read_text(errors="replace") for path in files if path.is_file() and path.stat().st_size <= LONGEST]
    return ["\n".join(line.rstrip() for line in text.strip().splitlines()) for text in read]


def main():
    triple = sys.argv[1]
    metadata = json.loads(output("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", triple))
    tree = output("cargo", "tree", "--locked", "--package", "doorward", "--edges", "normal", "--target", triple,
                  "--prefix", "none", "--format", "{p}")
    linked = {tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()}
    numbers, bodies, without = {}, [], []
    print("What is linked into doorward and doorward-vendor beside their own sources, with its licences.")
    print("A number in brackets is that of a text below. Rust's standard library: MIT or Apache-2.0.\n")
    for package in sorted(metadata["packages"], key=lambda package: (package["name"], package["version"])):
        # Those without a source are this repository's own.
        if (package["name"], "v" + package["version"]) not in linked or package["source"] is None:
            continue
        places = []
        for text in texts(pathlib.Path(package["manifest_path"]).parent):
            digest = hashlib.sha256(text.encode()).hexdigest()
            if digest not in numbers:
                bodies.append(text)
                numbers[digest] = len(bodies)
            places.append(numbers[digest])
        if not places:
            without.append(package["name"])
        licence = package["license"] or "see its text"
        print(f"{package['name']} {package['version']}: {licence} {sorted(set(places)) or '(no text in its source)'}")
        if package.get("repository"):
            print(f"    {package['repository']}")
    for number, text in enumerate(bodies, 1):
        print(f"\n{'=' * 30} [{number}] {'=' * 30}\n{text}")
    print(f"licences: {len(bodies)} texts; without one in their source: {', '.join(without) or 'none'}", file=sys.stderr)


main()
