//! `Steps`: the path of a request, taken apart: `/<branch>/<release>/<isos|images>/<arch>/<file>` and what leads there.
//!
//! Lives here: percent-decoding, what counts as a step, what a file may be called. Not here: what exists (`snapshot`).

use crate::answer::query::hex;

/// Longest path that can name anything, bytes: names of the inventory have at most 64 and files at most 255.
pub const PATH_BYTES_MAX: usize = 1024;
/// Steps of the deepest path.
const STEPS_MAX: usize = 5;
/// Longest name of a file, bytes.
const FILE_BYTES_MAX: usize = 255;

/// Room for a decoded path.
pub type Room = [u8; PATH_BYTES_MAX];

/// The steps of a path, decoded, none of them empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps<'a> {
    parts: [&'a [u8]; STEPS_MAX],
    count: usize,
}

impl<'a> Steps<'a> {
    /// Takes a path apart; none when it can name nothing: it is too long or too deep, a step in it is empty, a `%` has
    /// no two digits behind it, or the last of five steps is no name of a file (`[-A-Za-z0-9._]`, no dot in front).
    ///
    /// A slash or NUL that was percent-encoded is no slash: it belongs to its step, and names nothing.
    pub fn parse(path: &'a [u8], room: &'a mut Room) -> Option<Steps<'a>> {
        let mut steps = Steps { parts: [&[]; STEPS_MAX], count: 0 };
        let path = if path.contains(&b'%') { decode(path, room)? } else { path };
        let rest = path.strip_prefix(b"/")?;
        if path.len() > PATH_BYTES_MAX {
            return None;
        }
        let (rest, is_folder) = match rest {
            [] => return Some(steps),
            [rest @ .., b'/'] => (rest, true),
            _ => (rest, false),
        };
        for part in rest.split(|&byte| byte == b'/') {
            if part.is_empty() {
                return None;
            }
            *steps.parts.get_mut(steps.count)? = part;
            steps.count += 1;
        }
        match steps.parts() {
            [_, _, _, _, file] if is_folder || !is_file_name(file) => None,
            _ => Some(steps),
        }
    }

    /// The steps.
    pub fn parts(&self) -> &[&'a [u8]] {
        &self.parts[..self.count]
    }
}

/// Whether a file may be asked for by this name.
pub fn is_file_name(name: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    !name.is_empty() && name.len() <= FILE_BYTES_MAX && name[0] != b'.' && name.iter().all(fits)
}

/// Stands for a percent-encoded slash: no name has it.
const NO_NAME: u8 = 0;

fn decode<'a>(path: &[u8], room: &'a mut Room) -> Option<&'a [u8]> {
    let mut length = 0;
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        let byte = match (first, tail) {
            (b'%', [high, low, after @ ..]) => {
                rest = after;
                let byte = hex(*high)? << 4 | hex(*low)?;
                if byte == b'/' { NO_NAME } else { byte }
            }
            (b'%', _) => return None,
            _ => {
                rest = tail;
                *first
            }
        };
        *room.get_mut(length)? = byte;
        length += 1;
    }
    Some(&room[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(path: &str) -> Option<Vec<String>> {
        let mut room = [0; PATH_BYTES_MAX];
        let steps = Steps::parse(path.as_bytes(), &mut room)?;
        Some(steps.parts().iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect())
    }

    fn some(parts: &[&str]) -> Option<Vec<String>> {
        Some(parts.iter().map(|&part| part.to_owned()).collect())
    }

    #[test]
    fn a_path_has_up_to_five_steps() {
        assert_eq!(steps("/"), some(&[]));
        assert_eq!(steps("/ember"), some(&["ember"]));
        assert_eq!(steps("/ember/9/isos/"), some(&["ember", "9", "isos"]));
        assert_eq!(steps("/ember/9/isos/x86_64"), steps("/ember/9/isos/x86_64/"));
        let file = some(&["ember", "9", "isos", "x86_64", "Ember-9.8-x86_64-dvd.iso"]);
        assert_eq!(steps("/ember/9/isos/x86_64/Ember-9.8-x86_64-dvd.iso"), file);
        assert_eq!(steps("/%65mber/%39/isos/x86%5f64/Ember-9%2E8-x86%5F64-dvd.iso"), file);
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for path in [
            "",
            "ember",
            "//",
            "/ember//isos",
            "/ember/9/isos/x86_64/a.iso/",
            "/ember/9/isos/x86_64/a/b",
            "/ember/9/isos/x86_64/..",
            "/ember/9/isos/x86_64/.hidden",
            "/ember/9/isos/x86_64/a%20b.iso",
            "/ember/9/isos/x86_64/a%0d%0ab",
            "/ember/9/isos/x86_64/a%2fb",
            "/ember/9/isos/x86_64/<script>",
            "/ember/%",
            "/ember/%4",
            "/ember/%zz",
        ] {
            assert_eq!(steps(path), None, "{path}");
        }
        assert_eq!(steps("/a%2fb/%00"), some(&["a\0b", "\0"]), "names that no folder has");
        let long = format!("/{}", "x".repeat(PATH_BYTES_MAX));
        assert_eq!((steps(&long), steps(&format!("{long}%41"))), (None, None));
        assert_eq!(steps(&format!("/a/b/isos/c/{}", "x".repeat(FILE_BYTES_MAX + 1))), None);
        assert!(steps(&format!("/a/b/isos/c/{}", "x".repeat(FILE_BYTES_MAX))).is_some());
    }
}
