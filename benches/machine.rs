//! Where the figures come from: they mean nothing without the machine.

use std::fmt;

use serde::Serialize;

/// The facts of a machine that decide how fast it is.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// Model of the processor, as it names itself.
    cpu: String,
    /// Cores that this process may use.
    cores: usize,
    /// Memory in bytes.
    memory: u64,
    /// Operating system, its kernel and the architecture.
    system: String,
    /// Whether the figures are of optimised code.
    optimised: bool,
}

impl Machine {
    /// The machine that this runs on. What it does not tell is empty or 0.
    pub(crate) fn this() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default().to_owned(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory: field(&read("/proc/meminfo"), "MemTotal").map_or(0, kilobytes),
            system: format!(
                "{} {} {}",
                std::env::consts::OS,
                read("/proc/sys/kernel/osrelease").trim(),
                std::env::consts::ARCH
            ),
            optimised: !cfg!(debug_assertions),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = self.memory as f64 / (1u64 << 30) as f64;
        write!(f, "{}, {} cores, {gib:.0} GiB\n{}", self.cpu, self.cores, self.system)?;
        if !self.optimised {
            f.write_str("\nunoptimised build: the figures mean nothing")?;
        }
        Ok(())
    }
}

/// The most memory that this process ever had resident, in bytes; 0 where the
/// system does not tell.
pub(crate) fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    field(&status, "VmHWM").map_or(0, kilobytes)
}

/// The value of the first line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

fn kilobytes(text: &str) -> u64 {
    let digits = text.strip_suffix("kB").unwrap_or(text).trim();
    digits.parse::<u64>().map_or(0, |kb| kb * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_proc_files_are_found() {
        let text = "Name:\tbench\nVmHWM:\t    2048 kB\nVmHWMx: 1 kB\n";
        assert_eq!(field(text, "VmHWM").map(kilobytes), Some(2 << 20));
        assert_eq!(field(text, "VmRSS"), None);
        assert_eq!(kilobytes("much"), 0);
    }
}
