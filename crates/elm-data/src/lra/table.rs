//! Tab-separated values, line by line: no quoting, lines end in `\n` or `\r\n`.

use std::ops::Range;

use crate::{DataError, Result};

/// Where the lines of `bytes` lie, without their ends.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..length]
            .strip_suffix(b"\r")
            .unwrap_or(&rest[..length]);
        let range = start..start + line.len();
        start += length + 1;
        Some(range)
    })
}

/// The `N` columns of a line, as ranges within it.
///
/// # Errors
/// The number of columns that were found instead.
pub(super) fn columns<const N: usize>(
    line: &[u8],
) -> std::result::Result<[Range<usize>; N], usize> {
    let mut tabs = memchr::memchr_iter(b'\t', line);
    let mut columns = [const { 0..0 }; N];
    let mut start = 0;
    for (found, column) in columns.iter_mut().enumerate() {
        let end = match tabs.next() {
            Some(tab) if found + 1 < N => tab,
            None if found + 1 == N => line.len(),
            Some(_) => return Err(N + 1 + tabs.count()),
            None => return Err(found + 1),
        };
        *column = start..end;
        start = end + 1;
    }
    Ok(columns)
}

/// A class of 0 or 1, which tools also write as a float (`0.0`, `1.0`).
pub(super) fn binary_label(text: &[u8]) -> Option<u8> {
    let number: f32 = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
    [0u8, 1]
        .into_iter()
        .find(|class| f32::from(*class) == number)
}

/// Bytes of a file for a message: cut after 40, what is not text escaped.
pub(super) fn shown(bytes: &[u8]) -> String {
    let (head, more) = match bytes.get(..40) {
        Some(head) if bytes.len() > 40 => (head, "…"),
        _ => (bytes, ""),
    };
    format!("\"{}{more}\"", head.escape_ascii())
}

/// Refuses to cut sequences to nothing.
pub(super) fn check_max_length(max_length: usize) -> Result<()> {
    if max_length == 0 {
        return Err(DataError::request(
            "max_length: expected at least 1 step, found 0",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Vec<&[u8]> {
        lines(bytes).map(|range| &bytes[range]).collect()
    }

    #[test]
    fn lines_end_with_or_without_carriage_return_or_not_at_all() {
        assert_eq!(texts(b"ab\r\n\ncd\n"), [&b"ab"[..], b"", b"cd"]);
        assert_eq!(texts(b"ab\ncd"), [b"ab", b"cd"]);
        assert_eq!(texts(b"\r\n"), [b""]);
        assert!(texts(b"").is_empty());
    }

    #[test]
    fn a_wrong_number_of_columns_is_counted() {
        assert_eq!(columns::<3>(b"a\t\tbc"), Ok([0..1, 2..2, 3..5]));
        assert_eq!(columns::<3>(b"a\tb"), Err(2));
        assert_eq!(columns::<3>(b""), Err(1));
        assert_eq!(columns::<2>(b"a\tb\t"), Err(3));
        assert_eq!(columns::<2>(b"a\tb\tc\td\te"), Err(5));
    }

    #[test]
    fn labels_may_be_floats() {
        for (text, label) in [
            ("0", Some(0)),
            ("1", Some(1)),
            ("0.0", Some(0)),
            ("1.0", Some(1)),
        ] {
            assert_eq!(binary_label(text.as_bytes()), label);
        }
        for text in ["", "2", "0.5", "-1", "nan", "yes"] {
            assert_eq!(binary_label(text.as_bytes()), None, "{text}");
        }
        assert_eq!(binary_label(b"\xff"), None);
    }
}
