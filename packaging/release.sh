#!/usr/bin/env bash
# Makes the sources say that they are a version, which is released today: packaging/release.sh VERSION
# The version is written down in Cargo.toml; what cannot read it there (Cargo.lock, the package itself, the change log) follows.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:?which version}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "error: $version is not a version such as 1.2.3" >&2; exit 1; }
old=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)

python3 packaging/changelog.py collect "$version" "$(date +%F)"
sed -i "s/^version = \"$old\"$/version = \"$version\"/" Cargo.toml
sed -i "/^name = \"vinculum-/{n;s/\"$old\"/\"$version\"/}" Cargo.lock
sed -i "s/^__version__ = \"$old\"$/__version__ = \"$version\"/" src/vinculum/__init__.py
python3 packaging/changelog.py notes "$version" >/dev/null
echo "The sources are version $version now; docs/releasing.md says what comes next."
