#!/usr/bin/env python3
"""Runs secret scanners on a generated set and tells what each finds, misses and wrongly reports.

    evaluate.py --set DIR --scanner refgate=target/debug/refgate [--scanner gitleaks=PATH ...]
    evaluate.py --seed 1 --seed 2 --scanner refgate=PATH --fail-under recall=.97,fp=1

Tools known: refgate, gitleaks, betterleaks, kingfisher, detect-secrets. Findings are named by provider,
kind, place and file; a token is never shown.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LEVELS = {"possible": 0, "likely": 1, "certain": 2}


def run(cmd, cwd):
    done = subprocess.run(cmd, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=1800)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def json_lines(text):
    for line in text.splitlines():
        if line.lstrip().startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:
                continue


def refgate(binary, root):
    code, out, err = run([binary, "scan", "--json", "--certainty", "possible", "."], root)
    if code not in (0, 1):
        sys.exit("evaluate.py: refgate scan ended with %d: %s" % (code, err[-400:]))
    for hit in json_lines(out):
        if "path" in hit:
            yield hit["path"], hit.get("line"), hit.get("certainty", "likely"), hit.get("rule")


def gitleaks(binary, root):
    with tempfile.TemporaryDirectory() as tmp:
        report = os.path.join(tmp, "r.json")
        run([binary, "dir", ".", "--no-banner", "--exit-code", "0", "--report-format", "json", "--report-path", report], root)
        for hit in json.load(open(report)):
            yield hit["File"], hit["StartLine"], "likely", hit["RuleID"]


def betterleaks(binary, root, least="low"):
    _, out, _ = run([binary, ".", "--confidence", least, "--no-banner", "--exit-code", "0", "--redact=100", "--jsonl", "-o", "-"], root)
    for hit in json_lines(out):
        if "finding" in hit:
            f = hit["finding"]
            yield f["location"]["path"], f["location"].get("start_line"), "likely", f["rule_id"]


def kingfisher(binary, root):
    _, out, _ = run([binary, "scan", ".", "--format", "jsonl", "--no-validate", "--no-update-check", "--git-history", "none", "--redact", "--no-dedup"], root)
    for hit in json_lines(out):
        if "finding" in hit:
            f = hit["finding"]
            yield f["path"], f.get("line"), "likely", hit["rule"]["id"]


def detect_secrets(binary, root):
    _, out, _ = run([binary, "scan", "--all-files", "--no-verify", "."], root)
    for path, hits in json.loads(out)["results"].items():
        for hit in hits:
            yield path, hit["line_number"], "likely", hit["type"]


TOOLS = {"refgate": refgate, "gitleaks": gitleaks, "betterleaks": betterleaks, "betterleaks-medium": lambda b, r: betterleaks(b, r, "medium"), "kingfisher": kingfisher, "detect-secrets": detect_secrets}


def collect(tool, binary, out):
    """All hits of a tool as {file: [(line, level, rule)]}, each tree scanned by itself."""
    hits = {}
    roots = ["set"] + ["roots/" + r for r in sorted(os.listdir(os.path.join(out, "roots")))]
    start = time.time()
    for root in roots:
        base = os.path.realpath(os.path.join(out, root))
        for path, line, certainty, rule in TOOLS[tool](binary, base):
            full = path if os.path.isabs(path) else os.path.join(base, path)
            rel = os.path.relpath(os.path.normpath(full), os.path.realpath(out))
            hits.setdefault(rel, []).append((line, LEVELS.get(certainty, 1), rule))
    return hits, time.time() - start


def level_of(entry, hits):
    """The highest level of a hit at the entry's lines, or one beside them; -1 when there is none."""
    first, last = entry["line"] - 1, entry["end_line"] + 1
    levels = [level for line, level, _ in hits.get(entry["file"], []) if line is None or first <= line <= last]
    return max(levels, default=-1)


