"""vinculum: BorgBackup 1.x repositories, on all cores."""

__version__ = "0.1.0"
BORG_VERSION = "1.4.5"  # the Borg release whose interface this program provides
