//! What the known functions do with their arguments.

use super::stream::{Fault, Step};
use super::value::{Array, Dtype, Global, Heap, List, Object, Value};

fn bad<T>(problem: impl Into<String>) -> Step<T> {
    Err(Fault::Content(problem.into()))
}

/// Calls `function` with the tuple `arguments`.
pub(crate) fn call(heap: &mut Heap, function: Global, arguments: Value) -> Step<Value> {
    let Some(items) = heap.tuple(arguments) else {
        return bad(format!(
            "expected a tuple of arguments, found {}",
            heap.describe(arguments)
        ));
    };
    // copied, for the functions add to the heap
    let items = [0, 1, 2, 3].map(|i| items.get(i).copied());
    match (function, items) {
        (Global::Scalar, [Some(dtype), Some(raw), ..]) => scalar(heap, dtype, raw),
        (Global::Reconstruct, [Some(Value::Global(Global::Ndarray)), ..]) => {
            Ok(heap.keep(Object::Array(None))?)
        }
        (Global::FromBuffer, [Some(data), Some(dtype), Some(shape), Some(order)]) => {
            let fortran = heap.bytes(&order) == Some(b"F");
            let array = array(heap, shape, dtype, fortran, data)?;
            Ok(heap.keep(Object::Array(Some(array)))?)
        }
        (Global::Dtype, [Some(name), ..]) => dtype(heap, name),
        (Global::Encode, [Some(Value::Ignored), ..]) => Ok(Value::Ignored),
        (Global::Encode, [Some(text), Some(encoding), ..]) => encode(heap, text, encoding),
        (Global::Bytes, [None, ..]) => Ok(heap.keep_bytes(Vec::new())?),
        (Global::Sequence, [None, ..]) => Ok(heap.keep(Object::List(List::Ints(Vec::new())))?),
        (Global::Sequence, [Some(items), ..]) => sequence(heap, items),
        (Global::Mapping, [None, ..]) | (Global::DefaultDict, _) => {
            Ok(heap.keep(Object::Dict(Vec::new()))?)
        }
        (Global::Mapping, [Some(content), ..]) => mapping(heap, content),
        (Global::Plain, _) => Ok(Value::Ignored),
        _ => bad("a function of the pickle has arguments that numpy and Python do not write"),
    }
}

/// A list of the items of a list or tuple.
fn sequence(heap: &mut Heap, items: Value) -> Step<Value> {
    let copy = match heap.get(items) {
        Some(Object::List(List::Ints(ints))) => List::Ints(ints.clone()),
        Some(Object::List(List::Values(values))) => List::Values(values.clone()),
        Some(Object::Tuple(items)) => List::Values(items.to_vec()),
        _ => {
            return bad(format!(
                "expected the items of a container, found {}",
                heap.describe(items)
            ));
        }
    };
    Ok(heap.keep(Object::List(copy))?)
}

/// A dict with the pairs of a dict, or of a list of pairs as Python 2 writes it.
fn mapping(heap: &mut Heap, content: Value) -> Step<Value> {
    let pair = |value: &Value| match heap.items(*value) {
        Some([key, value]) => Some((*key, *value)),
        _ => None,
    };
    let pairs = match heap.dict(content) {
        Some(pairs) => Some(pairs.to_vec()),
        None => heap
            .items(content)
            .and_then(|items| items.iter().map(pair).collect()),
    };
    let Some(pairs) = pairs else {
        return bad(format!(
            "expected the pairs of a dict, found {}",
            heap.describe(content)
        ));
    };
    Ok(heap.keep(Object::Dict(pairs))?)
}

fn scalar(heap: &mut Heap, dtype: Value, raw: Value) -> Step<Value> {
    let Some(&Object::Dtype(dtype)) = heap.get(dtype) else {
        return bad(format!(
            "expected the dtype of a numpy scalar, found {}",
            heap.describe(dtype)
        ));
    };
    let Some(raw) = heap.bytes(&raw) else {
        return Ok(Value::Ignored);
    };
    if matches!(dtype.kind, b'i' | b'u' | b'f' | b'b') && raw.len() != dtype.size as usize {
        return bad(format!(
            "expected {} bytes for a scalar of type {}, found {}",
            dtype.size,
            dtype.name(),
            raw.len()
        ));
    }
    match dtype.text(raw) {
        Some(text) => Ok(heap.keep_bytes(text)?),
        None => Ok(dtype.element(raw)),
    }
}

fn dtype(heap: &mut Heap, name: Value) -> Step<Value> {
    match heap.bytes(&name).and_then(Dtype::parse) {
        Some(dtype) => Ok(heap.keep(Object::Dtype(dtype))?),
        None => bad(format!(
            "expected the name of a dtype such as 'f2', found {}",
            heap.describe(name)
        )),
    }
}