def judge(truth, hits):
    """The figures, and what stands behind each."""
    rows = {"fresh_found": [], "fresh_missed": [], "found": [], "missed": [], "possible_only": [], "weak_found": [], "weak_missed": [], "wrong_certain": [], "wrong_reported": [], "wrong_silent": [],
            "certain_found": [], "certain_lower": [], "evasion_found": [], "evasion_missed": [], "stretch_found": [], "stretch_missed": [], "out_found": [], "out_missed": [],
            "false_files": [], "false_possible": [], "debatable_found": [], "debatable_silent": []}
    for e in truth:
        cat = e["category"]
        if cat == "neg":
            levels = [level for _, level, _ in hits.get(e["file"], [])]
            if levels:
                e = dict(e, rules=sorted({str(r) for _, lv, r in hits[e["file"]] if lv == max(levels)}), lines=sorted({ln for ln, lv, _ in hits[e["file"]] if lv == max(levels) and ln})[:8])
                rows["false_files" if max(levels) >= 1 else "false_possible"].append(e)
            continue
        level = level_of(e, hits)
        if cat == "fresh":
            rows["fresh_found" if level >= 1 else "fresh_missed"].append(e)
        elif cat == "pos" and e["expected"] == "possible":
            rows["weak_found" if level >= 0 else "weak_missed"].append(e)
        elif cat == "pos":
            rows["found" if level >= 1 else "missed"].append(e)
            if level == 0:
                rows["possible_only"].append(e)
            if e["expected"] == "certain":
                rows["certain_found" if level == 2 else "certain_lower"].append(e)
        elif cat == "wrong":
            rows["wrong_certain" if level == 2 else "wrong_reported" if level >= 0 else "wrong_silent"].append(e)
        elif cat == "debatable":
            rows["debatable_found" if level >= 1 else "debatable_silent"].append(e)
        else:
            scope = {"in": "evasion", "stretch": "stretch", "out": "out"}[e["scope"]]
            rows[scope + ("_found" if level >= 1 else "_missed")].append(e)
    return rows


def share(a, b):
    return len(a) / max(1, len(a) + len(b))


def figures(rows, seconds):
    return {
        "recall": round(share(rows["found"], rows["missed"]), 4),
        "positives": len(rows["found"]) + len(rows["missed"]),
        "missed": len(rows["missed"]),
        "missed_but_possible": len(rows["possible_only"]),
        "fresh_recall": round(share(rows["fresh_found"], rows["fresh_missed"]), 4),
        "weak_recall": round(share(rows["weak_found"], rows["weak_missed"]), 4),
        "certain_told_certain": round(share(rows["certain_found"], rows["certain_lower"]), 4),
        "wrong_as_certain": len(rows["wrong_certain"]),
        "wrong_reported": len(rows["wrong_reported"]),
        "wrong_total": len(rows["wrong_certain"]) + len(rows["wrong_reported"]) + len(rows["wrong_silent"]),
        "fp_files": len(rows["false_files"]),
        "fp_possible_files": len(rows["false_possible"]),
        "evasions": round(share(rows["evasion_found"], rows["evasion_missed"]), 4),
        "evasions_missed": len(rows["evasion_missed"]),
        "evasions_total": len(rows["evasion_found"]) + len(rows["evasion_missed"]),
        "stretch": round(share(rows["stretch_found"], rows["stretch_missed"]), 4),
        "seconds": round(seconds, 2),
    }


def name(e):
    what = [str(e["provider"]) if e["provider"] else "", e["kind"]]
    if e.get("evasion"):
        what.append("[%s]" % e["evasion"])
    elif e.get("context") not in (None, "negative"):
        what.append("(%s)" % e["context"])
    if e.get("rules"):
        what.append("by " + ", ".join(e["rules"]) + " at " + ",".join(map(str, e["lines"])))
    file = os.path.dirname(e["file"]) + "/…" if e.get("evasion") == "in a file's name" else e["file"]
    return " ".join(w for w in what if w) + "  " + file


SHOWN = [("missed", "missed"), ("fresh_missed", "fresh missed"), ("weak_missed", "missed, expected at possible"), ("certain_lower", "verifiable, not told as certain"), ("wrong_certain", "WRONG CHECKSUM TOLD AS CERTAIN"), ("false_files", "false positives"), ("false_possible", "negatives reported as possible"),
         ("evasion_missed", "evasions missed"), ("stretch_missed", "stretch evasions missed"), ("debatable_found", "debatable, reported")]


