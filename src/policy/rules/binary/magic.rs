//! File types by their magic numbers, at the places where the programs that use them look.

use std::ops::Range;

/// What a type is used as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Runs, or is loaded into something that runs.
    Executable,
    /// Holds files, or one file packed.
    Archive,
    /// Pictures, fonts, sounds, documents, data.
    Other,
}

/// A known file type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Type {
    pub name: &'static str,
    /// As a message calls it.
    pub called: &'static str,
    pub group: Group,
}

const fn kind(name: &'static str, called: &'static str, group: Group) -> Type {
    Type { name, called, group }
}

use Group::{Archive, Executable, Other};

pub const ELF: Type = kind("elf", "an ELF executable", Executable);
pub const PE: Type = kind("pe", "a Windows or DOS executable", Executable);
pub const MACH_O: Type = kind("mach-o", "a Mach-O executable", Executable);
pub const SHARED_LIBRARY: Type = kind("shared-library", "a shared library", Executable);
pub const CLASS: Type = kind("class", "a Java class", Executable);
pub const JAR: Type = kind("jar", "a Java archive", Executable);
pub const PYC: Type = kind("pyc", "compiled Python", Executable);
pub const ZIP: Type = kind("zip", "a ZIP archive", Archive);
pub const TAR: Type = kind("tar", "a tar archive", Archive);
pub const BZIP2: Type = kind("bzip2", "a bzip2 file", Archive);
pub const DMG: Type = kind("dmg", "an Apple disk image", Archive);
pub const ISO: Type = kind("iso", "a CD image", Archive);

/// Types that are found by more than fixed bytes.
const FOUND_OTHERWISE: [Type; 12] = [ELF, PE, MACH_O, SHARED_LIBRARY, CLASS, JAR, PYC, ZIP, TAR, BZIP2, DMG, ISO];

/// Types with fixed bytes at a fixed place.
const FIXED: &[(Type, usize, &[u8])] = &[
    (kind("wasm", "a WebAssembly module", Executable), 0, b"\0asm"),
    (kind("dex", "an Android executable", Executable), 0, b"dex\n"),
    (kind("lua", "compiled Lua", Executable), 0, b"\x1bLua"),
    (kind("llvm", "LLVM bitcode", Executable), 0, b"BC\xc0\xde"),
    (kind("ar", "an ar archive (static library or Debian package)", Archive), 0, b"!<arch>\n"),
    (kind("ar", "an ar archive (static library or Debian package)", Archive), 0, b"!<thin>\n"),
    (kind("gzip", "a gzip file", Archive), 0, b"\x1f\x8b"),
    (kind("compress", "a file packed by compress", Archive), 0, b"\x1f\x9d"),
    (kind("xz", "an xz file", Archive), 0, b"\xfd7zXZ\0"),
    (kind("lzma", "an lzma file", Archive), 0, b"\x5d\0\0"),
    (kind("lzip", "an lzip file", Archive), 0, b"LZIP\x01"),
    (kind("zstd", "a Zstandard file", Archive), 0, b"\x28\xb5\x2f\xfd"),
    (kind("lz4", "an LZ4 file", Archive), 0, b"\x04\x22\x4d\x18"),
    (kind("7z", "a 7z archive", Archive), 0, b"7z\xbc\xaf\x27\x1c"),
    (kind("rar", "a RAR archive", Archive), 0, b"Rar!\x1a\x07"),
    (kind("cab", "a Windows cabinet", Archive), 0, b"MSCF\0\0\0\0"),
    (kind("cpio", "a cpio archive", Archive), 0, b"070701"),
    (kind("cpio", "a cpio archive", Archive), 0, b"070702"),
    (kind("cpio", "a cpio archive", Archive), 0, b"\xc7\x71"),
    (kind("rpm", "an RPM package", Archive), 0, b"\xed\xab\xee\xdb"),
    (kind("xar", "an xar archive", Archive), 0, b"xar!\0"),
    (kind("crx", "a browser extension", Archive), 0, b"Cr24"),
    (kind("squashfs", "a SquashFS image", Archive), 0, b"hsqs"),
    (
        kind("ole", "an OLE file (old Office document or Windows installer)", Archive),
        0,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    ),
    (kind("png", "a PNG image", Other), 0, b"\x89PNG\r\n\x1a\n"),
    (kind("jpeg", "a JPEG image", Other), 0, b"\xff\xd8\xff"),
    (kind("gif", "a GIF image", Other), 0, b"GIF87a"),
    (kind("gif", "a GIF image", Other), 0, b"GIF89a"),
    (kind("webp", "a WebP image", Other), 8, b"WEBP"),
    (kind("bmp", "a BMP image", Other), 0, b"BM"),
    (kind("ico", "an icon", Other), 0, b"\0\0\x01\0"),
    (kind("tiff", "a TIFF image", Other), 0, b"II*\0"),
    (kind("tiff", "a TIFF image", Other), 0, b"MM\0*"),
    (kind("avif", "an AVIF image", Other), 4, b"ftypavif"),
    (kind("heic", "a HEIC image", Other), 4, b"ftyphei"),
    (kind("icns", "an Apple icon", Other), 0, b"icns"),
    (kind("psd", "a Photoshop image", Other), 0, b"8BPS"),
    (kind("pdf", "a PDF document", Other), 0, b"%PDF-"),
    (kind("woff", "a WOFF font", Other), 0, b"wOFF"),
    (kind("woff2", "a WOFF2 font", Other), 0, b"wOF2"),
    (kind("ttf", "a TrueType font", Other), 0, b"\0\x01\0\0\0"),
    (kind("ttf", "a TrueType font", Other), 0, b"true\0"),
    (kind("otf", "an OpenType font", Other), 0, b"OTTO\0"),
    (kind("mp3", "an MP3 file", Other), 0, b"ID3"),
    (kind("mp3", "an MP3 file", Other), 0, b"\xff\xfb"),
    (kind("mp4", "an MP4 file", Other), 4, b"ftypisom"),
    (kind("mp4", "an MP4 file", Other), 4, b"ftypmp4"),
    (kind("mp4", "an MP4 file", Other), 4, b"ftypM4"),
    (kind("mov", "a QuickTime film", Other), 4, b"ftypqt"),
    (kind("webm", "a WebM or Matroska file", Other), 0, b"\x1a\x45\xdf\xa3"),
    (kind("ogg", "an Ogg file", Other), 0, b"OggS\0"),
    (kind("flac", "a FLAC file", Other), 0, b"fLaC"),
    (kind("wav", "a WAV file", Other), 8, b"WAVE"),
    (kind("sqlite", "an SQLite database", Other), 0, b"SQLite format 3\0"),
    (kind("git-pack", "a git pack", Other), 0, b"PACK\0\0\0"),
];

