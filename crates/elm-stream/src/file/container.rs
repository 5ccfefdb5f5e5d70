//! The safetensors format: 8 bytes with the length of the header, the header as JSON, the numbers of all tensors.

use alloc::collections::BTreeMap;
use alloc::{format, string::String, vec::Vec};
use core::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Dtype, FileError};

/// Name under which the header holds text.
const METADATA: &str = "__metadata__";
/// Channels that a small file may name: a few bytes must not ask for gigabytes.
const MANY_INPUTS: usize = 1 << 20;

/// A safetensors file in memory: tensors and text by name. The numbers stay where they are.
///
/// ```
/// use elm_stream::file::Container;
///
/// let header = br#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
/// let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
/// bytes.extend_from_slice(header);
/// bytes.extend_from_slice(&1.0f32.to_le_bytes());
/// bytes.extend_from_slice(&2.0f32.to_le_bytes());
/// let file = Container::parse(&bytes)?;
/// assert_eq!(file.tensors["x"].to_f32(), [1.0, 2.0]);
/// # Ok::<(), elm_stream::file::FileError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Container<'a> {
    /// Text that the file carries beside the tensors.
    pub metadata: BTreeMap<String, String>,
    /// Name to tensor.
    pub tensors: BTreeMap<String, TensorView<'a>>,
}

/// One tensor of a file.
#[derive(Debug, Clone)]
pub struct TensorView<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: &'a [u8],
}

impl TensorView<'_> {
    /// Its number format.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its numbers, row by row; integers beyond 2^53 are rounded.
    pub fn to_f64(&self) -> Vec<f64> {
        self.dtype.decode(self.bytes)
    }

    /// Its numbers rounded to f32, row by row.
    pub fn to_f32(&self) -> Vec<f32> {
        self.to_f64().into_iter().map(|x| x as f32).collect()
    }
}

impl<'a> Container<'a> {
    /// Finds the tensors in the bytes of a file.
    ///
    /// # Errors
    /// [`FileError::Container`] if the header is cut short, is no JSON or names anything twice, or if the tensors are not
    /// one behind the other from the first byte of the data to the last.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FileError> {
        let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
            let problem = format!("it has {} bytes, expected 8 at least", bytes.len());
            return Err(FileError::container(problem));
        };
        let length = u64::from_le_bytes(*length);
        let fits = usize::try_from(length)
            .ok()
            .filter(|length| *length <= rest.len());
        let Some(length) = fits else {
            let found = rest.len();
            let problem = format!("the header should have {length} bytes, but only {found} follow");
            return Err(FileError::container(problem));
        };
        let (header, data) = rest.split_at(length);
        let header: Header = serde_json::from_slice(header)
            .map_err(|e| FileError::container(format!("the header is not valid: {e}")))?;
        check_order(&header, data.len())?;
        let mut tensors = BTreeMap::new();
        for (name, info) in header.tensors {
            let tensor = view(&name, info, data)?;
            if tensors.insert(name.clone(), tensor).is_some() {
                return Err(FileError::container(format!("`{name}` is named twice")));
            }
        }
        Ok(Self {
            metadata: header.metadata,
            tensors,
        })
    }
}

impl Container<'_> {
    /// Refuses more channels than a file of this size can mean.
    pub(super) fn check_inputs(&self, inputs: usize) -> Result<(), FileError> {
        let numbers: usize = self
            .tensors
            .values()
            .map(|t| t.shape().iter().product::<usize>())
            .sum();
        let most = MANY_INPUTS.max(numbers);
        if (1..=most).contains(&inputs) {
            return Ok(());
        }
        Err(FileError::config(format!(
            "num_inputs must be 1 to {most} in a file of this size, found {inputs}"
        )))
    }
}

fn view<'a>(name: &str, info: Info, data: &'a [u8]) -> Result<TensorView<'a>, FileError> {
    let fail = |problem: String| Err(FileError::container(format!("`{name}` {problem}")));
    let Some(dtype) = Dtype::of_name(&info.dtype) else {
        return fail(format!(
            "has number format {:?}, expected floats, integers or booleans",
            info.dtype
        ));
    };
    let (start, end) = info.data_offsets;
    let Some(bytes) = data.get(start..end) else {
        return fail(format!(
            "is at {start}..{end}, but there are {} bytes",
            data.len()
        ));
    };
    let product = |n: usize, size: &usize| n.checked_mul(*size);
    let expected = info.shape.iter().try_fold(dtype.size(), product);
    if expected != Some(bytes.len()) {
        let shape = &info.shape;
        return fail(format!(
            "of shape {shape:?} does not have the {} bytes at {start}..{end}",
            bytes.len()
        ));
    }
    Ok(TensorView {
        dtype,
        shape: info.shape,
        bytes,
    })
}

/// The tensors must be one behind the other, without overlap, gap or rest.
fn check_order(header: &Header, length: usize) -> Result<(), FileError> {
    let mut places: Vec<(usize, usize)> = header
        .tensors
        .iter()
        .map(|(_, info)| info.data_offsets)
        .collect();
    places.sort_unstable();
    let mut end = 0;
    for place in places {
        if place.0 != end || place.1 < place.0 {
            let (start, stop) = place;
            return Err(FileError::container(format!(
                "a tensor is at {start}..{stop}, expected one from {end} on"
            )));
        }
        end = place.1;
    }
    if end != length {
        let problem = format!("the tensors end at {end}, but there are {length} bytes");
        return Err(FileError::container(problem));
    }
    Ok(())
}

/// What the header says of a tensor.
#[derive(Debug, Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

/// The header, entries in the order in which they stand, twins included.
#[derive(Debug, Default)]
struct Header {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, Info)>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let (mut header, mut seen) = (Header::default(), false);
        while let Some(name) = map.next_key::<String>()? {
            if name != METADATA {
                header.tensors.push((name, map.next_value()?));
                continue;
            }
            if seen {
                return Err(A::Error::custom("`__metadata__` is named twice"));
            }
            seen = true;
            header.metadata = map.next_value()?;
        }
        Ok(header)
    }
}
