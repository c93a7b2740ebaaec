//! Tables of autonomous systems out of text files: which system announces a prefix.
//!
//! Lives here: reading lines. Not here: overlaps and layout (`geoip::build`).
//!
//! A line is a network and a number, parted by white space or a comma: `192.0.2.0/24 64496`, `2001:db8::/32,AS64496`.
//! Whatever follows them after another comma or white space is for people. An address alone is a network of its own.
//! The number 0 is nobody. Empty lines, lines that begin with `#`, and a first line with the names of columns
//! (`network,…` or `prefix,…`) are passed over. Of nested networks the more specific counts.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::build::{BuildError, Builder, RangeError};
use crate::net::Asn;

/// Longest file, bytes. All of the Internet's routes of 2026, some 1.3 million lines, take about 35 MB.
pub const FILE_BYTES_MAX: u64 = 512 << 20;

/// Longest line, bytes. A network and a number have 54; the rest is for an organisation's name.
pub const LINE_BYTES_MAX: usize = 1024;

/// Names of the first column that make a line a heading.
const HEADINGS: [&str; 2] = ["network", "prefix"];

/// Why text files make no table.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Nothing to read.
    #[error("no file is given; name one or more with a network and an AS number per line")]
    NoFile,
    /// The file does not open or read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is longer than any of its kind.
    #[error("{}: is longer than {FILE_BYTES_MAX} bytes; is it another file?", path.display())]
    Long {
        /// The file.
        path: PathBuf,
    },
    /// A line of another form.
    #[error("{}:{line}: {reason}; correct the line", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: LineError,
    },
    /// A file of comments.
    #[error("{}: holds no AS number; write a network and a number on each line", path.display())]
    NoAsn {
        /// The file.
        path: PathBuf,
    },
    /// Too much for a table.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// No second field.
    #[error("not of the form `192.0.2.0/24 64496` or `192.0.2.0/24,64496`")]
    Form,
    /// Too long, or not UTF-8.
    #[error("no line of text of at most {LINE_BYTES_MAX} bytes")]
    Text,
    /// No network.
    #[error("`{0}` is no network")]
    Network(String),
    /// No number.
    #[error("`{0}` is no AS number")]
    Number(String),
    /// A prefix that is too long for its address.
    #[error(transparent)]
    Range(#[from] RangeError),
}

/// Compiles text files into the bytes of a table. Of equal networks the last counts.
pub fn compile(files: &[PathBuf]) -> Result<Vec<u8>, CompileError> {
    let mut builder = Builder::default();
    for path in files {
        read(path, &mut builder)?;
    }
    let names = files.iter().map(|path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned());
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        return Err(CompileError::NoFile);
    }
    Ok(builder.finish(&format!("text files: {}", names.join(", ")), "")?)
}

/// Reads one file into the builder.
fn read(path: &Path, builder: &mut Builder<Asn>) -> Result<(), CompileError> {
    let failed = |source| CompileError::Read { path: path.to_owned(), source };
    let mut text = BufReader::new(File::open(path).map_err(failed)?.take(FILE_BYTES_MAX + 1));
    let (mut bytes_read, mut any_asn, mut any_line) = (0, false, false);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let taken = text.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line).map_err(failed)?;
        if taken == 0 {
            break;
        }
        bytes_read += taken as u64;
        if bytes_read > FILE_BYTES_MAX {
            return Err(CompileError::Long { path: path.to_owned() });
        }
        let wrong = |reason| CompileError::Line { path: path.to_owned(), line: number, reason };
        let line = str::from_utf8(&line).ok().filter(|_| taken <= LINE_BYTES_MAX);
        let line = line.ok_or(LineError::Text).map_err(wrong)?.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let is_heading = !any_line && fields(line).next().is_some_and(is_heading);
        any_line = true;
        if is_heading {
            continue;
        }
        let (address, prefix_bits, asn) = parse(line).map_err(wrong)?;
        builder.add_prefix(address, prefix_bits, asn).map_err(|range| wrong(range.into()))?;
        any_asn |= asn.is_some();
    }
    if any_asn { Ok(()) } else { Err(CompileError::NoAsn { path: path.to_owned() }) }
}

fn fields(line: &str) -> impl Iterator<Item = &str> {
    let fields = line.split(|letter: char| letter == ',' || letter.is_whitespace());
    fields.map(|field| field.trim_matches('"')).filter(|field| !field.is_empty())
}

