//! What streams carry from one step to the next, to be kept and handed on.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// State of an [`ElmStream`](crate::ElmStream) between two steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeuronState {
    /// Trace of the branches.
    pub trace: Trace,
    /// Memory `m`, `[memory]`.
    #[serde(with = "numbers")]
    pub memory: Vec<f32>,
    /// Running mean `r` of the readout, `[output]`; `None` for neurons without a high-pass.
    #[serde(default, with = "numbers::option")]
    pub readout_mean: Option<Vec<f32>>,
}

/// The branch trace of a single neuron.
///
/// It is linear, so that a stream whose MLP is narrower than its branches keeps what the MLP's first map makes of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trace {
    /// The neuron has no trace.
    #[default]
    Off,
    /// Branch activation `b`, `[branch]`. Every stream with a trace takes it.
    Branch(#[serde(with = "numbers")] Vec<f32>),
    /// The first map's share of it, `W_1b b`, `[first]`; the first map's width is
    /// [`NeuronForm::first`](crate::NeuronForm::first).
    Drive(#[serde(with = "numbers")] Vec<f32>),
}

/// State of a [`LayerStream`](crate::LayerStream) between two steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerState {
    /// Memory `m`, `[neuron, memory]`.
    #[serde(with = "numbers")]
    pub memory: Vec<f32>,
    /// Branch trace `b`, `[neuron, branch]`; `None` for neurons without one.
    #[serde(default, with = "numbers::option")]
    pub branch: Option<Vec<f32>>,
    /// Running mean `r` of the readout, `[neuron]`; `None` for neurons without a high-pass.
    #[serde(default, with = "numbers::option")]
    pub readout_mean: Option<Vec<f32>>,
    /// Activity `a`, `[neuron]`, as recurrent synapses read it one step later.
    #[serde(with = "numbers")]
    pub activity: Vec<f32>,
}

/// State of a [`NetworkStream`](crate::NetworkStream) between two steps: one for each layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkState {
    /// States of the layers, from the input on.
    pub layers: Vec<LayerState>,
}

/// Rows of numbers that JSON keeps exactly: what is not finite stands there as text, for JSON has no such numbers.
mod numbers {
    use alloc::vec::Vec;
    use core::fmt;

    use serde::de::{self, Visitor};
    use serde::ser::SerializeSeq;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// One number.
    struct Number(f32);

    impl Serialize for Number {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            match self.0 {
                x if x.is_finite() || !to.is_human_readable() => to.serialize_f32(x),
                x if x.is_nan() => to.serialize_str("nan"),
                x if x > 0.0 => to.serialize_str("inf"),
                _ => to.serialize_str("-inf"),
            }
        }
    }

    impl<'de> Deserialize<'de> for Number {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            match from.is_human_readable() {
                true => from.deserialize_any(Text),
                false => f32::deserialize(from).map(Self),
            }
        }
    }

    struct Text;

    impl Visitor<'_> for Text {
        type Value = Number;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number, \"nan\", \"inf\" or \"-inf\"")
        }

        fn visit_f64<E: de::Error>(self, x: f64) -> Result<Number, E> {
            Ok(Number(x as f32))
        }

        fn visit_i64<E: de::Error>(self, x: i64) -> Result<Number, E> {
            Ok(Number(x as f32))
        }

        fn visit_u64<E: de::Error>(self, x: u64) -> Result<Number, E> {
            Ok(Number(x as f32))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
            match text {
                "nan" => Ok(Number(f32::NAN)),
                "inf" => Ok(Number(f32::INFINITY)),
                "-inf" => Ok(Number(f32::NEG_INFINITY)),
                other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
            }
        }
    }

    pub fn serialize<S: Serializer>(values: &[f32], to: S) -> Result<S::Ok, S::Error> {
        let mut sequence = to.serialize_seq(Some(values.len()))?;
        for value in values {
            sequence.serialize_element(&Number(*value))?;
        }
        sequence.end()
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f32>, D::Error> {
        let values = Vec::<Number>::deserialize(from)?;
        Ok(values.into_iter().map(|number| number.0).collect())
    }

    /// The same where there may be none.
    pub mod option {
        use alloc::vec::Vec;

        use super::Number;
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        pub fn serialize<S: Serializer>(
            values: &Option<Vec<f32>>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            let row = |values: &Vec<f32>| values.iter().map(|x| Number(*x)).collect::<Vec<_>>();
            values.as_ref().map(row).serialize(to)
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Vec<f32>>, D::Error> {
            let values = Option::<Vec<Number>>::deserialize(from)?;
            Ok(values.map(|row| row.into_iter().map(|number| number.0).collect()))
        }
    }
}
