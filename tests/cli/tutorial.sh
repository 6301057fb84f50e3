#!/bin/sh

# BORG 저장소를 미리 설정해두면 커맨드라인에서 또 작성 할 필요가 없습니다.
export BORG_REPO=asus:~/Documents/borgrepo

# PassPhrase를 설정 한 경우
export BORG_PASSPHRASE=''

# some helpers and error handling:
info() { printf "\n%s %s\n\n" "$( date )" "$*" >&2; }
trap 'echo $( date ) Backup interrupted >&2; exit 2' INT TERM

info "Starting backup"

# Backup the most important directories into an archive named after
# the machine this script is currently running on:

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
    ::'{hostname}-{now}'            \
    /home/ubuntu/mydata/            \

backup_exit=$?

info "Pruning repository"

# 일별/ 주간/ 월간 백업을 남겨두고 싶은 갯수를 지정해 그 이전 백업들은 prune >명령어로 제거합니다. prefix 가 같은 백업 단위로 시행되기 때문에, prefix를 올바
르게 지정하는게 매우 중요합니다.

borg prune                          \
    --list                          \
    --prefix '{hostname}-'          \
    --show-rc                       \
    --keep-daily    7               \
    --keep-weekly   4               \
    --keep-monthly  6               \

prune_exit=$?

# use highest exit code as global exit code
global_exit=$(( backup_exit > prune_exit ? backup_exit : prune_exit ))

if [ ${global_exit} -eq 0 ]; then
    info "Backup and Prune finished successfully"
elif [ ${global_exit} -eq 1 ]; then
    info "Backup and/or Prune finished with warnings"
else
    info "Backup and/or Prune finished with errors"
fi

exit ${global_exit}
