//! Values drawn from a range or a choice.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use toml::Value;

/// What a key of `[random]` is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub enum Draw {
    /// `{ uniform = [low, high] }`: a number, all equally likely.
    Uniform(f64, f64),
    /// `{ log = [low, high] }`: a number above 0 whose logarithm is uniform.
    Log(f64, f64),
    /// `{ integer = [low, high] }`: a whole number, both ends included.
    Integer(i64, i64),
    /// `{ log_integer = [low, high] }`: a whole number above 0 whose logarithm is about uniform, both ends included.
    LogInteger(i64, i64),
    /// `{ choices = [...] }`: one of these.
    Choices(Vec<Value>),
}

const KINDS: [&str; 5] = ["uniform", "log", "integer", "log_integer", "choices"];
/// Digits of a drawn number that are kept, so that it can be read and written.
const DIGITS: usize = 4;

impl Draw {
    /// Does this say what to draw from?
    pub(super) fn is_one(value: &Value) -> bool {
        let names = value.as_table().map(|table| table.keys());
        names.is_some_and(|mut names| names.any(|name| KINDS.contains(&name.as_str())))
    }

    /// # Errors
    /// The rest of a sentence that begins with the key.
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        let wrong = || {
            format!(
                "must be one of {{ {} = [low, high] }} or {{ choices = [...] }}, found {value}",
                KINDS[..4].join(" | ")
            )
        };
        let table = value.as_table().ok_or_else(wrong)?;
        let (kind, of) = match table.iter().next() {
            Some((kind, Value::Array(of))) if table.len() == 1 => (kind.as_str(), of),
            _ => return Err(wrong()),
        };
        let number = |v: &Value| {
            let number = v.as_float().or(v.as_integer().map(|n| n as f64));
            number.filter(|n| n.is_finite()).ok_or_else(wrong)
        };
        let whole = |v: &Value| v.as_integer().ok_or_else(wrong);
        match (kind, of.as_slice()) {
            ("choices", []) => Err("has no choices".into()),
            ("choices", of) => Ok(Self::Choices(of.to_vec())),
            ("uniform", [low, high]) => Self::Uniform(number(low)?, number(high)?).checked(),
            ("log", [low, high]) => Self::Log(number(low)?, number(high)?).checked(),
            ("integer", [low, high]) => Self::Integer(whole(low)?, whole(high)?).checked(),
            ("log_integer", [low, high]) => Self::LogInteger(whole(low)?, whole(high)?).checked(),
            _ => Err(wrong()),
        }
    }

    fn checked(self) -> Result<Self, String> {
        let (low, high, log) = match self {
            Self::Uniform(low, high) => (low, high, false),
            Self::Log(low, high) => (low, high, true),
            Self::Integer(low, high) => (low as f64, high as f64, false),
            Self::LogInteger(low, high) => (low as f64, high as f64, true),
            Self::Choices(_) => return Ok(self),
        };
        if low > high {
            return Err(format!(
                "must have its lower end first, found [{low}, {high}]"
            ));
        }
        match log && low <= 0.0 {
            true => Err(format!(
                "must begin above 0 on a logarithmic scale, found [{low}, {high}]"
            )),
            false => Ok(self),
        }
    }

    /// Draw number `index` of this key. It depends on nothing but these: other keys, or more draws, change none.
    pub(super) fn value(&self, seed: u64, key: &str, index: usize) -> Value {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(fingerprint(key));
        random.set_word_pos(2 * index as u128);
        // 53 bits, all that the fraction of a number holds
        let share = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let between = |low: f64, high: f64| low + share * (high - low);
        let between_logs = |low: f64, high: f64| between(low.ln(), high.ln()).exp();
        match self {
            &Self::Uniform(low, high) => number(between(low, high).clamp(low, high)),
            &Self::Log(low, high) => number(between_logs(low, high).clamp(low, high)),
            &Self::Integer(low, high) => {
                let drawn = between(low as f64, high as f64 + 1.0).floor();
                Value::Integer((drawn as i64).clamp(low, high))
            }
            &Self::LogInteger(low, high) => {
                let drawn = between_logs(low as f64 - 0.5, high as f64 + 0.5).round();
                Value::Integer((drawn as i64).clamp(low, high))
            }
            Self::Choices(of) => {
                let place = (share * of.len() as f64) as usize;
                of[place.min(of.len() - 1)].clone()
            }
        }
    }
}

/// A number with the digits that are kept.
fn number(value: f64) -> Value {
    let short = format!("{value:.*e}", DIGITS - 1);
    Value::Float(short.parse().unwrap_or(value))
}

/// A number that stands for a name (FNV-1a).
fn fingerprint(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn draw(text: &str) -> Draw {
        let table: toml::Table = format!("x = {text}").parse().unwrap();
        Draw::parse(&table["x"]).unwrap()
    }

    #[test]
    fn draws_fill_their_range_and_stay_in_it() {
        let number = |v: Value| v.as_float().or(v.as_integer().map(|n| n as f64)).unwrap();
        for (text, low, high, middle) in [
            ("{ uniform = [-1, 3] }", -1.0, 3.0, 1.0),
            ("{ log = [1e-4, 1e-2] }", 1e-4, 1e-2, 1e-3),
            ("{ integer = [2, 5] }", 2.0, 5.0, 3.5),
            ("{ log_integer = [1, 1000] }", 1.0, 1000.0, 26.0),
        ] {
            let all: Vec<f64> = (0..1000)
                .map(|i| number(draw(text).value(7, "train.learning_rate", i)))
                .collect();
            assert!(all.iter().all(|v| (low..=high).contains(v)), "{text}");
            // half of them below the middle of the scale
            let below = all.iter().filter(|v| **v < middle).count();
            assert!((430..=570).contains(&below), "{text}: {below}");
        }
        let ends: std::collections::BTreeSet<i64> = (0..200)
            .map(|i| {
                draw("{ integer = [2, 5] }")
                    .value(1, "k", i)
                    .as_integer()
                    .unwrap()
            })
            .collect();
        assert_eq!(ends.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5]);
        let names = draw("{ choices = [\"a\", \"b\"] }");
        let a = (0..200).filter(|&i| names.value(1, "k", i).as_str() == Some("a"));
        assert!((70..130).contains(&a.count()));
    }

    #[test]
    fn a_draw_depends_on_its_seed_key_and_number_alone() {
        let draw = draw("{ uniform = [0, 1] }");
        let first = draw.value(1, "a", 0);
        assert_eq!(first, draw.value(1, "a", 0));
        assert!(
            [
                draw.value(2, "a", 0),
                draw.value(1, "b", 0),
                draw.value(1, "a", 1)
            ]
            .iter()
            .all(|other| *other != first)
        );
    }
}
