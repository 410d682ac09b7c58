//! Random histories: every answer against git's own, or against a slow and simple one where git has none.

use crate::repo::{Files, Mark, Repo, Run, ids};
use refgate::model::{Direction, Entry, ObjectId, UpdateKind};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const BASE_COMMITS: usize = 40;
const NEW_COMMITS: usize = 12;

/// xorshift64*: the same histories at each run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize) % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Changes some entries; now and then a directory becomes a file or the other way round.
fn edit(random: &mut Random, files: &mut Files) {
    let paths: [&[u8]; 9] = [b"a", b"a.b", b"a/x", b"a/y/z", b"a/y", b"d/e/f", b"d/e", b"d/g", b"\xffz"];
    for _ in 0..1 + random.below(3) {
        let path = paths[random.below(paths.len())];
        let slash = |prefix: &[u8]| [prefix, b"/"].concat();
        files.retain(|other, _| !other.starts_with(&slash(path)) && !path.starts_with(&slash(other)));
        let mode = [0o100644, 0o100644, 0o100755, 0o120000][random.below(4)];
        match random.one_in(4) {
            true => files.remove(path),
            false => files.insert(path.to_vec(), (mode, vec![b'0' + random.below(3) as u8])),
        };
    }
}

fn next_commit(random: &mut Random, repo: &mut Repo, skew: bool) -> Mark {
    let count = repo.specs.len();
    let recent = |random: &mut Random| count - 1 - random.below(count.min(8));
    let mut parents = Vec::new();
    if count > 0 && !random.one_in(25) {
        parents.push(recent(random));
        while parents.len() < 4 && random.one_in(3) {
            let parent = recent(random);
            if !parents.contains(&parent) {
                parents.push(parent);
            }
        }
    }
    // Of a merge, each entry from one parent or the other, and sometimes an edit.
    let mut files = Files::new();
    if let Some(&first) = parents.first() {
        files = repo.specs[first].files.clone();
        for &parent in &parents[1..] {
            let take: Files = repo.specs[parent].files.clone().into_iter().filter(|_| random.one_in(2)).collect();
            for (path, entry) in take {
                let clashes = |other: &Vec<u8>| {
                    *other != path
                        && (other.starts_with(&[&path[..], b"/"].concat())
                            || path.starts_with(&[&other[..], b"/"].concat()))
                };
                if !files.keys().any(clashes) {
                    files.insert(path, entry);
                }
            }
        }
    }
    if parents.len() < 2 || random.one_in(3) {
        edit(random, &mut files);
    }
    let time_s = if skew { random.below(60) } else { count } as i64 + 1_000_000;
    repo.commit_at(&parents, files, time_s)
}

/// All ancestors of each commit, itself included.
fn closure(repo: &Repo) -> Vec<BTreeSet<Mark>> {
    let mut all: Vec<BTreeSet<Mark>> = Vec::new();
    for (mark, spec) in repo.specs.iter().enumerate() {
        let mut reached: BTreeSet<Mark> = spec.parents.iter().flat_map(|&parent| all[parent].clone()).collect();
        reached.insert(mark);
        all.push(reached);
    }
    all
}

fn merge_bases(closure: &[BTreeSet<Mark>], one: Mark, two: Mark) -> Vec<Mark> {
    let common: BTreeSet<Mark> = closure[one].intersection(&closure[two]).copied().collect();
    let is_best = |mark: &Mark| !common.iter().any(|other| other != mark && closure[*other].contains(mark));
    common.iter().copied().filter(is_best).collect()
}

/// The rule of the design, word for word, over whole lists of files.
fn merge_changes(repo: &Repo, closure: &[BTreeSet<Mark>], mark: Mark) -> BTreeSet<Vec<u8>> {
    let entry = |mark: Mark, path: &[u8]| repo.specs[mark].files.get(path).cloned();
    let parents = &repo.specs[mark].parents;
    let paths: BTreeSet<Vec<u8>> =
        parents.iter().chain([&mark]).flat_map(|&mark| repo.specs[mark].files.keys().cloned()).collect();
    let is_clean = |path: &Vec<u8>| {
        let result = entry(mark, path);
        let (same, differing): (Vec<Mark>, Vec<Mark>) = parents.iter().partition(|&&p| entry(p, path) == result);
        let unmoved = |i: Mark, k: Mark| match merge_bases(closure, i, k).as_slice() {
            [] => entry(i, path).is_none(),
            bases => bases.iter().all(|&base| entry(base, path) == entry(i, path)),
        };
        !same.is_empty() && differing.iter().all(|&i| same.iter().all(|&k| unmoved(i, k)))
    };
    paths.into_iter().filter(|path| !is_clean(path)).collect()
}

