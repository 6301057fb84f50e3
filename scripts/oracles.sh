#!/usr/bin/env bash
# Puts the real Borgs that the tests compare with under build/oracles: borg-1.4.5 from PyPI (compiled here, two minutes once),
# borg-1.2.4 from the distribution where that has it, else from PyPI too.
# With VINCULUM_FRONTENDS=1 also front-ends that drive either: borgmatic, and the library that its spot check hashes by in
# tests; Vorta with its tests, which are in its git repository only (or in the one that VINCULUM_VORTA_SOURCE names).
# VINCULUM_BORG145 and VINCULUM_BORG124 name the bin/borg of installations to use instead.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/oracles

version_of() { "$1" --version 2>/dev/null | awk '{print $2}'; }

# compile VERSION: a virtual environment of its own with that Borg. The environment is moved into place by the symlink
# only when it works, so that an interrupted run is not mistaken for a finished one.
compile() {
    local home="$PWD/build/oracles/compiled-$1"
    if [ "$(version_of "$home/bin/borg")" != "$1" ]; then
        echo "Compiling Borg $1 from PyPI"
        rm -rf "$home"
        "${PYTHON:-python3}" -m venv "$home"
        "$home/bin/pip" install --quiet "borgbackup==$1"
    fi
    provide "$1" "$home/bin/borg"
}

# provide VERSION BORG: links the installation that BORG belongs to, after making sure that it runs and is that version.
provide() {
    local found
    found=$(version_of "$2")
    if [ "$found" != "$1" ]; then
        echo "error: $2 should be Borg $1 but says '$found'" >&2
        exit 1
    fi
    ln -sfn "$(cd "$(dirname "$2")/.." && pwd)" "build/oracles/borg-$1"
}

if [ -n "${VINCULUM_BORG145:-}" ]; then provide 1.4.5 "$VINCULUM_BORG145"; else compile 1.4.5; fi

if [ -n "${VINCULUM_BORG124:-}" ]; then
    provide 1.2.4 "$VINCULUM_BORG124"
elif [ "$(version_of /usr/bin/borg)" = 1.2.4 ]; then
    provide 1.2.4 /usr/bin/borg
else
    compile 1.2.4
fi

if [ -z "${VINCULUM_FRONTENDS:-}" ]; then exit; fi

borgmatic=2.1.10
if [ "$(build/oracles/borgmatic/bin/borgmatic --version 2>/dev/null)" != "$borgmatic" ]; then
    rm -rf build/oracles/borgmatic
    "${PYTHON:-python3}" -m venv build/oracles/borgmatic
    build/oracles/borgmatic/bin/pip install --quiet xxhash==3.6.0 "borgmatic==$borgmatic"
fi

vorta=0.11.5
if [ ! -e "build/oracles/vorta/source-$vorta" ]; then
    rm -rf build/oracles/vorta
    "${PYTHON:-python3}" -m venv build/oracles/vorta
    build/oracles/vorta/bin/pip install --quiet "vorta==$vorta" pyqt6==6.11.0 pyqt6-qt6==6.11.2 \
        pytest==9.2.0 pytest-mock==3.17.0 pytest-qt==4.5.0
    cloned="build/oracles/vorta/cloned"
    git clone --quiet --no-checkout --branch "v$vorta" "${VINCULUM_VORTA_SOURCE:-https://github.com/borgbase/vorta}" "$cloned"
    git -C "$cloned" checkout --quiet "v$vorta" -- tests pyproject.toml
    mv "$cloned" "build/oracles/vorta/source-$vorta"
fi