/// Python 3 writes bytes in protocol 2 as text, one character per byte, to be encoded as latin-1.
fn encode(heap: &mut Heap, text: Value, encoding: Value) -> Step<Value> {
    let latin1 = heap
        .bytes(&encoding)
        .is_some_and(|e| matches!(e, b"latin1" | b"latin-1"));
    let text = heap
        .bytes(&text)
        .and_then(|bytes| std::str::from_utf8(bytes).ok());
    let (true, Some(text)) = (latin1, text) else {
        return bad("a byte string of the pickle is not encoded as latin-1");
    };
    match text
        .chars()
        .map(|c| u8::try_from(u32::from(c)))
        .collect::<Result<Vec<u8>, _>>()
    {
        Ok(bytes) => Ok(heap.keep_bytes(bytes)?),
        Err(_) => bad("a byte string of the pickle holds a character beyond latin-1"),
    }
}

/// Sets the state of an array or a dtype.
pub(crate) fn build(heap: &mut Heap, target: Value, state: Value) -> Step<()> {
    match heap.get(target) {
        Some(Object::Array(_)) => {
            // the state is (version, shape, dtype, is_fortran, data)
            let Some(&[_, shape, dtype, fortran, data]) = heap.tuple(state) else {
                return bad(format!(
                    "expected the five parts of an array, found {}",
                    heap.describe(state)
                ));
            };
            let fortran =
                fortran == Value::Bool(true) || matches!(fortran, Value::Int(i) if i != 0);
            let array = array(heap, shape, dtype, fortran, data)?;
            let object = match heap.get(data) {
                // a row of any objects is the list that it is written as
                Some(Object::List(list)) if array.dtype.kind == b'O' && array.shape.len() == 1 => {
                    Object::List(list.clone())
                }
                _ => Object::Array(Some(array)),
            };
            heap.change(target, |slot| *slot = object);
            Ok(())
        }
        Some(Object::Dtype(_)) => {
            let part = |at| heap.tuple(state).and_then(|s| s.get(at)).copied();
            let order = part(1);
            let order = order
                .as_ref()
                .and_then(|o| heap.bytes(o))
                .and_then(|o| o.first())
                .copied();
            let Some(order) = order else {
                return bad("a dtype of the pickle lacks its byte order");
            };
            // The length of texts is told here; of other types it is -1.
            let size = match part(5) {
                Some(Value::Int(size)) => u32::try_from(size).ok(),
                _ => None,
            };
            heap.change(target, |object| {
                if let Object::Dtype(dtype) = object {
                    dtype.big_endian = order == b'>';
                    if matches!(dtype.kind, b'S' | b'U' | b'V') {
                        dtype.size = size.unwrap_or(dtype.size);
                    }
                }
            });
            Ok(())
        }
        // Attributes of a container, and values that nothing here needs.
        Some(Object::Dict(_) | Object::List(_)) => Ok(()),
        None if target == Value::Ignored => Ok(()),
        _ => bad(format!(
            "expected an array or a dtype to set the state of, found {}",
            heap.describe(target)
        )),
    }
}

/// An array from its parts; `data` holds the raw elements, column by column if `fortran` is true.
fn array(heap: &Heap, shape: Value, dtype: Value, fortran: bool, data: Value) -> Step<Array> {
    let Some(Object::Dtype(dtype)) = heap.get(dtype) else {
        return bad(format!(
            "expected the dtype of an array, found {}",
            heap.describe(dtype)
        ));
    };
    let int = |v: &Value| {
        if let Value::Int(i) = v {
            Some(*i)
        } else {
            None
        }
    };
    let Some(shape) = heap
        .tuple(shape)
        .and_then(|s| s.iter().map(int).collect::<Option<Vec<i64>>>())
    else {
        return bad(format!(
            "expected the shape of an array, found {}",
            heap.describe(shape)
        ));
    };
    let data = heap.bytes(&data).map(<[u8]>::to_vec);
    if let Some(data) = &data {
        let elements = shape
            .iter()
            .try_fold(1i64, |n, &d| if d < 0 { None } else { n.checked_mul(d) });
        let expected = elements.and_then(|n| n.checked_mul(i64::from(dtype.size)));
        if expected != i64::try_from(data.len()).ok() {
            return bad(format!(
                "an array of shape {shape:?} and type {} comes with {} bytes of data",
                dtype.name(),
                data.len()
            ));
        }
    }
    Ok(Array {
        shape,
        dtype: *dtype,
        fortran,
        data,
    })
}
