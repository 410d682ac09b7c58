//! Trees, proofs and tiles against the vectors of RFC 6962 implementations and against an independent one.

use super::verify::{self, ProofError};
use super::{Frontier, Hash, Node, Part, Tile, TileKind, tile, tree};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;
use std::collections::HashMap;
use std::convert::Infallible;

/// A tree that keeps all its tiles.
#[derive(Default)]
struct Tree {
    frontier: Frontier,
    full: HashMap<Tile, Vec<Hash>>,
}

impl Tree {
    fn push(&mut self, entry: &[u8]) {
        let full = &mut self.full;
        self.frontier
            .push(Hash::of_leaf(entry), |tile, hashes| drop(full.insert(tile, hashes.to_vec())))
            .expect("room");
    }

    fn node(&self, node: Node) -> Hash {
        let tile = Tile::of_node(node, self.frontier.size()).expect("a node of the tree");
        let partial = || self.frontier.partial_tiles().find(|(known, _)| *known == tile).expect("a tile").1.to_vec();
        let hashes = self.full.get(&tile).cloned().unwrap_or_else(partial);
        tile.node_hash(node, &hashes).expect("it is there")
    }

    fn hashes(&self, parts: Vec<Part>) -> Vec<Hash> {
        let mut node = |node| Ok::<_, Infallible>(self.node(node));
        parts.into_iter().map(|part| part.hash(&mut node).expect("no error")).collect()
    }

    fn root_at(&self, size: u64) -> Hash {
        self.hashes(vec![Part::whole(size)])[0]
    }
}

fn entry(n: u64) -> Vec<u8> {
    format!("entry {n}").into_bytes()
}

fn grown(size: u64) -> Tree {
    let mut tree = Tree::default();
    (0..size).for_each(|n| tree.push(&entry(n)));
    tree
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).expect("hex")).collect()
}