/// Every name of a type, each once.
#[must_use]
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> =
        FOUND_OTHERWISE.iter().chain(FIXED.iter().map(|(kind, ..)| kind)).map(|t| t.name).collect();
    names.dedup();
    names
}

#[must_use]
pub fn by_name(name: &str) -> Option<Type> {
    FOUND_OTHERWISE.iter().chain(FIXED.iter().map(|(kind, ..)| kind)).find(|kind| kind.name == name).copied()
}

/// All types that some program takes the file for. `head` and `tail` are its beginning and end.
#[must_use]
pub fn types(head: &[u8], tail: &[u8]) -> Vec<Type> {
    let has_nul = memchr::memchr(0, head).is_some();
    // A text may start with the same letters.
    let is_safe = |magic: &[u8]| has_nul || magic.iter().any(|byte| !matches!(byte, b'\n' | b' '..=b'~'));
    let starts = |at: usize, magic| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    let fixed = FIXED.iter().filter(|(_, at, magic)| starts(*at, magic) && is_safe(magic));
    let mut found: Vec<Type> = fixed.map(|(kind, ..)| *kind).collect();
    if head.starts_with(b"\x7fELF") {
        found.push(ELF);
        // e_type is 3, ET_DYN, in either byte order; position-independent programs have it as well.
        found.extend((get(head, 16..18) == [3, 0] || get(head, 16..18) == [0, 3]).then_some(SHARED_LIBRARY));
    }
    found.extend(pe(head));
    found.extend(mach_o_or_class(head));
    found.extend(is_pyc(head).then_some(PYC));
    found.extend(is_tar(head).then_some(TAR));
    found.extend(zip(head, tail));
    // The block size, and the first block's mark or that of the end.
    let is_bzip2 = head.starts_with(b"BZh") && matches!(get(head, 4..10), b"1AY&SY" | b"\x17rE8P\x90");
    found.extend(is_bzip2.then_some(BZIP2));
    found.extend((get(head, 32769..32774) == b"CD001").then_some(ISO));
    let trailer = tail.len().checked_sub(512).map(|at| get(tail, at..at + 4));
    found.extend((trailer == Some(b"koly")).then_some(DMG));
    found
}

fn get(bytes: &[u8], range: Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

fn little(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|word| u32::from_le_bytes(*word))
}

