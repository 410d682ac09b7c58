//! Characters that are not seen.

/// Bytes that an invisible character begins with.
const STARTS: [bool; 256] = {
    let mut starts = [false; 256];
    let bytes = b"\xc2\xcd\xd8\xe1\xe2\xe3\xef\xf0\xf3";
    let mut at = 0;
    while at < bytes.len() {
        starts[bytes[at] as usize] = true;
        at += 1;
    }
    starts
};

/// Where one may be.
pub(super) fn candidates(text: &[u8]) -> impl Iterator<Item = usize> {
    const CHUNK: usize = 64;
    // Nearly every chunk of nearly every text ends here.
    let chunks = text.chunks(CHUNK).enumerate().filter(|(_, chunk)| !chunk.is_ascii());
    chunks.flat_map(|(number, chunk)| {
        let starts = chunk.iter().enumerate().filter(|(_, byte)| STARTS.get(usize::from(**byte)) == Some(&true));
        starts.map(move |(at, _)| number * CHUNK + at)
    })
}

/// How many bytes an invisible character at the start of this text takes; 0 if there is none.
pub(super) fn width(text: &[u8]) -> usize {
    match text {
        // Soft hyphen; combining grapheme joiner; Arabic letter mark.
        [0xc2, 0xad, ..] | [0xcd, 0x8f, ..] | [0xd8, 0x9c, ..] => 2,
        // Zero width space, joiners and marks; directions; word joiner and invisible operators.
        [0xe2, 0x80, 0x8b..=0x8f | 0xaa..=0xae, ..] | [0xe2, 0x81, 0xa0..=0xaf, ..] => 3,
        // Hangul fillers; Mongolian and Khmer ones; braille blank.
        [0xe1, 0x85, 0x9f | 0xa0, ..] | [0xe3, 0x85, 0xa4, ..] | [0xef, 0xbe, 0xa0, ..] => 3,
        [0xe1, 0xa0, 0x8b..=0x8f, ..] | [0xe1, 0x9e, 0xb4 | 0xb5, ..] | [0xe2, 0xa0, 0x80, ..] => 3,
        // Variation selectors; byte order mark; annotation marks.
        [0xef, 0xb8, 0x80..=0x8f, ..] | [0xef, 0xbb, 0xbf, ..] | [0xef, 0xbf, 0xb9..=0xbb, ..] => 3,
        // Tags and the other variation selectors; musical marks.
        [0xf3, 0xa0, 0x80..=0x87, 0x80..=0xbf, ..] | [0xf0, 0x9d, 0x85, 0xb3..=0xba, ..] => 4,
        _ => 0,
    }
}
