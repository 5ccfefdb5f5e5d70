//! Which members are a process's own: all, or every n-th.

use crate::error::{Result, TrainError};

/// Every `of`-th member from member `index` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The first member, from 0; below `of`.
    pub index: usize,
    /// Shares in all, 1 or more.
    pub of: usize,
}

/// Variables by which schedulers number the tasks of an array.
const TASK: [&str; 4] = [
    "SLURM_ARRAY_TASK_ID",
    "PBS_ARRAY_INDEX",
    "PBS_ARRAYID",
    "HQ_TASK_ID",
];

impl Share {
    /// All members.
    pub const ALL: Self = Self { index: 0, of: 1 };

    /// The share of `--shard`: `I/N`; `N` with the number of the task from the scheduler; or, with nothing said, that of a
    /// SLURM array, whose variables tell both. `variable` reads the environment.
    ///
    /// # Errors
    /// [`TrainError::Usage`] for a share that there is none of, or variables that do not tell one.
    pub fn new(shard: Option<&str>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let Some(text) = shard else {
            return from_slurm(variable);
        };
        let wrong = || {
            TrainError::Usage(format!(
                "--shard must be I/N with I from 0 to N - 1, or N inside of a job array, found {text}"
            ))
        };
        let (index, of) = match text.split_once('/') {
            Some((index, of)) => (index.trim().parse().map_err(|_| wrong())?, of),
            None => (task(text, variable)?, text),
        };
        let of = of.trim().parse().map_err(|_| wrong())?;
        match index < of {
            true => Ok(Self { index, of }),
            false => Err(wrong()),
        }
    }

    /// Has this share a member?
    pub fn has(&self, member: usize) -> bool {
        member % self.of == self.index
    }
}

/// The number of this task in an array.
fn task(of: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<usize> {
    let found = TASK.iter().find_map(|name| Some((name, variable(name)?)));
    let Some((name, value)) = found else {
        return Err(TrainError::Usage(format!(
            "--shard {of} needs the number of the task from {}, none of which is set; give --shard I/{of}",
            TASK.join(", ")
        )));
    };
    value.trim().parse().map_err(|_| {
        TrainError::Usage(format!(
            "{name} must be a whole number, 0 or more, found {value}"
        ))
    })
}

/// The share of a SLURM array without gaps; all members where there is none.
fn from_slurm(variable: &dyn Fn(&str) -> Option<String>) -> Result<Share> {
    let number = |name: &str| variable(name)?.trim().parse::<usize>().ok();
    let (Some(id), Some(count)) = (
        number("SLURM_ARRAY_TASK_ID"),
        number("SLURM_ARRAY_TASK_COUNT"),
    ) else {
        return Ok(Share::ALL);
    };
    let first = number("SLURM_ARRAY_TASK_MIN").unwrap_or(0);
    let step = number("SLURM_ARRAY_TASK_STEP").unwrap_or(1).max(1);
    let index = id.checked_sub(first).map(|from| from / step);
    match index {
        Some(index) if index < count => Ok(Share { index, of: count }),
        _ => Err(TrainError::Usage(format!(
            "task {id} of a SLURM array of {count} tasks from {first} on: the array has gaps, so give --shard I/N"
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn with(shard: Option<&str>, variables: &[(&str, &str)]) -> Result<Share> {
        Share::new(shard, &|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.to_string())
        })
    }

    #[test]
    fn shares_are_disjoint_and_complete() {
        for members in [0, 1, 7, 100] {
            for of in [1, 2, 3, 8, 200] {
                let mut owners = vec![0; members];
                for index in 0..of {
                    let share = with(Some(&format!("{index}/{of}")), &[]).unwrap();
                    for (member, owners) in owners.iter_mut().enumerate() {
                        *owners += usize::from(share.has(member));
                    }
                }
                assert!(owners.iter().all(|n| *n == 1), "{members} by {of}");
            }
        }
    }

    #[test]
    fn schedulers_number_shares() {
        let share = |index, of| Share { index, of };
        assert_eq!(with(None, &[]).unwrap(), Share::ALL);
        let slurm = |id| {
            [
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_COUNT", "4"),
                ("SLURM_ARRAY_TASK_MIN", "1"),
                ("SLURM_ARRAY_TASK_STEP", "2"),
            ]
        };
        assert_eq!(with(None, &slurm("5")).unwrap(), share(2, 4));
        // only some tasks of an array are run again
        for id in ["9", "0"] {
            let error = with(None, &slurm(id)).unwrap_err();
            assert!(error.to_string().contains("gaps"), "{error}");
        }
        // what is said counts for more
        assert_eq!(with(Some("0/3"), &slurm("5")).unwrap(), share(0, 3));
        for name in ["PBS_ARRAY_INDEX", "PBS_ARRAYID", "HQ_TASK_ID"] {
            assert_eq!(with(Some("8"), &[(name, "7")]).unwrap(), share(7, 8));
            assert!(with(Some("8"), &[(name, "8")]).is_err());
            assert!(with(Some("8"), &[(name, "x")]).is_err());
        }
        for wrong in ["3/3", "-1/3", "a/3", "0/0", "/", "x", "8"] {
            let error = with(Some(wrong), &[]).unwrap_err();
            assert!(error.to_string().contains("--shard"), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