fn is_heading(field: &str) -> bool {
    HEADINGS.iter().any(|heading| field.eq_ignore_ascii_case(heading))
}

/// The network of a line, and whose it is.
fn parse(line: &str) -> Result<(IpAddr, u8, Option<Asn>), LineError> {
    let mut fields = fields(line);
    let (Some(network), Some(number)) = (fields.next(), fields.next()) else { return Err(LineError::Form) };
    let no_network = || LineError::Network(network.to_owned());
    let (address, prefix_bits) = match network.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| no_network())?)),
        None => (network, None),
    };
    let address: IpAddr = address.parse().map_err(|_| no_network())?;
    let prefix_bits = prefix_bits.unwrap_or(if address.is_ipv4() { 32 } else { 128 });
    let asn = Asn::parse(number.as_bytes());
    let is_nobody = matches!(number.trim_start_matches(['A', 'a', 'S', 's']), "0");
    if asn.is_none() && !is_nobody {
        return Err(LineError::Number(number.to_owned()));
    }
    Ok((address, prefix_bits, asn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geoip::Table;

    fn compiled(texts: &[&str]) -> Result<Table<Vec<u8>, Asn>, String> {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<PathBuf> = (0..texts.len()).map(|at| folder.path().join(format!("{at}.txt"))).collect();
        for (path, text) in files.iter().zip(texts) {
            std::fs::write(path, text).unwrap();
        }
        let bytes =
            compile(&files).map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))?;
        let table = Table::open_labelled(bytes).unwrap();
        table.check().unwrap();
        Ok(table)
    }

    #[test]
    fn both_forms_are_read_and_the_more_specific_counts() {
        let table = compiled(&[
            "# routes\n192.0.2.0/24 64496\n192.0.2.128/25\tAS64497\r\n\n198.51.100.7 64498 some name\n\
             192.0.2.192/26 0\n",
            "network,autonomous_system_number,autonomous_system_organization\n2001:db8::/32,64499,\"Example, Inc.\"\n\
             \"2001:db8:1::/48\",\"as4200000000\"\n",
        ])
        .unwrap();
        for (address, expected) in [
            ("192.0.2.1", Some(64_496)),
            ("192.0.2.129", Some(64_497)),
            ("192.0.2.193", None),
            ("192.0.3.0", None),
            ("198.51.100.7", Some(64_498)),
            ("198.51.100.8", None),
            ("2001:db8::1", Some(64_499)),
            ("2001:db8:1::1", Some(4_200_000_000)),
            ("2001:db9::", None),
            ("::ffff:192.0.2.1", Some(64_496)),
        ] {
            assert_eq!(table.asn(address.parse().unwrap()), expected.map(Asn), "{address}");
        }
        assert_eq!((table.source(), table.label_count()), ("text files: 0.txt, 1.txt", 5));
        assert_eq!(compiled(&["10.0.0.0/8 1"]).unwrap().labels().count(), 1, "a last line without its end");
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line() {
        for (text, expected) in [
            ("10.0.0.0/8\n", "0.txt:1: not of the form `192.0.2.0/24 64496` or `192.0.2.0/24,64496`; correct the line"),
            ("10.0.0.0/8 1\n10.0.0.0/x 2", "0.txt:2: `10.0.0.0/x` is no network; correct the line"),
            ("10.0.0.0/33 2", "0.txt:1: 10.0.0.0/33 has more bits than an address; correct the line"),
            ("\nnetwork,asn\nnetwork,asn\n", "0.txt:3: `network` is no network; correct the line"),
            ("10.0.0.0/8 x", "0.txt:1: `x` is no AS number; correct the line"),
            ("10.0.0.0/8 -1", "0.txt:1: `-1` is no AS number; correct the line"),
            ("# nothing\n", "0.txt: holds no AS number; write a network and a number on each line"),
            ("10.0.0.0/8 0\n", "0.txt: holds no AS number; write a network and a number on each line"),
        ] {
            assert_eq!(compiled(&[text]).err().as_deref(), Some(expected), "{text}");
        }
        let long = format!("10.0.0.0/8 1 {}", "x".repeat(LINE_BYTES_MAX));
        assert!(compiled(&[&long]).unwrap_err().contains("no line of text of at most 1024 bytes"));
        assert!(matches!(compile(&[]), Err(CompileError::NoFile)));
        let missing = compile(&[PathBuf::from("/nowhere/asn.txt")]).unwrap_err().to_string();
        assert!(missing.starts_with("/nowhere/asn.txt: cannot be read"), "{missing}");
    }
}