/// DOS, and the formats that its header leads to. The header alone has a NUL, so a text that starts with MZ is none.
fn pe(head: &[u8]) -> Vec<Type> {
    if !(head.starts_with(b"MZ") || head.starts_with(b"ZM")) || !get(head, 0..64.min(head.len())).contains(&0) {
        return Vec::new();
    }
    let mut found = vec![PE];
    let header = little(head, 0x3c).and_then(|at| head.get(usize::try_from(at).ok()?..)).unwrap_or_default();
    // IMAGE_FILE_DLL, in the Characteristics of the COFF header.
    let is_library = header.starts_with(b"PE\0\0") && get(header, 22..24).last().is_some_and(|byte| byte & 0x20 != 0);
    found.extend(is_library.then_some(SHARED_LIBRARY));
    found
}

/// Java classes and fat Mach-O files begin alike: one goes on with its version, 45 or more, the other with the number of
/// its parts, of which there are never so many.
fn mach_o_or_class(head: &[u8]) -> Vec<Type> {
    let Some(magic) = head.first_chunk::<4>() else { return Vec::new() };
    let filetype = match magic {
        b"\xca\xfe\xba\xbe" => {
            let parts = head.get(4..).and_then(|rest| rest.first_chunk::<4>()).map(|word| u32::from_be_bytes(*word));
            return vec![if parts.is_some_and(|parts| parts < 43) { MACH_O } else { CLASS }];
        }
        b"\xca\xfe\xba\xbf" => return vec![MACH_O],
        b"\xfe\xed\xfa\xce" | b"\xfe\xed\xfa\xcf" => get(head, 15..16),
        b"\xce\xfa\xed\xfe" | b"\xcf\xfa\xed\xfe" => get(head, 12..13),
        _ => return Vec::new(),
    };
    // MH_DYLIB and MH_BUNDLE.
    if matches!(filetype, [6 | 8]) { vec![MACH_O, SHARED_LIBRARY] } else { vec![MACH_O] }
}

/// The magic of a .pyc is a number that grows with each version, and CR LF.
fn is_pyc(head: &[u8]) -> bool {
    let is_version = |high: u8| matches!(high, 0x00 | 0x01 | 0x0b..=0x0f | 0xf2 | 0xf3);
    matches!(head, [_, high, b'\r', b'\n', _, ..] if is_version(*high))
}

/// By the mark of POSIX and GNU, or, for older ones, by the checksum of the first header.
fn is_tar(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk::<512>() else { return false };
    if get(header, 257..262) == b"ustar" {
        return true;
    }
    let field = get(header, 148..156);
    let digits: Vec<u8> = field.iter().copied().filter(|byte| !matches!(byte, b' ' | 0)).collect();
    let stated = std::str::from_utf8(&digits).ok().and_then(|digits| u32::from_str_radix(digits, 8).ok());
    let others =
        header.iter().map(|byte| u32::from(*byte)).sum::<u32>() - field.iter().map(|b| u32::from(*b)).sum::<u32>();
    header.first() != Some(&0) && stated == Some(others + 8 * u32::from(b' '))
}

