//! When an entry counts as changed by a commit: DESIGN §4, as a pure function over the entries at one path.

/// The merge bases of each pair of a merge's parents, as places in a row of entries.
#[derive(Debug, Clone, Default)]
pub(super) struct PairBases {
    parent_count: usize,
    /// For parents `i` and `k` at `i * parent_count + k`; `None` if not known, and then nothing is clean.
    pairs: Vec<Option<Vec<usize>>>,
}

impl PairBases {
    /// Knows no bases at all.
    pub fn unknown() -> Self {
        Self::default()
    }

    pub fn new(parent_count: usize) -> Self {
        Self { parent_count, pairs: vec![None; parent_count * parent_count] }
    }

    pub fn set(&mut self, one: usize, two: usize, bases: &[usize]) {
        for at in [one * self.parent_count + two, two * self.parent_count + one] {
            if let Some(pair) = self.pairs.get_mut(at) {
                *pair = Some(bases.to_vec());
            }
        }
    }

    fn get(&self, one: usize, two: usize) -> Option<&[usize]> {
        self.pairs.get(one * self.parent_count + two)?.as_deref()
    }
}

/// Whether the commit changes what `row` shows: the commit's own entry, its parents', then those of merge bases.
///
/// A root changes all it has, a commit with one parent what differs from it. A merge changes an entry unless some
/// parent has just that, and every parent that has something else still has what the merge base with each such
/// parent has: then a clean three-way merge would have given the same.
pub(super) fn is_changed<T: PartialEq>(row: &[Option<T>], parent_count: usize, bases: &PairBases) -> bool {
    let Some((result, others)) = row.split_first() else { return false };
    let parents = others.get(..parent_count).unwrap_or(others);
    match parents {
        [] => result.is_some(),
        [parent] => parent != result,
        _ if parents.iter().all(|parent| parent == result) => false,
        _ if !parents.contains(result) => true,
        _ => {
            let differing = parents.iter().enumerate().filter(|(_, parent)| *parent != result);
            let equal = || parents.iter().enumerate().filter(|(_, parent)| *parent == result).map(|(k, _)| k);
            differing.into_iter().any(|(i, entry)| equal().any(|k| !is_unmoved(row, entry, bases.get(i, k))))
        }
    }
}

/// Whether no entry below these directories can be changed by the commit, so that nobody has to look.
///
/// For two parents exactly the rule above, one level up. With more, a parent that differs here can still agree with
/// the result further down; so it must be unmoved against every other parent, not only against those that agree.
pub(super) fn is_unchanged_below<T: PartialEq>(row: &[Option<T>], parent_count: usize, bases: &PairBases) -> bool {
    let Some((result, others)) = row.split_first() else { return true };
    let parents = others.get(..parent_count).unwrap_or(others);
    match parents {
        [] => result.is_none(),
        [parent] => parent == result,
        _ if parents.iter().all(|parent| parent == result) => true,
        _ if !parents.contains(result) => false,
        _ => {
            let mut differing = parents.iter().enumerate().filter(|(_, parent)| *parent != result);
            let unmoved = |i, entry| (0..parents.len()).all(|k| k == i || is_unmoved(row, entry, bases.get(i, k)));
            differing.all(|(i, entry)| unmoved(i, entry))
        }
    }
}

/// Whether `entry` is what every base has; without a base, whether it is nothing.
fn is_unmoved<T: PartialEq>(row: &[Option<T>], entry: &Option<T>, bases: Option<&[usize]>) -> bool {
    match bases {
        None => false,
        Some([]) => entry.is_none(),
        Some(bases) => bases.iter().all(|&base| row.get(base) == Some(entry)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries as letters, `-` for none: result, parents, then one base for all pairs or (`|`) two.
    fn judged(row: &str, parent_count: usize) -> bool {
        let cells: Vec<Option<char>> = row.chars().map(|c| Some(c).filter(|&c| c != '-')).collect();
        let mut bases = PairBases::new(parent_count);
        let places: Vec<usize> = (parent_count + 1..cells.len()).collect();
        for i in 0..parent_count {
            for k in 0..i {
                bases.set(i, k, &places);
            }
        }
        is_changed(&cells, parent_count, &bases)
    }

    #[test]
    fn a_clean_three_way_merge_changes_nothing() {
        let table = [
            ("aaaa", "nobody did anything"),
            ("aaab", "both did the same"),
            ("baba", "the second parent's change"),
            ("bbaa", "the first parent's change"),
            ("-a-a", "the second parent's deletion"),
            ("b-b-", "the second parent's addition"),
            ("babaa", "two bases agree"),
            ("bb-", "unrelated histories: an addition"),
        ];
        for (row, why) in table {
            assert!(!judged(row, 2), "{row}: {why}");
        }
        assert!(!judged("babaa", 3), "octopus");
    }

    #[test]
    fn everything_else_in_a_merge_is_a_change() {
        let table = [
            ("xaba", "in no parent"),
            ("xaaa", "an edit hidden in a merge"),
            ("-aaa", "a deletion hidden in a merge"),
            ("x---", "an addition hidden in a merge"),
            ("aaba", "merge -s ours reverts the other side"),
            ("aabc", "a side taken in a conflict"),
            ("-a-c", "changed against deleted, the deletion taken"),
            ("aa-c", "changed against deleted, the change taken"),
            ("babac", "clean for one base, not for the other"),
            ("bba", "unrelated histories: a side taken"),
            ("-a-", "unrelated histories: dropped"),
        ];
        for (row, why) in table {
            assert!(judged(row, 2), "{row}: {why}");
        }
        assert!(judged("babca", 3), "octopus");
    }

    #[test]
    fn without_known_bases_only_agreement_is_clean() {
        let (unknown, row) = (PairBases::unknown(), |row: &str| row.chars().map(Some).collect::<Vec<_>>());
        assert!(!is_changed(&row("aaa"), 2, &unknown));
        assert!(is_changed(&row("aab"), 2, &unknown));
        assert!(!is_unchanged_below(&row("aab"), 2, &unknown));
    }

    #[test]
    fn one_parent_or_none() {
        for (row, parent_count, changed) in
            [("a", 0, true), ("-", 0, false), ("ab", 1, true), ("aa", 1, false), ("-a", 1, true)]
        {
            assert_eq!(judged(row, parent_count), changed, "{row}");
        }
    }

    /// Directories with entries that are each clean can only be skipped if no deeper pair disagrees.
    #[test]
    fn an_octopus_directory_is_skipped_only_if_all_pairs_allow_it() {
        let mut bases = PairBases::new(3);
        bases.set(0, 1, &[4]);
        bases.set(0, 2, &[4]);
        bases.set(1, 2, &[5]);
        // Result b; parents a, a, b; the base of the first pairs has a, that of the last two b.
        let cells: Vec<Option<char>> = "baabab".chars().map(Some).collect();
        assert!(!is_unchanged_below(&cells, 3, &bases));
    }
}
