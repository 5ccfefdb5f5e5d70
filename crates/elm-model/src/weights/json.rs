//! Configurations as other tools write them.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use crate::ElmError;

/// Largest whole number that a float holds exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads a JSON file: with a byte-order mark, in UTF-8 or UTF-16, and with whole numbers written as `10.0` or not.
///
/// # Errors
/// [`ElmError::File`] that names `what` was expected, if it cannot be read or is something else.
pub fn read_json<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, ElmError> {
    let bytes = std::fs::read(path)
        .map_err(|e| ElmError::file(path, format!("cannot read the configuration: {e}")))?;
    parse(&bytes).map_err(|e| ElmError::file(path, format!("expected {what}: {e}")))
}

/// The same of the content of a file.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut value: Value = serde_json::from_str(&text(bytes)?).map_err(|e| e.to_string())?;
    whole_numbers(&mut value);
    serde_json::from_value(value).map_err(|e| e.to_string())
}

fn text(bytes: &[u8]) -> Result<String, String> {
    let wide = |bytes: &[u8], number: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes
            .as_chunks::<2>()
            .0
            .iter()
            .map(|b| number(*b))
            .collect();
        String::from_utf16(&units).map_err(|e| e.to_string())
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => plain(rest),
        _ => plain(bytes),
    }
}

fn plain(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|e| e.to_string())
}

/// `10.0` as 10; what is to be a float takes either.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or(f64::NAN);
            if float.fract() == 0.0 && float.abs() <= EXACT {
                *number = Number::from(float as i64);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Sizes {
        inputs: usize,
        tau: f64,
    }

    #[test]
    fn what_other_tools_write_is_read() {
        let expected = Sizes {
            inputs: 10,
            tau: 150.0,
        };
        let text = r#"{"inputs": 10.0, "tau": 150}"#;
        let utf16 = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let units = text.encode_utf16().flat_map(bytes);
            mark.into_iter().chain(units).collect()
        };
        for bytes in [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}\r\n").into_bytes(),
            utf16([0xff, 0xfe], u16::to_le_bytes),
            utf16([0xfe, 0xff], u16::to_be_bytes),
            text.replace("10.0", "1e1").into_bytes(),
        ] {
            assert_eq!(parse::<Sizes>(&bytes).unwrap(), expected);
        }
        assert!(parse::<Sizes>(br#"{"inputs": 10.5, "tau": 1}"#).is_err());
        assert!(parse::<Sizes>(br#"{"inputs": -1.0, "tau": 1}"#).is_err());
        assert!(parse::<Sizes>(b"\xff\xfe\x00\xd8").is_err());
    }
}