/// ZIP is read from its end, so anything may stand before it.
fn zip(head: &[u8], tail: &[u8]) -> Vec<Type> {
    let starts = [&b"PK\x03\x04"[..], b"PK\x05\x06", b"PK\x07\x08"].iter().any(|magic| head.starts_with(magic));
    // The record at the end has 22 bytes and a comment of at most 65535.
    let last = tail.get(tail.len().saturating_sub(22 + 65535)..).unwrap_or(tail);
    let ends = memchr::memmem::rfind(last, b"PK\x05\x06").is_some_and(|at| last.len() - at >= 22);
    if !starts && !ends {
        return Vec::new();
    }
    // Java wants a manifest; it is the first entry, or in the list at the end.
    let is_jar = |part| memchr::memmem::find(part, b"META-INF/MANIFEST.MF").is_some();
    if is_jar(get(head, 0..256.min(head.len()))) || is_jar(tail) { vec![ZIP, JAR] } else { vec![ZIP] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> String {
        types(bytes, bytes).iter().map(|kind| kind.name).collect::<Vec<_>>().join(" ")
    }

    fn at(parts: &[(usize, &[u8])], length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        for (at, part) in parts {
            bytes[*at..*at + part.len()].copy_from_slice(part);
        }
        bytes
    }

    #[test]
    fn types_are_known_by_their_magic() {
        let old_tar = at(&[(0, b"name"), (148, b"0006601\0")], 512);
        let sum: u32 = old_tar.iter().map(|b| u32::from(*b)).sum();
        let old_tar = {
            let sum = sum - old_tar[148..156].iter().map(|b| u32::from(*b)).sum::<u32>() + 256;
            at(&[(0, b"name"), (148, format!("{sum:06o}\0 ").as_bytes())], 512)
        };
        let table: [(Vec<u8>, &str); 30] = [
            (b"BZh91AY&SY".to_vec(), "bzip2"),
            (b"BZhou, GIF89a".to_vec(), ""),
            (b"070701 is a number".to_vec(), ""),
            (at(&[(0, b"\x7fELF\x02\x01\x01"), (16, b"\x02\0")], 64), "elf"),
            (at(&[(0, b"\x7fELF\x02\x01\x01"), (16, b"\x03\0")], 64), "elf shared-library"),
            (at(&[(0, b"\x7fELF\x01\x02\x01"), (16, b"\0\x03")], 64), "elf shared-library"),
            (at(&[(0, b"MZ"), (0x3c, b"\x80"), (0x80, b"PE\0\0")], 256), "pe"),
            (at(&[(0, b"MZ"), (0x3c, b"\x80"), (0x80, b"PE\0\0"), (0x97, b"\x21")], 256), "pe shared-library"),
            (at(&[(0, b"MZ"), (0x3c, b"\xff\xff\xff\xff")], 256), "pe"),
            (b"MZ\0".to_vec(), "pe"),
            (b"MZ is what DOS programs start with, and this sentence as well.\nIt is none.".to_vec(), ""),
            (at(&[(0, b"\xcf\xfa\xed\xfe"), (12, b"\x02")], 32), "mach-o"),
            (at(&[(0, b"\xcf\xfa\xed\xfe"), (12, b"\x06")], 32), "mach-o shared-library"),
            (at(&[(0, b"\xfe\xed\xfa\xce"), (15, b"\x08")], 32), "mach-o shared-library"),
            (b"\xca\xfe\xba\xbe\0\0\0\x02".to_vec(), "mach-o"),
            (b"\xca\xfe\xba\xbe\0\0\0\x34".to_vec(), "class"),
            (b"\xca\xfe\xba\xbe\0\x03\0\x2d".to_vec(), "class"),
            (b"\xa7\r\r\n\0\0\0\0".to_vec(), "pyc"),
            (b"\x03\xf3\r\n\0\0\0\0".to_vec(), "pyc"),
            (b"\0asm\x01\0\0\0".to_vec(), "wasm"),
            (b"PK\x03\x04....".to_vec(), "zip"),
            (b"PK\x03\x04.........................META-INF/MANIFEST.MF".to_vec(), "zip jar"),
            (at(&[(0, b"name"), (257, b"ustar\x0000")], 512), "tar"),
            (old_tar, "tar"),
            (at(&[(32769, b"CD001")], 40000), "iso"),
            (at(&[(488, b"koly")], 1000), "dmg"),
            (b"\x1f\x8b\x08\0".to_vec(), "gzip"),
            (b"\x89PNG\r\n\x1a\n\0".to_vec(), "png"),
            (b"#!/bin/sh\n".to_vec(), ""),
            (at(&[], 2000), ""),
        ];
        for (bytes, expected) in table {
            assert_eq!(found(&bytes), expected, "{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
        }
    }

    #[test]
    fn polyglots_are_all_that_they_are() {
        // A NUL makes a magic of letters count.
        let zip = at(&[(0, b"PK\x05\x06")], 22);
        let comment = vec![b'c'; 65535];
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        let table = [
            ([png.clone(), zip.clone()].concat(), "png zip"),
            ([png.clone(), zip.clone(), comment.clone()].concat(), "png zip"),
            ([png.clone(), zip.clone(), comment, vec![b'x']].concat(), "png"),
            ([b"#!/usr/bin/env python3\n".to_vec(), zip.clone()].concat(), "zip"),
            ([png.clone(), zip[..21].to_vec()].concat(), "png"),
            (at(&[(0, b"GIF89a"), (257, b"ustar")], 512), "gif tar"),
            (at(&[(0, b"%PDF-1.7"), (32769, b"CD001")], 33000), "pdf iso"),
            ([b"BM\0\0".to_vec(), b"META-INF/MANIFEST.MF".to_vec(), zip].concat(), "bmp zip jar"),
        ];
        for (bytes, expected) in table {
            assert_eq!(found(&bytes), expected, "{:?}", String::from_utf8_lossy(&bytes[..20]));
        }
    }

    #[test]
    fn short_and_odd_bytes_do_no_harm() {
        for (kind, at, magic) in FIXED {
            for length in 0..=magic.len() {
                let bytes = [&vec![b'.'; *at], &magic[..length], b"\0"].concat();
                let is_found = types(&bytes, &bytes).contains(kind);
                assert!(is_found || length < magic.len(), "{}", kind.name);
            }
        }
        for byte in 0..=255 {
            for length in [1, 3, 4, 16, 511, 512, 600] {
                let _ = types(&vec![byte; length], &vec![byte; length]);
            }
        }
        assert_eq!(by_name("elf"), Some(ELF));
        assert!(names().iter().all(|name| by_name(name).is_some()));
    }
}
