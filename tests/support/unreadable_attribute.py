"""An extended attribute that cannot be read, whatever has it and however it is asked for: the C library says EIO.

strace, which the other failures come from, knows no calls that are newer than itself.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.programs import Program

_GETXATTRAT = 464
_SOURCE = f"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int fails(const char *name) {{
    if (strcmp(name, getenv("UNREADABLE_ATTRIBUTE")))
        return 0;
    close(open(getenv("UNREADABLE_LOG"), O_CREAT | O_WRONLY, 0600));
    errno = EIO;
    return 1;
}}

ssize_t getxattr(const char *path, const char *name, void *value, size_t size) {{
    return fails(name) ? -1 : REAL(getxattr)(path, name, value, size);
}}

ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size) {{
    return fails(name) ? -1 : REAL(lgetxattr)(path, name, value, size);
}}

ssize_t fgetxattr(int fd, const char *name, void *value, size_t size) {{
    return fails(name) ? -1 : REAL(fgetxattr)(fd, name, value, size);
}}

long syscall(long number, ...) {{
    va_list more;
    long given[6];
    va_start(more, number);
    for (int place = 0; place < 6; place++)
        given[place] = va_arg(more, long);
    va_end(more);
    if (number == {_GETXATTRAT} && fails((const char *)given[3]))
        return -1;
    return REAL(syscall)(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}}
"""


def without_attribute(program: Program, name: str, log: Path) -> Program:
    """The program, which cannot read the attribute; once it has tried to, there is a file `log`."""
    library = log.with_suffix(".so")
    if not library.exists():
        source = log.with_suffix(".c")
        source.write_text(_SOURCE)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return program.with_environment(UNREADABLE_ATTRIBUTE=name, UNREADABLE_LOG=str(log), LD_PRELOAD=str(library))
