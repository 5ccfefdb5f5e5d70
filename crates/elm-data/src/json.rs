//! JSON as other tools write it: with a byte-order mark, and with `10.0` for an integer.

use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

/// What some editors write before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Floats below this are whole numbers exactly.
const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53

/// Reads `bytes` as a `T`. A byte-order mark is left out, and a whole number that is written as a float is one.
///
/// # Errors
/// What was expected and found, and for bad JSON where.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut value: Value = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    make_whole(&mut value);
    serde_json::from_value(value).map_err(|e| e.to_string())
}

/// Makes integers of all whole floats; a field that is a float takes integers too.
fn make_whole(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let whole = number
                .as_f64()
                .filter(|n| n.fract() == 0.0 && n.abs() <= EXACT);
            if let Some(whole) = whole {
                *number = Number::from(whole as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_whole),
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn other_tools_write_marks_and_floats() {
        let text = b"\xef\xbb\xbf{\"a\": 10.0, \"b\": 3, \"c\": -2e0}";
        let read: BTreeMap<String, i64> = from_json(text).unwrap();
        assert_eq!(read.into_values().collect::<Vec<_>>(), [10, 3, -2]);
        let floats: Vec<f64> = from_json(b"[10.0, 2.5, 1e300, 7]").unwrap();
        assert_eq!(floats, [10.0, 2.5, 1e300, 7.0]);
        assert_eq!(from_json::<u64>(b"18446744073709551615").unwrap(), u64::MAX);
        assert!(from_json::<u64>(b"10.5").is_err());
        let error = from_json::<u64>(b"\xef\xbb\xbf{,").unwrap_err();
        assert!(error.contains("line 1 column 2"), "{error}");
    }
}
