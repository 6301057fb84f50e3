#!/usr/bin/env bash
# Makes the sources say that they are a version, which is released today: packaging/release.sh VERSION
# The version is written down in Cargo.toml; what cannot read it there (Cargo.lock, the package itself, the change log) follows.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:?which version}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "error: $version is not a version such as 1.2.3" >&2; exit 1; }
old=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)

sed -i "s/^version = \"$old\"$/version = \"$version\"/" Cargo.toml
sed -i "/^name = \"vinculum-/{n;s/\"$old\"/\"$version\"/}" Cargo.lock
sed -i "s/^__version__ = \"$old\"$/__version__ = \"$version\"/" src/vinculum/__init__.py
sed -i "0,/^## .* – unreleased$/s//## $version – $(date +%F)/" CHANGELOG.md
python3 packaging/notes.py "$version" >/dev/null

cat <<EOT
The sources are version $version now. Look at \`git diff\`, then

    make test                          (the manual shows the version: VINCULUM_MANUAL=write writes it anew)
    git commit -am 'Release $version' && git tag -s v$version -m 'vinculum $version'
    make dist dist-test
    git push --follow-tags             (the workflow builds the same once more, and publishes it)
EOT
