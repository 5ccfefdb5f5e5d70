//! What the known functions do with their arguments.

use super::stream::{Fault, Step};
use super::value::{Array, Dtype, Global, Heap, Object, Value};

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
        _ => bad("a function of the pickle has arguments that numpy and Python do not write"),
    }
}

fn scalar(heap: &Heap, dtype: Value, raw: Value) -> Step<Value> {
    let Some(Object::Dtype(dtype)) = heap.get(dtype) else {
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
    Ok(dtype.element(raw))
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
            if let Some(Object::Array(slot)) = heap.get_mut(target) {
                *slot = Some(array);
            }
            Ok(())
        }
        Some(Object::Dtype(_)) => {
            let order = heap.tuple(state).and_then(|s| s.get(1)).copied();
            let order = order
                .as_ref()
                .and_then(|o| heap.bytes(o))
                .and_then(|o| o.first())
                .copied();
            let Some(order) = order else {
                return bad("a dtype of the pickle lacks its byte order");
            };
            if let Some(Object::Dtype(dtype)) = heap.get_mut(target) {
                dtype.big_endian = order == b'>';
            }
            Ok(())
        }
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
