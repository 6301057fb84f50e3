"""Runs Borg's own repository class on request; executed by the oracle's Python, see `store_oracle`.

One request a line on stdin, one answer a line on stdout, both JSON: {"path", "config", "sessions"}; a session is a list of
steps [word, ...facts] carried out on one opened repository, with ids and data in hex. The answer is what the steps gave.
"""

import json
import os
import sys

from borg.helpers import IntegrityError
from borg.logger import setup_logging
from borg.repository import Repository

setup_logging(level="error")


def run_session(path, steps):
    answers = []
    with Repository(path, exclusive=True) as repository:
        for word, *facts in steps:
            try:
                answers.append(run_step(repository, word, [bytes.fromhex(fact) for fact in facts]))
            except (Repository.ObjectNotFound, Repository.CheckNeeded, IntegrityError) as error:
                answers.append(type(error).__name__)
    return answers


def run_step(repository, word, facts):
    if word == "put":
        repository.put(*facts)
    elif word == "delete":
        repository.delete(*facts)
    elif word == "get":
        return bytes(repository.get(*facts)).hex()
    elif word == "list":
        return [id.hex() for id in repository.list()]
    elif word == "commit":
        repository.commit(compact=False)
    elif word == "compact":
        repository.commit(compact=True, threshold=facts[0][0] / 100, cleanup_commits=len(facts) > 1)
    elif word == "rollback":
        repository.rollback()
    else:
        raise ValueError(word)
    return None


def run_request(path, config, sessions):
    if not os.path.exists(path):
        with Repository(path, create=True, exclusive=True):
            pass
        with open(os.path.join(path, "config"), "w") as file:
            file.write(config)
    return [run_session(path, steps) for steps in sessions]


for line in sys.stdin:
    print(json.dumps(run_request(**json.loads(line))), flush=True)
