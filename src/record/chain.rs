//! The hash of the record at each entry, and how to follow it.
//!
//! A record is one line of JSON. The bytes that were written are the record: nothing is ever serialised again to check
//! it. Each record has one leaf or more in the log (`leaf`), which bind its line by its SHA-256. The hash of a record is
//! the root of the log's tree (RFC 9162, 2.1.1) once its leaves are in it. So the hash of the newest record stands for
//! all of them, and a signed checkpoint of the log is one of these hashes.
//!
//! A tree shows that a record was changed, removed, added in the middle or moved. It cannot show by itself that its
//! newest records were cut off and the rest kept: for that, keep a hash or a checkpoint elsewhere and give it to `refgate
//! log --verify --head`. Nor does it stop who can write the whole file from making a new one; a checkpoint that witnesses
//! have cosigned shows that too.

use super::leaf::are_leaves_of;
use super::line::Record;
use crate::tlog::{Hash as TreeHash, Peaks};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};

/// The hash of a record and, through it, of all records before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What comes before the first record.
    pub const NONE: Self = Self([0; 32]);

    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut hash = [0; 32];
        for (index, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
        }
        Some(Self(hash))
    }

    /// As records were chained before there was a log: the hash of record `seq` that follows on `self`.
    #[must_use]
    pub fn chained(&self, seq: u64, line: &str) -> Self {
        let mut sha = Sha256::new();
        sha.update(format!("refgate record v1\n{seq}\n{self}\n"));
        sha.update(line);
        sha.update("\n");
        Self(sha.finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hex = String::with_capacity(64);
        for byte in self.0 {
            write!(hex, "{byte:02x}")?;
        }
        f.write_str(&hex)
    }
}

impl From<TreeHash> for Hash {
    fn from(root: TreeHash) -> Self {
        Self(*root.as_bytes())
    }
}

/// The newest record; `seq` 0 if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub seq: u64,
    pub hash: Hash,
}

impl Head {
    pub const EMPTY: Self = Self { seq: 0, hash: Hash::NONE };
}

/// The first record at which the chain does not hold, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the chain is broken at record {seq}: {why}")]
pub struct Broken {
    pub seq: u64,
    pub why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("it is missing or out of order")]
    Sequence,
    #[error("its hash does not follow from its line and the record before")]
    Hash,
    #[error("its line cannot be read")]
    Line,
    #[error("what it is searched by differs from what its line says")]
    Columns,
    #[error("it is not the newest record that was written")]
    Head,
    #[error("the head that was remembered is not in the chain")]
    Remembered,
}

/// Follows the tree record by record.
#[derive(Debug, Clone)]
pub struct Follow {
    head: Head,
    tree: Peaks,
    remembered: Option<Hash>,
}

impl Follow {
    /// `remembered` is the hash of a head that was once printed; it must come by.
    #[must_use]
    pub fn new(remembered: Option<Hash>) -> Self {
        let remembered = remembered.filter(|hash| *hash != Hash::NONE);
        Self { head: Head::EMPTY, tree: Peaks::default(), remembered }
    }

    pub fn step(&mut self, seq: u64, line: &str, leaves: &[String], hash: Hash) -> Result<(), Broken> {
        let expected = self.head.seq.saturating_add(1);
        if seq != expected {
            return Err(Broken { seq: expected, why: Why::Sequence });
        }
        let broken = |why| Broken { seq, why };
        let record = Record::from_line(line).map_err(|_| broken(Why::Line))?;
        if !are_leaves_of(leaves, &record, seq, line) {
            return Err(broken(Why::Hash));
        }
        for leaf in leaves {
            self.tree.push(TreeHash::of_leaf(leaf.as_bytes())).ok_or(broken(Why::Hash))?;
        }
        if Hash::from(self.tree.root()) != hash {
            return Err(broken(Why::Hash));
        }
        self.head = Head { seq, hash };
        if self.remembered == Some(hash) {
            self.remembered = None;
        }
        Ok(())
    }

    /// The tree so far.
    #[must_use]
    pub fn tree(&self) -> &Peaks {
        &self.tree
    }

