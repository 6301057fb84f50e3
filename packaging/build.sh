#!/usr/bin/env bash
# Builds what a release consists of into dist/: packaging/build.sh [PART...], all parts by default, in this order.
#
#     wheel        for any Python from 3.11 on; VINCULUM_TARGET=aarch64-unknown-linux-musl and the like for other machines
#     sdist        the sources
#     standalone   the program as one file (vinculum-VERSION-linux-MACHINE), made of Debian's Python
#     deb          Debian packages, of the wheel
#     sbom         what all that is made of
#     sums         SHA256SUMS of everything in dist/
#
# `make dist` calls it, and the release workflow calls it for one part at a time. It needs what `make build` leaves in .venv.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.venv/bin:$PATH  # where maturin finds Zig
export PYO3_PYTHON=$PWD/.venv/bin/python PIP_DISABLE_PIP_VERSION_CHECK=1
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
machine=$(uname -m)
host=$machine-unknown-linux-gnu
debian_python=${VINCULUM_DEBIAN_PYTHON:-/usr/bin/python3}
ingredients=build/ingredients

# Compiling with Zig as the linker makes wheels for systems that are older than this one, and for other ones.
build_wheel() {
    local target=${VINCULUM_TARGET:-$host} policy=()
    .venv/bin/pip install --quiet --group dist
    case $target in
        *-linux-gnu) policy=(--zig --compatibility manylinux_2_17) ;;
        *-linux-musl) policy=(--zig --compatibility musllinux_1_2) ;;
    esac
    rm -f dist/*.whl
    .venv/bin/maturin build --quiet --release --strip --target "$target" ${policy[@]+"${policy[@]}"} --out dist
}

build_sdist() {
    rm -f dist/*.tar.gz
    .venv/bin/maturin sdist --out dist
}

# An environment of Debian's Python with what the program depends on: what the executable is made of.
prepare_ingredients() {
    [ -x $ingredients/bin/python ] || "$debian_python" -m venv $ingredients
    $ingredients/bin/pip install --quiet --upgrade 'pip>=25.1'
    $ingredients/bin/pip install --quiet msgpack segno
}

build_standalone() {
    prepare_ingredients
    cargo rustc --quiet --release --package vinculum-bindings --crate-type staticlib
    $ingredients/bin/python packaging/standalone/build.py target/release/lib_native.a "dist/vinculum-$version-linux-$machine"
}

build_deb() {
    rm -f dist/*.deb
    .venv/bin/python packaging/debian/build.py dist/*manylinux*"$machine".whl dist
}

build_sbom() {
    prepare_ingredients
    $ingredients/bin/python packaging/sbom.py >"dist/vinculum-$version.cdx.json"
}

build_sums() {
    rm -f dist/SHA256SUMS
    (cd dist && sha256sum -- *) >build/SHA256SUMS
    mv build/SHA256SUMS dist/
}

mkdir -p dist build
[ $# -gt 0 ] || set -- wheel sdist standalone deb sbom sums
for part; do
    echo "Building $part"
    "build_$part"
done
