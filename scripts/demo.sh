#!/usr/bin/env bash
# A first backup from nothing to a restored tree, on files of this machine, with every command shown as a user would type it.
#
#     scripts/demo.sh BORG       BORG is the program to show; everything happens below build/demo, which is made anew
#     (or below VINCULUM_DEMO_PLACE)
#
# Exits non-zero if a command fails, or if what comes back is not what went in.
set -euo pipefail
cd "$(dirname "$0")/.."
borg=$(realpath -s "${1:?the program to show}")
place=${VINCULUM_DEMO_PLACE:-$PWD/build/demo}
wanted_files=5000

if [ -t 1 ]; then bold=$'\e[1m' green=$'\e[32m' plain=$'\e[0m'; else bold='' green='' plain=''; fi

say() { printf '\n%s\n' "$*"; }

# show COMMAND: prints a shell command and runs it, with what it prints, and how long it took if that can be felt.
show() {
    local started ended
    printf '\n%s$ %s%s\n' "$bold" "$1" "$plain"
    started=$(date +%s%N)
    eval "$1" 2>&1
    ended=$(date +%s%N)
    if [ $((ended - started)) -gt 300000000 ]; then
        printf '%s(%d.%02d s)%s\n' "$green" $(((ended - started) / 1000000000)) $(((ended - started) / 10000000 % 100)) "$plain"
    fi
}

# description DIRECTORY: one line for each thing below: kind, mode, owner, time to the nanosecond, link target, size of files.
description() {
    (cd "$1" && find . \( -type d -printf '%p %y %m %U %G %T@\n' \) -o -printf '%p %y %m %U %G %T@ %l %s\n' | LC_ALL=C sort)
}

rm -rf "$place"
mkdir -p "$place/bin"
ln -s "$borg" "$place/bin/borg"
export PATH="$place/bin:$PATH" BORG_BASE_DIR="$place/home" BORG_PASSPHRASE='a passphrase for the demo'
cd "$place"

say 'Collecting files of this machine to back up ...'
mkdir files
for source in /usr/share/doc /usr/include /usr/share/zoneinfo /usr/lib/python3 /usr/share/perl /usr/share /usr/lib; do
    [ -d "$source" ] || continue
    cp -a "$source" "files/$(echo "${source#/usr/}" | tr / -)"
    [ "$(find files -type f | wc -l)" -lt "$wanted_files" ] || break
done
cp -a files original
echo "$(find files -type f | wc -l) files, $(du -sh files | cut -f1), in $place/files"

say 'This is the program:'
show 'borg --version'

say 'A repository is made once. Its key is kept inside and protected by a passphrase.'
show "export BORG_PASSPHRASE='$BORG_PASSPHRASE'"
show 'borg init --encryption=repokey repo'

say 'Monday: everything is new.'
show 'borg create repo::Monday files'

say 'Some files are lost ...'
show "find files -type f -name 'c*' -delete"

say 'Tuesday: only what changed is looked at, so this is quick.'
show 'borg create repo::Tuesday files'
show 'borg create --stats repo::Wednesday files'

say 'What is there?'
show 'borg list repo'
show 'borg list repo::Monday | tail -n 5'
show 'borg list --short repo::Monday | wc -l'

say 'Bring Monday back, somewhere else.'
show 'mkdir restored && cd restored'
show 'borg extract ../repo::Monday'
show 'cd ..'

say 'Is it what Monday was?'
show 'diff --recursive --no-dereference original restored/files && echo "Same content."'
description original >original.txt
description restored/files >restored.txt
cmp original.txt restored.txt
echo "Same kinds, modes, owners, times and links for $(wc -l <original.txt) files and directories."

cat <<EOT

${green}Done.${plain} The repository is ${bold}$place/repo${plain}

To go on from here, type:

    export PATH="$place/bin:\$PATH" BORG_BASE_DIR="$BORG_BASE_DIR" BORG_PASSPHRASE='$BORG_PASSPHRASE'
    cd "$place"
    borg info repo::Wednesday
    borg create --stats --progress repo::Thursday files
    borg extract --dry-run --list repo::Monday

For a repository of your own: borg init --encryption=repokey /path/to/repo
EOT