    /// The head, if it is the one that was written last and the remembered one came by.
    pub fn finish(self, written: Head) -> Result<Head, Broken> {
        if self.head != written {
            return Err(Broken { seq: self.head.seq, why: Why::Head });
        }
        match self.remembered {
            None => Ok(self.head),
            Some(_) => Err(Broken { seq: self.head.seq, why: Why::Remembered }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{EventEntry, plain_leaf};

    type Row = (u64, String, Vec<String>, Hash);

    fn line(word: &str) -> String {
        let time = "2026-01-02T03:04:05Z".parse().expect("a time");
        Record::Event(EventEntry::new(word, time)).to_line().expect("it can be written")
    }

    fn leaf(seq: u64, line: &str) -> String {
        plain_leaf(&Record::from_line(line).expect("a record"), seq, line).expect("a leaf")
    }

    fn tree(words: &[&str]) -> Vec<Row> {
        let mut tree = Peaks::default();
        let row = |(index, word): (usize, &&str)| {
            let (seq, line) = (index as u64 + 1, line(word));
            let leaf = leaf(seq, &line);
            tree.push(TreeHash::of_leaf(leaf.as_bytes())).expect("room");
            (seq, line, vec![leaf], tree.root().into())
        };
        words.iter().enumerate().map(row).collect()
    }

    fn follow(records: &[Row], written: Head, remembered: Option<Hash>) -> Result<Head, Broken> {
        let mut follow = Follow::new(remembered);
        for (seq, line, leaves, hash) in records {
            follow.step(*seq, line, leaves, *hash)?;
        }
        follow.finish(written)
    }

    #[test]
    fn the_hash_before_the_log_is_the_documented_one() {
        let by_hand = Sha256::digest(format!("refgate record v1\n1\n{}\n{{}}\n", "0".repeat(64)));
        assert_eq!(Hash::NONE.chained(1, "{}").as_bytes(), by_hand.as_slice());
        let hash = Hash::NONE.chained(1, "{}");
        assert_eq!(Hash::parse(&hash.to_string()), Some(hash));
        assert_eq!(Hash::parse("+0"), None);
        assert_eq!(Hash::parse(&"g".repeat(64)), None);
    }

    #[test]
    fn an_edit_a_removal_a_swap_and_a_cut_are_seen() {
        let good = tree(&["a", "b", "c", "d"]);
        let head = Head { seq: 4, hash: good[3].3 };
        assert_eq!(follow(&good, head, None), Ok(head));
        assert_eq!(follow(&good, head, Some(good[1].3)), Ok(head));
        assert_eq!(follow(&[], Head::EMPTY, Some(Hash::NONE)), Ok(Head::EMPTY));

        let mut edited = good.clone();
        edited[1].1 = line("B");
        assert_eq!(follow(&edited, head, None), Err(Broken { seq: 2, why: Why::Hash }));
        edited[1].2 = vec![leaf(2, &line("B"))];
        assert_eq!(follow(&edited, head, None), Err(Broken { seq: 2, why: Why::Hash }));
        edited[1].3 = tree(&["a", "B"])[1].3;
        assert_eq!(follow(&edited, head, None), Err(Broken { seq: 3, why: Why::Hash }));

        let mut unbound = good.clone();
        unbound[1].2.clear();
        assert_eq!(follow(&unbound, head, None), Err(Broken { seq: 2, why: Why::Hash }));

        let mut removed = good.clone();
        removed.remove(1);
        assert_eq!(follow(&removed, head, None), Err(Broken { seq: 2, why: Why::Sequence }));

        let mut swapped = good.clone();
        swapped.swap(1, 2);
        assert_eq!(follow(&swapped, head, None), Err(Broken { seq: 2, why: Why::Sequence }));
        (swapped[1].0, swapped[2].0) = (2, 3);
        assert_eq!(follow(&swapped, head, None), Err(Broken { seq: 2, why: Why::Hash }));

        let cut = &good[..3];
        let cut_head = Head { seq: 3, hash: good[2].3 };
        assert_eq!(follow(cut, head, None), Err(Broken { seq: 3, why: Why::Head }));
        assert_eq!(follow(cut, cut_head, None), Ok(cut_head));
        assert_eq!(follow(cut, cut_head, Some(head.hash)), Err(Broken { seq: 3, why: Why::Remembered }));
    }
}
