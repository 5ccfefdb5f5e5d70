//! Memory that this process may have, for the budget of backward passes on the CPU.

use std::fs::read_to_string;
use std::sync::OnceLock;

/// Bytes of memory of this machine, or fewer where a container allows fewer; `None` where neither can be told (not
/// Linux). Asked for once.
pub(crate) fn memory_bytes() -> Option<u64> {
    static BYTES: OnceLock<Option<u64>> = OnceLock::new();
    *BYTES.get_or_init(|| {
        let machine = read_to_string("/proc/meminfo").ok();
        // control groups of version 2, then of version 1
        let limits = [
            "/sys/fs/cgroup/memory.max",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ];
        let container = limits.iter().find_map(|file| read_to_string(file).ok());
        least(machine.as_deref(), container.as_deref())
    })
}

/// The lesser of what `/proc/meminfo` and a control group's limit say.
fn least(machine: Option<&str>, container: Option<&str>) -> Option<u64> {
    let machine = machine.and_then(total);
    // no limit is the word `max`, or a number beyond all machines
    let container = container.and_then(|text| text.trim().parse().ok());
    match (machine, container) {
        (Some(machine), Some(container)) => Some(machine.min(container)),
        (machine, container) => machine.or(container),
    }
}

/// `MemTotal` of `/proc/meminfo`, in bytes.
fn total(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Option<&str> = Some("MemTotal:       24684092 kB\nMemFree:        1 kB\n");

    #[test]
    fn the_lesser_limit_counts() {
        let whole = 24_684_092 * 1024;
        assert_eq!(least(MACHINE, None), Some(whole));
        assert_eq!(least(MACHINE, Some("max\n")), Some(whole));
        assert_eq!(least(MACHINE, Some("2147483648\n")), Some(1 << 31));
        let none = "9223372036854771712";
        assert_eq!(least(MACHINE, Some(none)), Some(whole));
        assert_eq!(least(None, Some("2147483648")), Some(1 << 31));
        for odd in [
            "",
            "MemTotal: many kB",
            "MemTotal: 7",
            "MemTotal: 18446744073709551615 kB",
        ] {
            assert_eq!(least(Some(odd), None), None, "{odd}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_tells() {
        assert!(memory_bytes().is_some_and(|bytes| bytes > 1 << 24));
    }
}
