#!/usr/bin/env bash
# Looks for input that a parser does not cope with: scripts/fuzz.sh SECONDS [TARGET...], all targets by default, each that long.
# Atheris gets an environment of its own in build/fuzz-tools, and the kernels are compiled once more, in a way that tells it
# which of their branches were reached. Findings are left in build/fuzz,
# the corpora in tests/fuzz/corpus are brought up to date.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?how long}
shift
tools=build/fuzz-tools

test -x $tools/bin/python || "${PYTHON:-python3}" -m venv $tools
$tools/bin/pip install --quiet --upgrade 'pip>=25.1'
$tools/bin/pip install --quiet --group fuzz

coverage=(-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-{level=3,inline-8bit-counters,pc-table,trace-compares})
platform=$(rustc -vV | sed -n 's/^host: //p')
PYO3_PYTHON=$PWD/$tools/bin/python RUSTFLAGS="${coverage[*]}" \
    cargo build --quiet --profile quick --package vinculum-bindings --target "$platform" --target-dir target/fuzz

# Whoever provides libFuzzer's functions must be there before the kernels want them. What Python never gives back is no finding.
libfuzzer=$($tools/bin/python -c 'import atheris; print(atheris.path())')/asan_with_fuzzer.so
export VINCULUM_FUZZ_NATIVE=$PWD/target/fuzz/$platform/quick/lib_native.so ASAN_OPTIONS=detect_leaks=0
[ $# -gt 0 ] || set -- $(cd tests/fuzz/targets && ls [a-z]*.py | sed 's/\.py$//')
for target; do
    echo "Fuzzing $target for $seconds seconds"
    LD_PRELOAD=$libfuzzer nice $tools/bin/python tests/fuzz/run.py "$target" "$seconds"
done
