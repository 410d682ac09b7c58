//! The size of `.gitattributes`: git's reader of it had overflows (CVE-2022-23521), and has these limits since.

use super::Cause;

pub const SIZE_MAX: u64 = 100 * 1024 * 1024;
const LINE_LENGTH_MAX: usize = 2048;

/// Checks a blob that some new tree calls `.gitattributes`. As git, reads no further than the first NUL.
pub fn check(data: &[u8]) -> Result<(), Cause> {
    let text = data.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.split(|byte| *byte == b'\n').any(|line| line.len() >= LINE_LENGTH_MAX) {
        return Err(Cause::GitattributesLineLength);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_at_most_2047_bytes() {
        let lines = |length: usize| [b"a b\n".to_vec(), vec![b'x'; length], b"\nc d\n".to_vec()].concat();
        assert_eq!(check(&lines(2047)), Ok(()));
        assert_eq!(check(&lines(2048)), Err(Cause::GitattributesLineLength));
    }
}