/// `git diff-tree` of every commit with at most one parent: path to old and new entry.
fn git_changes(repo: &Repo, ids: &[ObjectId]) -> HashMap<ObjectId, BTreeMap<Vec<u8>, [Option<Entry>; 2]>> {
    let input: String = ids.iter().map(|id| format!("{id}\n")).collect();
    let args = ["diff-tree", "--stdin", "--root", "-r", "-z", "--no-renames", "--raw", "--no-abbrev"];
    let output = repo.git(&args, input.as_bytes());
    let mut changes: HashMap<ObjectId, BTreeMap<Vec<u8>, [Option<Entry>; 2]>> = HashMap::new();
    let mut current = None;
    let mut fields = output.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    while let Some(field) = fields.next() {
        let Some(raw) = field.strip_prefix(b":") else {
            current = Some(ObjectId::from_hex(field.trim_ascii()).unwrap());
            continue;
        };
        let words: Vec<&str> = std::str::from_utf8(raw).unwrap().split(' ').collect();
        let entry = |mode: &str, id: &str| {
            let mode = u32::from_str_radix(mode, 8).unwrap();
            (mode != 0).then(|| Entry { mode, id: ObjectId::from_hex(id.as_bytes()).unwrap() })
        };
        let both = [entry(words[0], words[2]), entry(words[1], words[3])];
        changes.entry(current.unwrap()).or_default().insert(fields.next().unwrap().to_vec(), both);
    }
    changes
}

struct Checked<'a> {
    repo: &'a Repo,
    closure: Vec<BTreeSet<Mark>>,
    ids: Vec<ObjectId>,
    marks: HashMap<ObjectId, Mark>,
    seed: u64,
    skew: bool,
}