def report(label, fig, rows, quiet):
    print("== %s" % label)
    print("   recall %.4f (%d missed of %d; %d of them reported as possible), fresh %.2f, weak %.2f, verifiable told certain %.2f" % (fig["recall"], fig["missed"], fig["positives"], fig["missed_but_possible"], fig["fresh_recall"], fig["weak_recall"], fig["certain_told_certain"]))
    print("   files of false positives %d (and %d at possible), wrong checksums: %d as certain, %d reported of %d" % (fig["fp_files"], fig["fp_possible_files"], fig["wrong_as_certain"], fig["wrong_reported"] + fig["wrong_as_certain"], fig["wrong_total"]))
    print("   evasions %.4f (%d missed of %d), stretch %.2f, %.1f s" % (fig["evasions"], fig["evasions_missed"], fig["evasions_total"], fig["stretch"], fig["seconds"]))
    if quiet:
        return
    for key, title in SHOWN:
        if rows[key]:
            print("  %s (%d):" % (title, len(rows[key])))
            for e in rows[key]:
                print("    " + name(e))


def limits(text):
    """`recall=.97,fp=1,evasions=.9`: the least recall and evasions, the most files of false positives."""
    out = {}
    for part in filter(None, (text or "").split(",")):
        key, _, value = part.partition("=")
        if key not in ("recall", "fp", "evasions", "certain", "fresh") or not value:
            sys.exit("evaluate.py: --fail-under takes recall=, fresh=, fp=, evasions= and certain=, not %r" % part)
        out[key] = float(value)
    return out


def broken(fig, lim):
    """What falls short, with a wrong checksum told as certain always among it."""
    out = ["%d wrong checksums told as certain" % fig["wrong_as_certain"]] if fig["wrong_as_certain"] else []
    for key, field in (("recall", "recall"), ("fresh", "fresh_recall"), ("evasions", "evasions"), ("certain", "certain_told_certain")):
        if key in lim and fig[field] < lim[key]:
            out.append("%s %.4f is under %.4f" % (key, fig[field], lim[key]))
    if "fp" in lim and fig["fp_files"] > lim["fp"]:
        out.append("%d files of false positives are over %d" % (fig["fp_files"], lim["fp"]))
    return out


def sets(args):
    """(label, directory, made here) of each set to be run on."""
    for path in args.set or []:
        yield os.path.basename(os.path.normpath(path)), path, False
    for seed in args.seed or []:
        out = tempfile.mkdtemp(prefix="secrets-%d-" % seed)
        subprocess.run([sys.executable, os.path.join(HERE, "generate.py"), "--seed", str(seed), "--out", out, "--per", str(args.per)], check=True, stdout=subprocess.DEVNULL)
        yield "seed %d" % seed, out, True


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--set", action="append", metavar="DIR", help="a set that generate.py wrote")
    ap.add_argument("--seed", action="append", type=int, help="make a set of this seed, run on it, take it away")
    ap.add_argument("--per", type=int, default=2, help="with --seed: files for each format (2)")
    ap.add_argument("--scanner", action="append", required=True, metavar="TOOL=PATH")
    ap.add_argument("--json", action="store_true", help="one JSON object a set and scanner instead of text")
    ap.add_argument("--summary", action="store_true", help="figures only")
    ap.add_argument("--fail-under", metavar="LIMITS", help="recall=.97,fp=1,evasions=.9: exit 1 when short of it")
    args = ap.parse_args()
    lim, failed = limits(args.fail_under), False
    if not args.set and not args.seed:
        ap.error("say --set DIR or --seed N")
    for label, out, made in sets(args):
        truth = json.load(open(os.path.join(out, "truth.json")))["files"]
        for scanner in args.scanner:
            tool, _, binary = scanner.partition("=")
            if tool not in TOOLS or not binary:
                ap.error("--scanner is TOOL=PATH with one of " + ", ".join(TOOLS))
            hits, seconds = collect(tool, shutil.which(binary) and os.path.abspath(shutil.which(binary)) or binary, out)
            rows = judge(truth, hits)
            fig = figures(rows, seconds)
            if args.json:
                print(json.dumps({"set": label, "scanner": tool, "figures": fig, "lists": {k: [name(e) for e in rows[k]] for k, _ in SHOWN}}))
            else:
                report("%s on %s" % (tool, label), fig, rows, args.summary)
            short = broken(fig, lim) if args.fail_under else []
            for s in short:
                print("evaluate.py: %s on %s: %s" % (tool, label, s), file=sys.stderr)
            failed = failed or bool(short)
        if made:
            shutil.rmtree(out)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
