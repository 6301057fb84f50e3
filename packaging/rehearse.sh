#!/usr/bin/env bash
# A release from its first step to the last but one, in a clone: packaging/rehearse.sh VERSION
# Nothing here changes and nothing is published. What would be lies in build/rehearsal/dist afterwards, with its notes.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:?which version}
place=$PWD/build/rehearsal

[ -z "$(git status --porcelain)" ] || { echo "error: the rehearsal takes what is committed, and something is not" >&2; exit 1; }
rm -rf "$place"
git clone --quiet . "$place"
cd "$place"
packaging/release.sh "$version"
make dist dist-test
python3 packaging/changelog.py notes "$version" >notes.md
echo "Would be published as v$version, with $(wc -l <notes.md) lines of notes:"
(cd dist && ls -sh1 -- *)
python3 packaging/ready.py "$version"
