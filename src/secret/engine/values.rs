//! What a value looks like: a placeholder, words, or random.

/// Whether the value as a whole only stands for one.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let has = |word: &str| memchr::memmem::find(&lower, word.as_bytes()).is_some();
    has("example") || has("placeholder") || has("xxxxx")
}

/// Shannon entropy in bits a byte.
#[expect(clippy::cast_precision_loss, reason = "a value is short")]
pub(super) fn entropy(value: &[u8]) -> f32 {
    let mut counts = [0_u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = value.len() as f32;
    let part = |count: &u32| *count as f32 / total;
    -counts.iter().filter(|count| **count > 0).map(|count| part(count) * part(count).log2()).sum::<f32>()
}

/// Whether the value looks random.
pub(super) fn is_random(_value: &[u8]) -> bool {
    true
}
