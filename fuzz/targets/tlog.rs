//! What logs, witnesses and those who write trust policies send.

use super::shown;
use refgate::tlog::witness::AddCheckpoint;
use refgate::tlog::{Checkpoint, KeyKind, Note, ProofFile, Tile, TrustPolicy, VerifyingKey, cosignature, tile};

/// A note, a checkpoint and a witness's answer are written again as they were read.
pub fn note(data: &[u8]) {
    match Note::parse(data) {
        Ok(note) => {
            assert_eq!(note.to_string().as_bytes(), data);
            match Checkpoint::parse(note.text()) {
                Ok(checkpoint) => assert_eq!(checkpoint.to_string(), note.text()),
                Err(error) => shown(&error.to_string()),
            }
            shown(&format!("{note:?}"));
        }
        Err(error) => shown(&error.to_string()),
    }
    if let Ok(lines) = cosignature::parse_answer(data) {
        let written: String = lines.iter().map(ToString::to_string).collect();
        assert_eq!(written.as_bytes(), data);
    }
}

pub fn vkey(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for kind in [KeyKind::Ed25519, KeyKind::Cosignature] {
        match VerifyingKey::parse(text, kind) {
            Ok(key) => assert_eq!(key.to_string(), text),
            Err(error) => shown(&error.to_string()),
        }
    }
}

/// One text, one answer; what is wrong is shown with a line that is there.
pub fn trust_policy(data: &[u8]) {
    let read = TrustPolicy::parse(data);
    assert_eq!(read, TrustPolicy::parse(data));
    if let Err(error) = read {
        assert!((1..=data.len() + 1).contains(&error.line));
        shown(&error.to_string());
    }
}

pub fn proof_file(data: &[u8]) {
    match ProofFile::parse(data) {
        Ok(proof) => assert_eq!(proof.to_string().as_bytes(), data),
        Err(error) => shown(&error.to_string()),
    }
}

pub fn add_checkpoint(data: &[u8]) {
    match AddCheckpoint::parse(data) {
        Ok(request) => assert_eq!(request.to_string().as_bytes(), data),
        Err(error) => shown(&error.to_string()),
    }
}

/// A path has one spelling; a bundle is the entries that are in it and nothing else.
pub fn tile(data: &[u8]) {
    if let Some(tile) = std::str::from_utf8(data).ok().and_then(Tile::parse) {
        assert_eq!(tile.to_string().as_bytes(), data);
    }
    for width in [1, 3, 256] {
        if let Ok(entries) = tile::parse_bundle(data, width) {
            let mut written = Vec::new();
            entries.iter().for_each(|entry| tile::push_entry(&mut written, entry).expect("it came in a bundle"));
            assert_eq!((written.as_slice(), entries.len()), (data, usize::from(width)));
        }
        if let Ok(hashes) = tile::parse_hashes(data, width) {
            assert_eq!(hashes.len() * 32, data.len());
        }
    }
}