impl Checked<'_> {
    fn reached(&self, tips: &[Mark]) -> BTreeSet<Mark> {
        tips.iter().flat_map(|&tip| self.closure[tip].iter().copied()).collect()
    }

    fn sorted(&self, marks: impl Iterator<Item = Mark>) -> Vec<ObjectId> {
        let mut ids: Vec<ObjectId> = marks.map(|mark| self.ids[mark]).collect();
        ids.sort();
        ids
    }

    /// One push of one ref, all of it checked.
    fn push(&self, random: &mut Random, git: &HashMap<ObjectId, BTreeMap<Vec<u8>, [Option<Entry>; 2]>>) {
        let new = random.below(BASE_COMMITS + NEW_COMMITS);
        let old = Some(random.below(BASE_COMMITS)).filter(|_| !random.one_in(3));
        let trusted: Vec<Mark> = (0..random.below(3)).map(|_| random.below(BASE_COMMITS)).collect();
        let others: Vec<Mark> = (0..random.below(3)).map(|_| random.below(BASE_COMMITS)).collect();
        let mut run = Run::default();
        for (n, &mark) in trusted.iter().enumerate() {
            run.trusted.push(self.ids[mark]);
            let _ = n;
        }
        for (n, &mark) in others.iter().enumerate() {
            run = run.upstream(&format!("refs/heads/o{n}"), self.ids[mark]);
        }
        let facts = run.update("refs/heads/a", old.map(|mark| self.ids[mark]), Some(self.ids[new])).run(self.repo);
        let why =
            format!("seed {} skew {}: {old:?} -> {new}, trusted {trusted:?}, others {others:?}", self.seed, self.skew);

        let mut hidden = self.reached(&trusted);
        hidden.extend(self.reached(old.as_slice()));
        let added = self.sorted(self.closure[new].difference(&hidden).copied());
        assert_eq!(ids(&facts, Direction::Added), added, "added, {why}");
        let kind = match old {
            None => UpdateKind::Create,
            Some(old) if self.closure[new].contains(&old) => UpdateKind::Update,
            Some(_) => UpdateKind::Rewind,
        };
        assert_eq!(facts.updates[0].kind, kind, "{why}");
        let mut kept = self.reached(&others);
        kept.extend(self.reached(&[new]));
        let old_commits = old.filter(|_| kind == UpdateKind::Rewind).map(|old| self.closure[old].clone());
        let dropped = self.sorted(old_commits.unwrap_or_default().difference(&kept).copied());
        assert_eq!(ids(&facts, Direction::Dropped), dropped, "dropped, {why}");
        if !self.skew {
            self.compare_with_rev_list(&added, new, old, &trusted);
        }
        for commit in &facts.commits {
            self.check_changes(commit, git, &why);
        }
    }

    fn compare_with_rev_list(&self, added: &[ObjectId], new: Mark, old: Option<Mark>, trusted: &[Mark]) {
        let mut args = vec!["rev-list".to_owned(), self.ids[new].to_string(), "--not".to_owned()];
        args.extend(old.iter().chain(trusted).map(|&mark| self.ids[mark].to_string()));
        let output = self.repo.git(&args.iter().map(String::as_str).collect::<Vec<_>>(), b"");
        let mut listed: Vec<ObjectId> =
            output.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| ObjectId::from_hex(l).unwrap()).collect();
        listed.sort();
        assert_eq!(added, listed);
    }

    fn check_changes(
        &self,
        commit: &refgate::model::CommitFacts,
        git: &HashMap<ObjectId, BTreeMap<Vec<u8>, [Option<Entry>; 2]>>,
        why: &str,
    ) {
        let mark = self.marks[&commit.id];
        if commit.parents.len() > 1 {
            let paths: BTreeSet<Vec<u8>> = commit.changes.iter().map(|change| change.path.to_vec()).collect();
            assert_eq!(paths, merge_changes(self.repo, &self.closure, mark), "merge {mark}, {why}");
            return;
        }
        let ours: BTreeMap<Vec<u8>, [Option<Entry>; 2]> = commit
            .changes
            .iter()
            .map(|change| {
                let old = change.old.first().copied().flatten();
                let (before, after) =
                    if commit.direction == Direction::Added { (old, change.new) } else { (change.new, old) };
                (change.path.to_vec(), [before, after])
            })
            .collect();
        assert_eq!(ours.len(), commit.changes.len(), "no path twice");
        assert_eq!(Some(&ours), git.get(&commit.id).or(Some(&BTreeMap::new())), "commit {mark}, {why}");
    }
}

fn check_history(seed: u64, skew: bool) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut repo = Repo::new();
    for _ in 0..BASE_COMMITS {
        next_commit(&mut random, &mut repo, skew);
    }
    repo.seal();
    for _ in 0..NEW_COMMITS {
        next_commit(&mut random, &mut repo, skew);
    }
    let ids: Vec<ObjectId> = (0..BASE_COMMITS + NEW_COMMITS).map(|mark| repo.id(mark)).collect();
    let marks = ids.iter().enumerate().map(|(mark, id)| (*id, mark)).collect();
    let git = git_changes(&repo, &ids);
    let checked = Checked { closure: closure(&repo), repo: &repo, ids, marks, seed, skew };
    for _ in 0..5 {
        let (one, two) = (random.below(BASE_COMMITS), random.below(BASE_COMMITS));
        // Exit status 1 and no output stand for "none".
        let mut bases = merge_bases(&checked.closure, one, two);
        if !bases.is_empty() {
            let (one, two) = (checked.ids[one].to_string(), checked.ids[two].to_string());
            let output = repo.git(&["merge-base", "--all", &one, &two], b"");
            let of_git =
                output.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| ObjectId::from_hex(l).unwrap());
            let mut of_git: Vec<Mark> = of_git.map(|id| checked.marks[&id]).collect();
            of_git.sort_unstable();
            bases.sort_unstable();
            assert_eq!(bases, of_git, "the oracle itself");
        }
    }
    for _ in 0..25 {
        checked.push(&mut random, &git);
    }
}

#[test]
fn random_histories_are_seen_as_git_sees_them() {
    (1..=12).for_each(|seed| check_history(seed, false));
}

#[test]
fn random_histories_with_random_dates_are_seen_the_same() {
    (1..=12).for_each(|seed| check_history(seed, true));
}