/// The leaves and roots that Certificate Transparency's implementations share.
#[test]
fn the_vectors_of_certificate_transparency() {
    let table = [
        ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
        ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
        ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
        ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        ("606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ];
    let mut tree = Tree::default();
    assert_eq!(tree.frontier.root(), Hash::of_no_leaves());
    for (leaf, root) in table {
        tree.push(&hex(leaf));
        assert_eq!(tree.frontier.root().as_bytes()[..], hex(root));
    }
}

#[test]
fn roots_and_proofs_are_those_of_an_independent_implementation() {
    let sizes: Vec<u64> = (0..=70).chain([255, 256, 257, 300, 511, 512, 513, 700]).collect();
    let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut ours = Tree::default();
    for size in sizes {
        (ours.frontier.size()..size).for_each(|n| {
            theirs.push(entry(n));
            ours.push(&entry(n));
        });
        let root = ours.frontier.root();
        assert_eq!(root.as_bytes()[..], theirs.root().as_bytes()[..]);
        assert_eq!(ours.root_at(size), root);
        for index in (0..size).filter(|index| size <= 70 || index % 37 == 0 || size - index < 3) {
            let proof = ours.hashes(tree::inclusion(index, size).expect("in it"));
            let bytes: Vec<u8> = proof.iter().flat_map(|hash| *hash.as_bytes()).collect();
            assert_eq!(bytes, theirs.prove_inclusion(index as usize).as_bytes(), "{index} of {size}");
            let leaf = Hash::of_leaf(&entry(index));
            assert_eq!(verify::inclusion(leaf, index, size, &proof, &root), Ok(()));
        }
        for old in (1..size).filter(|old| size <= 70 || old % 37 == 0 || size - old < 3) {
            let proof = ours.hashes(tree::consistency(old, size).expect("smaller"));
            let bytes: Vec<u8> = proof.iter().flat_map(|hash| *hash.as_bytes()).collect();
            assert_eq!(bytes, theirs.prove_consistency((size - old) as usize).as_bytes(), "{old} to {size}");
            assert_eq!(verify::consistency((old, &ours.root_at(old)), (size, &root), &proof), Ok(()));
        }
    }
}

#[test]
fn an_inclusion_proof_shows_one_thing_only() {
    let ours = grown(300);
    let root = ours.frontier.root();
    for index in [0, 1, 128, 255, 256, 298, 299] {
        let proof = ours.hashes(tree::inclusion(index, 300).expect("in it"));
        let leaf = Hash::of_leaf(&entry(index));
        let check = |leaf, index, size, proof: &[Hash], root| verify::inclusion(leaf, index, size, proof, root);
        assert_eq!(check(leaf, index, 300, &proof, &root), Ok(()));
        assert_eq!(check(Hash::of_leaf(b"another"), index, 300, &proof, &root), Err(ProofError::Root));
        assert_eq!(check(leaf, index, 300, &proof, &leaf), Err(ProofError::Root));
        assert!(check(leaf, index ^ 1, 300, &proof, &root).is_err());
        assert_eq!(check(leaf, 300, 300, &proof, &root), Err(ProofError::NoSuchLeaf));
        assert_eq!(check(leaf, index, 0, &proof, &root), Err(ProofError::NoSuchLeaf));
        assert_eq!(check(leaf, index, 300, &proof[1..], &root), Err(ProofError::Length));
        assert_eq!(check(leaf, index, 300, &[&proof[..], &[root]].concat(), &root), Err(ProofError::Length));
        for n in 0..proof.len() {
            let mut altered = proof.clone();
            altered[n] = leaf;
            assert_eq!(check(leaf, index, 300, &altered, &root), Err(ProofError::Root));
        }
    }
    // The largest numbers end at once.
    let long = vec![root; 64];
    assert!(verify::inclusion(root, u64::MAX - 1, u64::MAX, &long, &root).is_err());
    assert!(verify::inclusion(root, 0, u64::MAX, &long, &root).is_err());
}

#[test]
fn a_consistency_proof_shows_one_thing_only() {
    let ours = grown(300);
    let root = ours.frontier.root();
    for old in [1, 2, 3, 128, 255, 256, 257, 299] {
        let proof = ours.hashes(tree::consistency(old, 300).expect("smaller"));
        let old_root = ours.root_at(old);
        assert_eq!(verify::consistency((old, &old_root), (300, &root), &proof), Ok(()));
        assert!(verify::consistency((old, &root), (300, &root), &proof).is_err());
        assert!(verify::consistency((old, &old_root), (300, &old_root), &proof).is_err());
        assert!(verify::consistency((old, &old_root), (300, &root), &[]).is_err());
        assert!(verify::consistency((old, &old_root), (300, &root), &[&proof[..], &[root]].concat()).is_err());
        for n in 0..proof.len() {
            let mut altered = proof.clone();
            altered[n] = Hash::of_leaf(b"x");
            assert!(verify::consistency((old, &old_root), (300, &root), &altered).is_err());
        }
    }
    let none = Hash::of_no_leaves();
    type Head<'a> = (u64, &'a Hash);
    type Case<'a> = (Head<'a>, Head<'a>, &'a [Hash], Result<(), ProofError>);
    let table: [Case<'_>; 8] = [
        ((0, &none), (300, &root), &[], Ok(())),
        ((0, &root), (300, &root), &[], Err(ProofError::Root)),
        ((0, &none), (300, &root), &[root], Err(ProofError::Length)),
        ((0, &none), (0, &none), &[], Ok(())),
        ((300, &root), (300, &root), &[], Ok(())),
        ((300, &root), (300, &none), &[], Err(ProofError::Root)),
        ((300, &root), (300, &root), &[root], Err(ProofError::Length)),
        ((301, &root), (300, &root), &[], Err(ProofError::OldIsLarger)),
    ];
    for (old, new, proof, result) in table {
        assert_eq!(verify::consistency(old, new, proof), result);
    }
    let long = vec![root; 64];
    assert!(verify::consistency((1 << 63, &root), (u64::MAX, &root), &long).is_err());
    assert!(verify::consistency((u64::MAX - 1, &root), (u64::MAX, &root), &long).is_err());
}

#[test]
fn roots_of_large_trees_come_from_their_tiles() {
    for size in [65_535, 65_536, 65_537, 70_000] {
        let ours = grown(size);
        assert_eq!(ours.root_at(size), ours.frontier.root());
    }
}

#[test]
fn the_root_of_one_hash_is_itself() {
    assert_eq!(tile::complete_root(&[Hash::of_leaf(b"x")]), Hash::of_leaf(b"x"));
}

/// Numbers and proofs that no log would send, by a fixed seed: nothing panics, and nothing is shown by chance.
#[test]
fn hostile_numbers_and_proofs_show_nothing() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut number = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let root = Hash::of_leaf(b"root");
    for _ in 0..50_000 {
        let (shift, other_shift) = (number() % 64, number() % 64);
        let (one, two) = (number() >> shift, number() >> other_shift);
        let proof = vec![Hash::of_leaf(b"x"); (number() % 70) as usize];
        assert!(verify::inclusion(Hash::of_leaf(b"leaf"), one, two, &proof, &root).is_err());
        assert!(verify::consistency((one, &Hash::of_leaf(b"old")), (two, &root), &proof).is_err());
        let (inclusion, consistency) = (tree::inclusion(one, two), tree::consistency(one, two));
        assert_eq!((inclusion.is_some(), consistency.is_some()), (one < two, one <= two));
        for node in inclusion.into_iter().chain(consistency).flatten().flat_map(Part::nodes) {
            assert!(Tile::of_node(node, two).is_some());
        }
        if let Some(tile) = Tile::of_tree(TileKind::Entries, one, two) {
            assert_eq!(Tile::parse(&tile.to_string()), Some(tile));
        }
    }
}
