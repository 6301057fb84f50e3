"""The script that tutorials put into crontab runs as it is: create with nine options, then prune by prefix."""

from __future__ import annotations

import os
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.archives import list_archives
from support.programs import Program

SCRIPT = r"""#!/bin/sh
export BORG_REPO={repository}
export BORG_PASSPHRASE=''
info() {{ printf "\n%s %s\n\n" "$( date )" "$*" >&2; }}
trap 'echo $( date ) Backup interrupted >&2; exit 2' INT TERM

info "Starting backup"

borg create                         \
    --verbose                       \
    --filter AME                    \
    --list                          \
    --stats                         \
    --show-rc                       \
    --compression lz4               \
    --exclude-caches                \
    --exclude '**/data1.txt'        \
                                    \
    ::'{{hostname}}-{{now}}'            \
    {source}/                       \

backup_exit=$?

info "Pruning repository"

borg prune                          \
    --list                          \
    --prefix '{{hostname}}-'          \
    --show-rc                       \
    --keep-daily    7               \
    --keep-weekly   4               \
    --keep-monthly  6               \

prune_exit=$?

global_exit=$(( backup_exit > prune_exit ? backup_exit : prune_exit ))

if [ ${{global_exit}} -eq 0 ]; then
    info "Backup and Prune finished successfully"
elif [ ${{global_exit}} -eq 1 ]; then
    info "Backup and/or Prune finished with warnings"
else
    info "Backup and/or Prune finished with errors"
fi

exit ${{global_exit}}
"""


def test_it_runs_as_written(vinculum: Program, borg145: Program, workplace: Path) -> None:
    repository, source, host = workplace / "repository", workplace / "mydata", os.uname().nodename.partition(".")[0]
    (source / "cache").mkdir(parents=True)
    (source / "cache/CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55")
    (source / "cache/big").write_text("left out")
    (source / "data1.txt").write_text("left out")
    (source / "data2.txt").write_text("kept")
    keyless = {"BORG_PASSPHRASE": "", "BORG_REPO": str(repository)}
    vinculum.run("init", "-e", "repokey", repository, **keyless)
    today = datetime.now(UTC)
    for days in (1, 2, 3, 5, 9, 11, 40, 80, 400, 401):
        stamp = (today - timedelta(days=days)).isoformat(timespec="seconds").removesuffix("+00:00")
        for prefix in (host, "other"):
            vinculum.run("create", "--timestamp", stamp, f"::{prefix}-{days}", source, **keyless)
    programs = workplace / "bin"
    programs.mkdir()
    (programs / "borg").write_text(f'#!/bin/sh\nexec {shlex.join(vinculum.call)} "$@"\n')
    (programs / "borg").chmod(0o755)
    script = workplace / "borg.sh"
    script.write_text(SCRIPT.format(repository=repository, source=source))
    environment = {**vinculum.environment, "PATH": f"{programs}:{vinculum.environment['PATH']}"}
    done = subprocess.run(["sh", script], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert [line for line in lines if "terminating with success" in line] == ["terminating with success status, rc 0"] * 2
    assert "Backup and Prune finished successfully" in done.stderr
    assert any(line.startswith("This archive:") for line in lines)
    kept = [name for name in list_archives(borg145.with_environment(**keyless), repository) if name.startswith(f"{host}-")]
    new = [name for name in kept if "T" in name]
    assert len(new) == 1
    content = borg145.run("list", "--short", f"{repository}::{new[0]}", **keyless).out
    assert "data2.txt" in content
    assert "data1.txt" not in content
    assert "cache/big" not in content
    # What is left satisfies real Borg, and other series were left alone.
    rules = ["--keep-daily", "7", "--keep-weekly", "4", "--keep-monthly", "6", "-P", f"{host}-"]
    again = borg145.run("prune", "--dry-run", "--list", *rules, repository, **keyless).err
    assert "Would prune" not in again
    others = [name for name in list_archives(borg145.with_environment(**keyless), repository) if name.startswith("other-")]
    assert len(others) == 10
    assert 5 < len(kept) < 12
    borg145.run("check", repository, **keyless)
