#!/usr/bin/env bash
# Makes sure that the machine has what a purpose needs, and installs it on Debian and its kin where it may.
#
#     scripts/prepare.sh build     a C compiler, Rust, Python with venv
#     scripts/prepare.sh test      in addition what the tests use: real Borg and what compiling it takes
#     scripts/prepare.sh dist      in addition to the first: what building packages and trying them takes
#
# Says nothing and changes nothing where all is there. Fails, naming what is missing, where it cannot help.
set -euo pipefail
purpose=${1:?build, test or dist}

packages=()
# need CONDITION PACKAGE...: unless the condition holds, the packages are to be installed.
need() {
    local condition=$1
    shift
    eval "$condition" >/dev/null 2>&1 || packages+=("$@")
}

need 'command -v cc' gcc libc6-dev
need '${PYTHON:-python3} -c "import ensurepip, venv"' python3 python3-venv
if [ "$purpose" = test ]; then
    need 'command -v pkg-config' pkg-config
    need 'test -e "$(${PYTHON:-python3} -c "import sysconfig; print(sysconfig.get_path(\"include\"))")/Python.h"' python3-dev
    need 'pkg-config --exists libacl' libacl1-dev
    need 'pkg-config --exists openssl' libssl-dev
    need 'pkg-config --exists liblz4' liblz4-dev
    need 'pkg-config --exists libzstd' libzstd-dev
    need 'pkg-config --exists libxxhash' libxxhash-dev
    need 'command -v /usr/bin/borg' borgbackup
    need 'command -v fusermount3' fuse3
    need '/usr/bin/python3 -c "import llfuse"' python3-llfuse
    need 'command -v setfacl' acl
    need 'command -v setfattr' attr
    need 'command -v chattr' e2fsprogs
    need 'command -v setpriv' util-linux
    need 'command -v rsvg-convert' librsvg2-bin
    need 'command -v zbarimg' zbar-tools
    need 'test -x /usr/sbin/cron' cron
    need 'test -x /usr/sbin/sshd' openssh-server
    need 'command -v ssh' openssh-client
    need 'command -v strace' strace
    need 'command -v zsh' zsh
    need 'command -v fish' fish
    need 'test -e /usr/share/zoneinfo/Europe/Berlin' tzdata
    need 'test -e /usr/share/i18n/locales/tr_TR' locales
fi

if [ "$purpose" = dist ]; then
    need 'test -e /usr/include/expat.h' libexpat1-dev
    need 'test -e /usr/include/zlib.h' zlib1g-dev
    need 'ls /usr/lib/python3*/config-*/libpython3*.a' "lib$(basename "$(readlink -f /usr/bin/python3)")-dev"
    need '/usr/bin/python3 -c "import ensurepip, venv"' python3-venv
    need 'command -v dpkg-deb' dpkg
    need 'command -v objdump' binutils
    need 'test -x /usr/sbin/debootstrap' debootstrap
fi

if [ ${#packages[@]} -gt 0 ]; then
    if ! command -v apt-get >/dev/null; then
        echo "error: missing on this machine (names of the Debian packages): ${packages[*]}" >&2
        exit 1
    fi
    become_root=()
    if [ "$(id -u)" != 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            echo "error: please install first: sudo apt-get install ${packages[*]}" >&2
            exit 1
        fi
        become_root=(sudo -n)
    fi
    echo "Installing ${packages[*]}"
    "${become_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${become_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null; then
    echo 'error: cargo is missing; install Rust from https://rustup.rs and run this again' >&2
    exit 1
fi

if [ "$purpose" = test ] && [ ! -e /dev/fuse ]; then
    echo 'error: the tests mount archives and need /dev/fuse; run modprobe fuse, or give the container that device' >&2
    exit 1
fi

if [ "$purpose" = test ] && [ "$(id -u)" != 0 ]; then
    echo 'error: the tests make device nodes, foreign owners, immutable files and small file systems; run them as root' >&2
    exit 1
fi
