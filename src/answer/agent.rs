//! `System`: what a client's system is, as libdnf's User-Agent tells it: `libdnf (NAME VERSION; variant; OS.arch)`.

/// Longest name and version together, bytes. The longest seen is `Red Hat Enterprise Linux 8.10`.
const BYTES_MAX: usize = 48;

/// A system: its name, and its version, empty where it tells none. Both are letters, digits, spaces and `.+_-` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct System<'a> {
    /// `AlmaLinux`.
    pub name: &'a str,
    /// `9.8`.
    pub version: &'a str,
}

impl<'a> System<'a> {
    /// The system that a User-Agent names; none when it is not libdnf's, or says what no system is called.
    pub fn of(user_agent: &'a [u8]) -> Option<System<'a>> {
        let text = user_agent.strip_prefix(b"libdnf (")?;
        let end = text.iter().take(BYTES_MAX + 1).position(|byte| matches!(byte, b';' | b')'))?;
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b" .+_-".contains(byte);
        let text = text[..end].trim_ascii();
        if text.is_empty() || !text.iter().all(is_plain) {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        // The version is the last word, when that begins with a digit: names may have several words.
        match text.rsplit_once(' ') {
            Some((name, version)) if version.starts_with(|first: char| first.is_ascii_digit()) => {
                Some(System { name: name.trim_end(), version })
            }
            _ => Some(System { name: text, version: "" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_told_apart() {
        for (user_agent, expected) in [
            ("libdnf (AlmaLinux 9.8; generic; Linux.x86_64)", Some(("AlmaLinux", "9.8"))),
            (
                "libdnf (Red Hat Enterprise Linux 8.10; generic; Linux.x86_64)",
                Some(("Red Hat Enterprise Linux", "8.10")),
            ),
            ("libdnf (Fedora Linux 40; container; Linux.aarch64)", Some(("Fedora Linux", "40"))),
            ("libdnf (CentOS Stream 9)", Some(("CentOS Stream", "9"))),
            ("libdnf (Debian GNU Linux; ; )", Some(("Debian GNU Linux", ""))),
            ("libdnf (9; x)", Some(("9", ""))),
            ("libdnf (; x)", None),
            ("libdnf (no end", None),
            ("libdnf (ev\"il 9; x)", None),
            ("libdnf (ev\nil 9; x)", None),
            ("libdnf", None),
            ("dnf/4.14.0", None),
            ("", None),
        ] {
            let found = System::of(user_agent.as_bytes());
            assert_eq!(found.map(|system| (system.name, system.version)), expected, "{user_agent}");
        }
        let long = |count| format!("libdnf ({} 9; x)", "x".repeat(count));
        assert!(System::of(long(BYTES_MAX - 2).as_bytes()).is_some());
        assert_eq!(System::of(long(BYTES_MAX - 1).as_bytes()), None, "too long to be a system");
    }
}
