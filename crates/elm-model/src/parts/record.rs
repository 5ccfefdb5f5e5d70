//! The configuration as part of a module's record.

use burn::module::{Module, Param, ParamId};
use burn::store::ModuleRecord;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::Cache;
use crate::ElmError;
use crate::error::read_ints;

/// Numbers that hold a configuration: the same for all, so that records of other configurations can be read and refused
/// with a message that says what differs.
const NUMBERS: usize = 1024;
/// Bytes in one number; all devices have integers of 32 bits.
const BYTES: usize = 3;

/// Options that may differ between a record and the module that it is loaded into: they only matter before or during
/// training, or what they stand for is in the record itself.
const FREE: [&str; 9] = [
    "synapse_init",
    "bias_init",
    "spike_bias",
    "seed",
    "routing",
    "input_dropout",
    "recurrent_dropout",
    "memory_dropout",
    "learn_memory_tau",
];

/// The configuration of the module that it is a field of, as an integer tensor, so that it goes into the module's
/// record. A module that has loaded the record of another configuration says so at its next forward pass.
#[derive(Module, Debug)]
pub struct ConfigRecord {
    packed: Param<Tensor<1, Int>>,
    checked: Cache<()>,
    #[module(skip)]
    expected: String,
}

impl ConfigRecord {
    /// The record of this configuration.
    ///
    /// # Errors
    /// [`ElmError::Config`] if it is too long for a record.
    pub(crate) fn new(config: &impl Serialize, device: &Device) -> Result<Self, ElmError> {
        let text =
            serde_json::to_string(config).map_err(|e| ElmError::config("", e.to_string()))?;
        if text.len() > NUMBERS * BYTES {
            let (found, most) = (text.len(), NUMBERS * BYTES);
            return Err(ElmError::config(
                "",
                format!("must be at most {most} characters as JSON, found {found}"),
            ));
        }
        let mut bytes = text.clone().into_bytes();
        bytes.resize(NUMBERS * BYTES, b' ');
        let numbers: Vec<i32> = bytes
            .chunks_exact(BYTES)
            .map(|b| i32::from(b[0]) | i32::from(b[1]) << 8 | i32::from(b[2]) << 16)
            .collect();
        let packed = Tensor::from_data(TensorData::new(numbers, [NUMBERS]), device);
        Ok(Self {
            packed: Param::initialized(ParamId::new(), packed),
            checked: Cache::default(),
            expected: text,
        })
    }

    /// Checks that what was loaded is a record of this configuration; reads it once after every load.
    ///
    /// # Errors
    /// [`ElmError::Record`] with both values of every option that differs, [`ElmError::Read`] if the device does not
    /// hand the tensor out.
    pub(crate) fn check(&self) -> Result<(), ElmError> {
        self.checked.get_or_try(|| {
            let found = self.text()?;
            if found == self.expected {
                return Ok(());
            }
            let (found, expected) = (object(&found)?, object(&self.expected)?);
            let mut problems = Vec::new();
            compare("", &found, &expected, &mut problems);
            match problems.is_empty() {
                true => Ok(()),
                false => Err(ElmError::Record { problems }),
            }
        })
    }

    /// The configuration that the record holds.
    ///
    /// # Errors
    /// [`ElmError::Record`] if it is none of this type.
    pub(crate) fn config<C: DeserializeOwned>(&self) -> Result<C, ElmError> {
        serde_json::from_str(&self.text()?).map_err(|e| unreadable(&e))
    }

    /// The configuration in a record of a module that has one of these as its field `record`.
    ///
    /// # Errors
    /// [`ElmError::Record`] if it has none, or none of this type.
    pub(crate) fn of<C: DeserializeOwned>(
        record: &ModuleRecord,
        device: &Device,
    ) -> Result<C, ElmError> {
        /// A module of this one field.
        #[derive(Module, Debug)]
        struct Only {
            record: ConfigRecord,
        }
        let only = Only {
            record: Self::new(&Map::new(), device)?,
        };
        let record = record.clone().allow_unused(true);
        let loaded = only.try_load_record(record).map_err(|e| unreadable(&e))?;
        loaded.record.config()
    }

    fn text(&self) -> Result<String, ElmError> {
        let bytes = read_ints("configuration", self.packed.val())?
            .into_iter()
            .flat_map(|n| [n as u8, (n >> 8) as u8, (n >> 16) as u8])
            .collect();
        let text = String::from_utf8(bytes).map_err(|e| unreadable(&e))?;
        Ok(text.trim_end().to_string())
    }
}

fn unreadable(problem: &dyn std::fmt::Display) -> ElmError {
    ElmError::Record {
        problems: vec![format!("its configuration cannot be read: {problem}")],
    }
}

fn object(text: &str) -> Result<Map<String, Value>, ElmError> {
    serde_json::from_str(text).map_err(|e| unreadable(&e))
}

/// Notes every option that differs, with both values.
fn compare(
    path: &str,
    found: &Map<String, Value>,
    expected: &Map<String, Value>,
    problems: &mut Vec<String>,
) {
    let names = expected
        .keys()
        .chain(found.keys().filter(|name| !expected.contains_key(*name)));
    for name in names.filter(|name| !FREE.contains(&name.as_str())) {
        let (a, b) = (
            found.get(name).unwrap_or(&Value::Null),
            expected.get(name).unwrap_or(&Value::Null),
        );
        match (a, b) {
            (Value::Object(a), Value::Object(b)) if path.is_empty() && name == "neuron" => {
                compare("neuron.", a, b, problems);
            }
            (a, b) if a != b => problems.push(format!(
                "`{path}{name}` is {a} in the record and {b} in this module"
            )),
            _ => {}
        }
    }
}
