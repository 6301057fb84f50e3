"""Thousands of random patterns and paths: ours must match exactly where real Borg's do."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

from vinculum.archive.patterns import INCLUDE, STYLES, parse_pattern

ASK_BORG = """
import json, sys, warnings
warnings.simplefilter("ignore")
from borg.patterns import parse_pattern
question = json.load(sys.stdin)
answers = []
for text in question["patterns"]:
    try:
        pattern = parse_pattern(text)
    except Exception:
        answers.append(None)
        continue
    answers.append([bool(pattern.match(path)) for path in question["paths"]])
json.dump(answers, sys.stdout)
"""

PIECES = ["a", "b", "/", "*", "?", "**/", "[ab]", "[!a]", ".", "[^a]", "[", "\\", "]", "+", "[a-c]", "!", "{a,b}", "ä", "\n"]
LETTERS = ["a", "b", "c", "/", ".", "^", "\\", "[", "!", "\n", "ä"]


def test_random_patterns_match_where_borgs_do(borg145_python: Path) -> None:
    chance = random.Random(20261123)
    texts = {"".join(chance.choices(PIECES, k=chance.randint(1, 7))) for _ in range(1500)}
    patterns = [f"{style}:{text}" for text in sorted(texts) for style in STYLES]
    paths = sorted({"".join(chance.choices(LETTERS, k=chance.randint(1, 6))).strip("/") for _ in range(300)})
    question = json.dumps({"patterns": patterns, "paths": paths})
    done = subprocess.run([borg145_python, "-c", ASK_BORG], input=question, capture_output=True, text=True, check=True)
    matched = 0
    for text, expected in zip(patterns, json.loads(done.stdout), strict=True):
        try:
            ours = parse_pattern(text, "fm", INCLUDE)
        except ValueError:
            assert expected is None, text
            continue
        assert expected is not None, text
        for path, answer in zip(paths, expected, strict=True):
            assert ours.test(path) is answer, (text, path)
            matched += answer
    assert matched > 1000
