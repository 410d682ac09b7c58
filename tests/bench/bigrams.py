#!/usr/bin/env python3
"""Makes the table in src/secret/engine/bigram.rs: how much likelier than chance one letter follows another in words.

    tests/bench/bigrams.py DIR... > table

Reads the words (three letters and more, each once, case folded, names split where case changes) of all .rs, .c, .md
and .txt files below the directories; any large body of code and English text gives nearly the same numbers. An entry
is 4 * log2(26 * P(next | letter)), rounded and held to -20..20; a pair never seen counts half.
"""
import math, pathlib, re, sys

words = set()
for root in sys.argv[1:]:
    for path in pathlib.Path(root).rglob("*"):
        if path.suffix in (".rs", ".c", ".md", ".txt") and path.is_file():
            for word in re.findall(r"[A-Z]?[a-z]{2,14}|[A-Z]{3,14}(?![a-z])", path.read_text(errors="replace")):
                if len(word) >= 3:
                    words.add(word.lower())
count = [[0.5] * 26 for _ in range(26)]
for word in words:
    for a, b in zip(word, word[1:]):
        count[ord(a) - 97][ord(b) - 97] += 1
for row in count:
    total = sum(row)
    print("    [" + ", ".join(str(max(-20, min(20, round(4 * math.log2(26 * n / total))))) for n in row) + "],")
