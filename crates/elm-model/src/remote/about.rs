//! What a server says of itself.

use std::sync::{Mutex, MutexGuard};

use burn::backend::{
    Backend, Dispatch, DispatchDevice, Remote, RemoteDevice, backend_extension,
    tensor::{FloatTensor, IntTensor},
};
use burn::tensor::{DType, Device, Int, Shape, Tensor};

use super::{FORM, client::send, names};

/// What a client must know of a server before it sends an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct About {
    /// Threads that it computes with.
    pub threads: usize,
    /// Bytes of its memory, where it can tell.
    pub memory: Option<u64>,
}

/// Length of the answer: form, whether it has the operations, threads, and memory in MB or 0.
const ANSWERS: usize = 4;

/// The question as an operation.
#[backend_extension(Remote)]
pub trait AboutOps: Backend {
    /// What the server of this tensor says, `[4]`.
    fn elm_about(of: FloatTensor<Self>) -> IntTensor<Self>;
}

impl AboutOps for Remote {
    fn elm_about(of: FloatTensor<Self>) -> IntTensor<Self> {
        let outputs = [(Shape::new([ANSWERS]), DType::I32)];
        let [answer] = send(names::ABOUT, [of], &(), outputs);
        answer
    }
}

/// Servers that have answered.
static KNOWN: Mutex<Vec<(RemoteDevice, Result<About, String>)>> = Mutex::new(Vec::new());

fn known() -> MutexGuard<'static, Vec<(RemoteDevice, Result<About, String>)>> {
    // a list that somebody panicked over is still a list
    KNOWN.lock().unwrap_or_else(|e| e.into_inner())
}

/// What the server of a device says, or why it runs none of the operations. It is asked once.
pub(crate) fn about(device: &RemoteDevice) -> Result<About, String> {
    if let Some((_, answer)) = known().iter().find(|(known, _)| known == device) {
        return answer.clone();
    }
    let there = Device::from(DispatchDevice::Remote(device.clone()));
    let of = Tensor::<1>::zeros([1], &there);
    let answer = Tensor::<1, Int>::from_dispatch(Dispatch::elm_about(of.into_dispatch()));
    let Some(numbers) = answer
        .try_into_data()
        .ok()
        .and_then(|data| data.try_into_vec::<i32>().ok())
    else {
        // it may answer the next time
        return Err("the server does not answer".into());
    };
    let answer = understood(&numbers);
    known().push((device.clone(), answer.clone()));
    answer
}

fn understood(numbers: &[i32]) -> Result<About, String> {
    let &[form, has_operations, threads, megabytes] = numbers else {
        return Err("the server's answer is not understood".into());
    };
    if form != FORM {
        return Err(format!(
            "the server has fused operations of form {form}, and this program of form {FORM}"
        ));
    }
    if has_operations == 0 {
        return Err("the server has no fused operations for its device".into());
    }
    Ok(About {
        threads: usize::try_from(threads).unwrap_or(1).max(1),
        memory: u64::try_from(megabytes)
            .ok()
            .filter(|mb| *mb > 0)
            .map(|mb| mb * 1_000_000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood_or_told() {
        let about = understood(&[FORM, 1, 8, 64_000]);
        let expected = About {
            threads: 8,
            memory: Some(64_000_000_000),
        };
        assert_eq!(about, Ok(expected));
        let about = understood(&[FORM, 1, -3, 0]);
        assert_eq!(about.map(|a| (a.threads, a.memory)), Ok((1, None)));
        for (answer, told) in [
            (&[FORM + 1, 1, 8, 0][..], "of form 2"),
            (&[FORM, 0, 8, 0], "no fused operations"),
            (&[FORM], "not understood"),
        ] {
            let error = understood(answer).expect_err("it is no good answer");
            assert!(error.contains(told), "{error}");
        }
    }
}
